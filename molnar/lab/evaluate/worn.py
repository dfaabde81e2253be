"""A picture in, who it shows and what is worn out: the nearest of many dressed-up drawings.

The world's own renderer dresses every subject, the asked ones and a dozen decoys, in every
accessory that fits, in several colours and styles, and in none. A picture is described as stickers
are (`stickers.describe_by_rule`) and compared with all of them. Nothing is learned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from molnar.base.images import unpremultiply
from molnar.lab.data.draw import Draw
from molnar.lab.data.dressing import room
from molnar.lab.data.palette import contrasts, stands_out, variants
from molnar.lab.data.render import render
from molnar.lab.data.spec import RGB, Accessory, Background, Spec, Thing
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.wardrobe import ACCESSORIES
from molnar.lab.data.wearing import fits
from molnar.lab.evaluate.scene_prompts import NOTHING, Seen
from molnar.lab.evaluate.sources import Pixels
from molnar.lab.evaluate.stickers import Gallery, describe_by_rule

#: Wearers that no prompt asks for: a judge that may only choose among the asked would guess well.
DECOYS = (
    "cow face", "hamster", "raccoon", "polar bear", "alien", "jack-o-lantern", "pile of poo",
    "teddy bear", "baby chick", "clown face", "grinning face", "woman",
)  # fmt: skip
STYLES = ("noto", "twemoji", "fluent-flat")  # of the gallery; the first is what silence means
COLOURS = 6  # renders of an accessory that comes in more
PORTRAIT_PX = 56  # of a render: a sprite of 64 need not be drawn anew for it
_WHOLE = 0.94  # side of the box around a wearer and what it wears


class GalleryJudge:
    """Judges pictures of one subject by the nearest of many renders."""

    def __init__(self, drawn: Iterable[tuple[str, str, Pixels | None]]) -> None:
        """Describe the renders.

        Args:
            drawn: of each, the subject, what is worn (or the colour, or the style) or NOTHING, and
                the picture, uint8 H W 3|4, straight alpha; None = there is none, it is left out.
        """
        there = [(name, thing, image) for name, thing, image in drawn if image is not None]
        keys = [(name, thing) for name, thing, _ in there]
        pictures = [image for _, _, image in there]
        self.gallery = Gallery(keys, describe_by_rule(pictures), describe_by_rule)

    def __call__(self, image: Pixels) -> Seen:
        """Look at uint8 H W 3|4, straight alpha: any picture of one object on a plain ground."""
        near = self.gallery.nearest(image)
        # the second half of a key is a drawing's style in the pack's gallery, the other in ours
        return Seen(near[0].style, tuple(one.name for one in near))


class WornJudge(GalleryJudge):
    """Judges pictures of one dressed-up subject."""

    def __init__(self, stickers: Stickers, subjects: Sequence[str]) -> None:
        """Draw and describe the gallery.

        Args:
            stickers: the pack.
            subjects: concepts that may be asked for, in the pack or not.
        """
        draw = Draw(np.random.default_rng(0))
        super().__init__(
            (subject, thing, portrait(stickers, subject, style, worn))
            for subject in dict.fromkeys((*subjects, *DECOYS))
            for style in STYLES
            if (subject, style) in stickers.sprites
            for thing in (NOTHING, *ACCESSORIES)
            for worn in wardrobe(stickers, subject, style, thing, draw)
        )


def wardrobe(
    stickers: Stickers, subject: str, style: str, thing: str, draw: Draw, most: int = COLOURS
) -> list[tuple[Accessory, ...]]:
    """List the ways of wearing a thing: in up to `most` colours that can be seen, none if no fit.

    Args:
        stickers: the pack.
        subject: the wearer.
        style: of its drawing.
        thing: an accessory, or NOTHING, which has one way.
        draw: decides the shade, and which colours where there are more than `most`.
        most: ways wanted.
    """
    if thing == NOTHING:
        return [()]
    if not fits(subject, style, thing):
        return []
    left = list(visible_colours(stickers.sprite(subject, style).rgb, thing))
    chosen = [left.pop(int(draw.random() * len(left))) for _ in range(min(most, len(left)))]
    return [
        (Accessory(name=thing, colour=colour, rgb=draw.choice(variants(colour))),)
        for colour in chosen
    ]


def visible_colours(rgb: RGB, thing: str) -> tuple[str, ...]:
    """Give the colours of an accessory that stand out against a wearer's mean sRGB, and on white.

    These are the world's own rules (`dressing.dress`); where none does, all are given.
    """
    piece = ACCESSORIES[thing]
    seen = tuple(
        colour
        for colour in piece.colours
        if stands_out(rgb, colour) and (piece.slot == "eyes" or contrasts(colour, "white"))
    )
    return seen or piece.colours


def portrait(
    stickers: Stickers,
    subject: str,
    style: str,
    worn: tuple[Accessory, ...] = (),
    rgb: RGB | None = None,
) -> Pixels:
    """Draw a subject and what it wears, whole, on nothing: uint8 56 56 4, straight alpha.

    Args:
        stickers: the pack.
        subject: concept.
        style: of its drawing.
        worn: by it.
        rgb: colour that it is drawn in, 0..255; None = its own.
    """
    aspect = stickers.sprite(subject, style).aspect
    left, top, right, bottom = room(subject, style, worn, aspect)
    size = _WHOLE / (1.0 + max(left + right, top + bottom))
    x, y = 0.5 + (left - right) / 2 * size, 0.5 + (top - bottom) / 2 * size
    thing = Thing(
        kind="sticker", name=subject, style=style, x=x, y=y, size=size, accessories=worn, rgb=rgb
    )  # fmt: skip
    clear = Background(colour=None, rgb=(0, 0, 0))
    spec = Spec(kind="sticker_wearing", things=(thing,), background=clear)
    return unpremultiply(render(spec, PORTRAIT_PX, stickers).image)
