"""A picture in, who it shows and in which colour out: the nearest of many drawings in all colours.

The world's own renderer draws every subject, the asked ones and a dozen decoys, in every colour and
in its own. A picture is described as stickers are (`stickers.describe_by_rule`) and compared with
all of them. Nothing is learned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from molnar.lab.data.draw import Draw
from molnar.lab.data.palette import COLOURS, variants
from molnar.lab.data.stickers import Stickers
from molnar.lab.evaluate.scene_prompts import NOTHING
from molnar.lab.evaluate.sources import Pixels
from molnar.lab.evaluate.worn import DECOYS, STYLES, GalleryJudge, portrait


class TintJudge(GalleryJudge):
    """Judges pictures of one subject in a colour."""

    def __init__(self, stickers: Stickers, subjects: Sequence[str]) -> None:
        """Draw and describe the gallery.

        Args:
            stickers: the pack.
            subjects: concepts that may be asked for, in the pack or not.
        """
        draw = Draw(np.random.default_rng(0))
        super().__init__(
            (subject, colour, in_colour(stickers, subject, style, colour, draw))
            for subject in dict.fromkeys((*subjects, *DECOYS))
            for style in STYLES
            for colour in (NOTHING, *COLOURS)
        )


def in_colour(
    stickers: Stickers, subject: str, style: str, colour: str, draw: Draw
) -> Pixels | None:
    """Draw a subject in a colour, or NOTHING for its own; None: there is no such drawing.

    Returns:
        uint8 56 56 4, straight alpha.
    """
    if (subject, style) not in stickers.sprites:
        return None
    rgb = None if colour == NOTHING else draw.choice(variants(colour))
    return portrait(stickers, subject, style, rgb=rgb)
