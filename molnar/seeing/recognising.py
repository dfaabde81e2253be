"""Patches in, things with names out: by outline, by likeness to drawings, by what explains them.

Names to choose from are few and come from cheap looks; the network, told each of them in turn,
decides (see `judging`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.base.types import Item, Plan
from molnar.plan.items import BACKGROUND, GROUNDS, MANNERS, MOST, TRANSPARENT
from molnar.seeing.colours import shares
from molnar.seeing.judging import Judge
from molnar.seeing.regions import Patch, grown
from molnar.seeing.saying import PLACES, WORN, Grammar
from molnar.seeing.silhouettes import SHAPES, shapes_of

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, right, bottom, 0 to 1

ONE_COLOUR = 0.7  # share of a patch that has one colour where it may be a shape
SURE_COLOUR, SURE_FIT, SURE_LEAD = 0.8, 0.8, 0.06  # and where it is one: fit, and so much better
FITS = 0.7  # overlap from which an outline fits
ALIKE, RATED = 8, 4  # names taken from drawings that look alike, and from the CLIP
CROWDED = 3  # patches from which fewer names are tried for each
ROOM = 0.3  # around a thing that is cut out, in its own size
NOT_THINGS = GROUNDS | MANNERS | frozenset({*WORN, *SHAPES})


@dataclass(frozen=True)
class Thing:
    """Something in a picture."""

    name: str
    box: Box
    colour: str | None = None
    worn: tuple[Item, ...] = ()  # what it wears, where in the picture

    @property
    def item(self) -> Item:
        """As a plan has it, of a square picture."""
        left, top, right, bottom = self.box
        return Item(
            name=self.name, colour=self.colour, x=(left + right) / 2, y=(top + bottom) / 2,
            width=right - left, height=bottom - top,
        )  # fmt: skip


def things_in(
    judge: Judge, grammar: Grammar, pixels: Bytes, ground: str, patches: Sequence[Patch]
) -> list[list[Thing]]:
    """Recognise what stands out from a ground.

    Args:
        judge: The model's eye.
        grammar: Its words.
        pixels: A square picture, uint8 S S 4.
        ground: A colour or "transparent".
        patches: One or more.

    Returns:
        For each patch what it can be, best first, at least one.
    """
    latent = judge.latent(pixels)
    few = len(patches) >= CROWDED
    found = []
    for patch in patches:
        options = options_of(judge, grammar, pixels, patch, ALIKE // 2 if few else ALIKE)
        found.append(weighed(judge, grammar, latent, ground, options))
    return found


def options_of(
    judge: Judge, grammar: Grammar, pixels: Bytes, patch: Patch, count: int
) -> list[Thing]:
    """List what a patch may be: shapes by their outline, things by how they look."""
    colours = shares(patch.colours)
    colour = next(iter(colours), None)
    even = colours[colour] if colour else 0.0
    outlines = [(name, fit) for name, fit in shapes_of(patch.outline) if name in judge.names]
    options: list[Thing] = []
    if colour and even >= ONE_COLOUR and outlines and outlines[0][1] >= FITS:
        options = [Thing(name, patch.box, colour) for name, _ in outlines[:2]]
        lead = outlines[0][1] - outlines[1][1] if len(outlines) > 1 else 1.0
        sure = even >= SURE_COLOUR and outlines[0][1] >= SURE_FIT and lead >= SURE_LEAD
        if sure and outlines[0][0] != "circle":
            return options[:1]
    names = names_of(judge, grammar, pixels, patch, count)
    return options + [Thing(name, patch.box) for name in names]


def names_of(judge: Judge, grammar: Grammar, pixels: Bytes, patch: Patch, count: int) -> list[str]:
    """Name the drawings that a patch looks like, and what the CLIP finds in it."""
    cut = cut_out(pixels, patch)
    names = judge.alike(cut, count)
    if judge.rates:
        rest = [name for name in judge.names if name not in NOT_THINGS]
        rated = judge.rate(cut, [grammar.one(name) for name in rest]) if rest else np.zeros(0)
        best = np.argsort(-rated, kind="stable")[: RATED if names or not count else count]
        names = [*names, *(rest[k] for k in best)]
    return list(dict.fromkeys(names)) or [name for name in judge.names if name in SHAPES][:count]


def weighed(
    judge: Judge, grammar: Grammar, latent: Floats, ground: str, options: Sequence[Thing]
) -> list[Thing]:
    """Sort what something may be by how well each lets the network guess the picture there."""
    if len(options) < 2:
        return list(options)
    said = [(grammar.one(thing.name, thing.colour), plan_of((thing,), ground)) for thing in options]
    errors = judge.errors(latent, said, cells_of(options[0].box, latent))
    return [options[k] for k in np.argsort(errors, kind="stable")]


def plan_of(things: Sequence[Thing], ground: str) -> Plan:
    """Write things as the plan of a square picture."""
    if ground == TRANSPARENT or ground in PLACES:
        behind = Item(name=ground, behind=True)
    else:
        behind = Item(name=BACKGROUND, colour=ground, behind=True)
    worn = (item for thing in things for item in thing.worn)
    return (behind, *(thing.item for thing in things), *worn)[:MOST]


def cells_of(box: Box, latent: Floats) -> Floats:
    """Mark the cells of a latent that a box touches: h w, 1 or 0."""
    rows, columns = latent.shape[2:]
    left, top, right, bottom = box
    marked = np.zeros((rows, columns), np.float32)
    marked[int(top * rows) : int(np.ceil(bottom * rows)),
           int(left * columns) : int(np.ceil(right * columns))] = 1  # fmt: skip
    return marked


def cut_out(pixels: Bytes, patch: Patch) -> Bytes:
    """Lay one patch on white, in the middle of a square with room around it: uint8 S S 4."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = patch.box
    half = max((right - left) * width, (bottom - top) * height) * (1 + 2 * ROOM) / 2
    mask = Image.fromarray(grown(patch.mask, 2).astype(np.uint8) * 255)
    inside = Image.fromarray(pixels)
    seen = np.minimum(pixels[..., 3], np.asarray(mask.resize((width, height))))
    inside.putalpha(Image.fromarray(seen))
    x, y = (left + right) / 2 * width, (top + bottom) / 2 * height
    side, across, down = max(8, round(2 * half)), round(x - half), round(y - half)
    canvas = Image.new("RGBA", (side, side), "white")
    canvas.alpha_composite(inside.crop((across, down, across + side, down + side)))
    return np.asarray(canvas)
