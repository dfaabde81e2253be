"""A picture in, where it is and who is there out: the nearest of many drawn places.

The world's own renderer draws every asked subject in every place, in several variants, with weather
as often as the world has it, and on plain backgrounds. Two comparisons follow. *Where*: the layout
of the whole picture (CIELAB colours and edge strength in 8 x 8 cells, the rim counting five times
as much as the middle, where the subject hides the place). *Who*: windows all over the picture are
compared, as stickers are, with how each subject looks in the place that was found; its window in
a render is known. The asked subjects are each other's decoys. Nothing is learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.lab.data.draw import Draw
from molnar.lab.data.palette import COLOURS, lab, stands_out, variants
from molnar.lab.data.places import OUTDOOR, PLACES, WEATHER, Place
from molnar.lab.data.placing import anywhere
from molnar.lab.data.render import render
from molnar.lab.data.settling import legible, standing
from molnar.lab.data.spec import Background, Spec, Thing
from molnar.lab.data.stickers import Stickers
from molnar.lab.evaluate.scene_prompts import NOTHING, Seen
from molnar.lab.evaluate.segments import on_white
from molnar.lab.evaluate.sources import Pixels
from molnar.lab.evaluate.stickers import describe_by_rule

Vectors = NDArray[np.float32]

STYLES = ("noto", "noto", "noto", "fluent-flat")  # of the renders of a subject in a place
SCENE_PX = 64  # side of a render: a sprite of 64 need not be drawn anew for it
_WEATHER_P = 0.2  # the world's
_TRIES = 8  # variants, before a subject that cannot be seen in a place is left out there
_SIDE = 32  # of a picture that is described
_CELLS = 8
_EDGE = 2.0  # weight of edge strength beside CIELAB units
_WINDOWS = ((0.46, 7), (0.57, 6), (0.70, 5))  # side as a fraction of the picture's, steps each way
MARGIN = 1.06  # side of a window over that of the object in it


@dataclass(frozen=True, slots=True)
class View:
    """A render, uint8 S S 3, and the square (left, top, side) around its subject in pixels."""

    image: Pixels
    square: tuple[float, float, float]


class PlaceJudge:
    """Judges pictures of one subject in a place."""

    def __init__(self, stickers: Stickers, subjects: Sequence[str]) -> None:
        """Draw and describe the gallery.

        Args:
            stickers: the pack.
            subjects: concepts that may be asked for, in the pack or not.
        """
        draw = Draw(np.random.default_rng(0))
        self.grounds: list[str] = []
        self.names: list[str] = []
        views: list[View] = []
        for name in (*PLACES, NOTHING):
            for subject in dict.fromkeys(subjects):
                for style in STYLES:
                    found = view(stickers, subject, style, name, draw)
                    if found is not None:
                        self.grounds.append(name)
                        self.names.append(subject)
                        views.append(found)
        self._layouts = np.stack([layout(one.image) for one in views])
        self._squares = describe_by_rule([cut(Image.fromarray(o.image), o.square) for o in views])

    def __call__(self, image: Pixels) -> Seen:
        """Look at uint8 H W 3|4, straight alpha."""
        gaps = ((self._layouts - layout(image)) ** 2).sum(1)
        ground = self.grounds[int(gaps.argmin())]
        here = np.array([name == ground for name in self.grounds])
        return Seen(ground, alike(image, np.array(self.names)[here], self._squares[here], 5))


def alike(image: Pixels, names: NDArray[Any], squares: Vectors, most: int) -> tuple[str, ...]:
    """Name what windows of a picture look most like, the likest first.

    Args:
        image: uint8 H W 3|4, straight alpha.
        names: N, of what is described.
        squares: float32 N K, by `describe_by_rule`.
        most: how many names; one may come twice.
    """
    likeness = (squares @ describe_by_rule(windows(image)).T).max(1)
    return tuple(map(str, names[np.argsort(-likeness, kind="stable")[:most]]))


def view(
    stickers: Stickers, subject: str, style: str, name: str, draw: Draw, px: int = SCENE_PX
) -> View | None:
    """Draw a subject in a place, as the world would; None: no drawing, or it cannot be seen there.

    Args:
        stickers: the pack.
        subject: concept.
        style: of its drawing.
        name: of the place, or NOTHING for a plain background.
        draw: decides variant, weather, size and where things are.
        px: side of the render.
    """
    sprite = stickers.sprites.get((subject, style))
    if sprite is None:
        return None
    for _ in range(_TRIES):
        # the world's sizes; on a plain ground a little less, or its sprite would be drawn anew
        size = draw.uniform(0.60, 0.74) if name == NOTHING else draw.uniform(0.72, 0.90)
        x, y = anywhere(draw, size, centred=0.6)
        things: tuple[Thing, ...] = (
            Thing(kind="sticker", name=subject, style=style, x=x, y=y, size=size),
        )
        place: Place | None = None
        ground = Background()
        if name == NOTHING:
            colour = "white" if draw.chance(0.5) else draw.choice(COLOURS)
            ground = Background(colour=colour, rgb=draw.choice(variants(colour)))
            seen = stands_out(sprite.rgb, colour)
        else:
            rainy = name in OUTDOOR and draw.chance(_WEATHER_P)
            weather = draw.choice(WEATHER) if rainy else None
            place = Place(name=name, variant=int(draw.random() * 2**16), weather=weather)
            things = standing(draw, things, place, (sprite.height,), (0.0,))
            seen = legible(place, things, (sprite.rgb,))
        if seen:
            spec = Spec(kind="sticker", things=things, background=ground, place=place)
            (thing,) = things
            reach = thing.size * px * MARGIN / 2
            square = (thing.x * px - reach, thing.y * px - reach, 2 * reach)
            return View(np.ascontiguousarray(render(spec, px, stickers).image[..., :3]), square)
    return None


def layout(image: Pixels) -> Vectors:
    """Describe a whole picture by its layout: float32 320, weighed CIELAB units.

    Args:
        image: uint8 H W 3|4, straight alpha; another shape than a square is taken as if it were.
    """
    small = Image.fromarray(on_white(image)).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    colours = lab(np.asarray(small)).astype(np.float32)
    down, across = np.gradient(colours[..., 0])
    edges = _EDGE * np.stack([abs(down), abs(across)], axis=-1)
    cell = _SIDE // _CELLS
    values = np.concatenate([colours, edges], axis=-1).reshape(_CELLS, cell, _CELLS, cell, -1)
    at = abs((np.arange(_CELLS) + 0.5) / _CELLS * 2 - 1)
    weight = 0.1 + np.maximum(at[:, None], at[None, :])  # 0.2 in the middle, 1 at the rim
    return np.asarray((values.mean((1, 3)) * weight[..., None]).ravel(), np.float32)


def windows(image: Pixels) -> list[Pixels]:
    """Cut overlapping squares of three sizes out of a picture: uint8 32 32 3 each."""
    flat = on_white(image)
    shorter = min(flat.shape[:2])
    picture = Image.fromarray(flat)
    return [
        cut(picture, (float(left), float(top), share * shorter))
        for share, steps in _WINDOWS
        for top in np.linspace(0, flat.shape[0] - share * shorter, steps)
        for left in np.linspace(0, flat.shape[1] - share * shorter, steps)
    ]


def cut(picture: Image.Image, square: tuple[float, float, float]) -> Pixels:
    """Read a square (left, top, side) in pixels at 32 x 32; what is outside is left out."""
    left, top, side = square
    box = (max(left, 0.0), max(top, 0.0), min(left + side, picture.width),
           min(top + side, picture.height))  # fmt: skip
    small = picture.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, box=box)
    return np.asarray(small, np.uint8)
