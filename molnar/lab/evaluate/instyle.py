"""A picture in, who it shows and in which drawing style out: the nearest of all their drawings.

Every subject, the asked ones and a dozen decoys, is taken in every style of the pack. A picture is
described as stickers are (`stickers.describe_by_rule`) and compared with all of them. Nothing is
learned.
"""

from __future__ import annotations

from collections.abc import Sequence

from molnar.base.looks import STYLES
from molnar.lab.data.captions import STYLE_WORDS
from molnar.lab.data.stickers import Stickers
from molnar.lab.evaluate.scene_prompts import NOTHING
from molnar.lab.evaluate.sources import Pixels
from molnar.lab.evaluate.worn import DECOYS, GalleryJudge, portrait

#: What is asked for -> the style of the pack; what is not asked for is drawn as most things are.
PACK = {NOTHING: "noto"} | {word: style for style, word in STYLE_WORDS.items() if word in STYLES}


class StyleJudge(GalleryJudge):
    """Judges pictures of one subject in a drawing style."""

    def __init__(self, stickers: Stickers, subjects: Sequence[str]) -> None:
        """Describe the gallery.

        Args:
            stickers: the pack.
            subjects: concepts that may be asked for, in the pack or not.
        """
        super().__init__(
            (subject, word, in_style(stickers, subject, word))
            for subject in dict.fromkeys((*subjects, *DECOYS))
            for word in PACK
        )


def in_style(stickers: Stickers, subject: str, word: str) -> Pixels | None:
    """Draw a subject in the style of a word, or NOTHING; None: there is no such drawing.

    Returns:
        uint8 56 56 4, straight alpha.
    """
    style = PACK[word]
    return portrait(stickers, subject, style) if (subject, style) in stickers.sprites else None
