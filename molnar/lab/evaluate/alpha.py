"""Prompts for a shape on a transparent background in, two figures out: is it, and how exactly.

*Transparent*: at least nine tenths of the rim, and of what lies outside the object's box, have an
alpha below 0.1, and there is an object of alpha above 0.9. *Overlap*: intersection over union of
the picture's alpha (0.5 and more) and the asked shape, drawn exactly into the box that was found,
at the best of some small shifts and sizes. The measure is itself tested on renders of the world: on
true ones, on opaque ones, and on those of another shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from molnar.base.images import unpremultiply
from molnar.base.rng import generator
from molnar.lab.data import concepts
from molnar.lab.data.draw import Draw
from molnar.lab.data.heldout import colour_held_out
from molnar.lab.data.palette import PALETTE
from molnar.lab.data.placing import anywhere
from molnar.lab.data.render import render
from molnar.lab.data.shapes import SHAPES
from molnar.lab.data.spec import Background, Spec, Thing
from molnar.lab.evaluate.intervals import bootstrap, wilson
from molnar.lab.evaluate.proceval import Progress, plain
from molnar.lab.evaluate.prompts import Split
from molnar.lab.evaluate.segments import judged_size
from molnar.lab.evaluate.shown import Shown
from molnar.lab.evaluate.sources import Pixels, Source

VERSION = 1
CLEAR, SOLID = 0.1, 0.9  # alpha below which a pixel is transparent, above which it is an object
SHARE = 0.9  # least share of the rim, and of what lies outside the box, that is transparent
_RIM = 1 / 64  # width of the rim, fraction of the shorter side: the world's things keep off it
_LEAST = 0.002  # share of the picture that an object covers at least, else it is a speck
_SHIFTS = (-0.04, -0.02, 0.0, 0.02, 0.04)  # fractions of the box's longer side
_SIZES = (0.92, 0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06, 1.08)
_TEST_PX = 192  # of the renders that test the measure

#: The prompts: (colour, shape). The beginning of the list is a fair short exam.
ASKED: tuple[tuple[str, str], ...] = (
    ("red", "circle"), ("green", "square"), ("blue", "star"), ("purple", "triangle"),
    ("red", "heart"), ("orange", "ring"), ("yellow", "crescent"), ("cyan", "diamond"),
    ("orange", "cross"), ("brown", "hexagon"), ("blue", "circle"), ("purple", "square"),
    ("yellow", "star"), ("green", "triangle"), ("pink", "heart"), ("blue", "ring"),
    ("blue", "crescent"), ("red", "diamond"), ("purple", "cross"), ("cyan", "hexagon"),
    ("black", "circle"), ("orange", "star"), ("gray", "ring"), ("green", "heart"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cut:
    """How a picture's alpha fits a shape: whether the ground is clear, and the overlap, 0..1."""

    transparent: bool
    overlap: float


def prompt_of(colour: str, shape: str) -> str:
    """Ask for a shape on nothing: ``an orange star on a transparent background``."""
    words = f"{colour} {shape}"
    return f"{concepts.article(words) or 'a '}{words} on a transparent background"


def measure(
    source: Source, num_prompts: int, seeds: Sequence[int], progress: Progress | None = None
) -> tuple[dict[str, Any], list[Shown]]:
    """Draw the prompts, measure their alpha, and test the measure.

    Args:
        source: what draws.
        num_prompts: 1 or more, from the beginning of ASKED.
        seeds: one or more, the same for every prompt.
        progress: called with how many pictures are drawn, of how many.

    Returns:
        The section as plain data, and all pictures.
    """
    asked = ASKED[:num_prompts]
    cuts: list[list[Cut]] = []
    shown: list[Shown] = []
    for colour, shape in asked:
        own = []
        for seed in seeds:
            image = source(prompt_of(colour, shape), seed)
            own.append(judge(image, shape))
            shown.append(_shown(colour, shape, seed, image, own[-1]))
            if progress is not None:
                progress(len(shown), len(asked) * len(seeds))
        cuts.append(own)
    splits = [_split(*pair) for pair in asked]
    overlaps = [cut.overlap for own in cuts for cut in own]
    result: dict[str, Any] = {
        "version": VERSION,
        "transparent": plain(bootstrap([[float(c.transparent) for c in own] for own in cuts])),
        "overlap_mean": plain(bootstrap([[c.overlap for c in own] for own in cuts])),
        "overlap_median": round(float(np.median(overlaps)), 4),
        "num_prompts": len(asked),
        "num_pictures": len(shown),
    }
    for name in ("seen", "heldout"):
        chosen = [own for own, split in zip(cuts, splits, strict=True) if split == name]
        values = [[float(c.transparent) for c in own] for own in chosen]
        result[f"transparent_{name}"] = plain(bootstrap(values))
    return result | measure_test(), shown


def _split(colour: str, shape: str) -> Split:
    return "heldout" if colour_held_out(shape, colour) else "seen"


def _shown(colour: str, shape: str, seed: int, image: Pixels, cut: Cut) -> Shown:
    note = {"seen": "seen", "heldout": "held out"}[_split(colour, shape)]
    ground = "transparent" if cut.transparent else "not transparent"
    words = f"{ground}, overlap {cut.overlap:.2f}"
    small = judged_size(image)
    return Shown(prompt_of(colour, shape), note, seed, small, cut.transparent, words)


def judge(image: Pixels, shape: str) -> Cut:
    """Measure one picture.

    Args:
        image: uint8 H W 4 with straight alpha; of three channels, it is opaque.
        shape: one of SHAPES, that was asked for.
    """
    height, width = image.shape[:2]
    if image.shape[2] == 3:
        alpha = np.ones((height, width), np.float32)
    else:
        alpha = np.asarray(image[..., 3] / 255, np.float32)
    box = _largest(alpha >= 0.5)
    if box is None:
        return Cut(False, 0.0)
    clear = alpha < CLEAR
    rim = max(1, round(_RIM * min(height, width)))
    edge, outside = np.ones_like(clear), np.ones_like(clear)
    edge[rim:-rim, rim:-rim] = False
    outside[box] = False
    solid = float((alpha > SOLID).mean()) >= _LEAST
    # a box that fills the picture leaves nothing outside: then the rim alone decides
    around = not outside.any() or float(clear[outside].mean()) >= SHARE
    transparent = solid and around and float(clear[edge].mean()) >= SHARE
    return Cut(transparent, overlap(alpha >= 0.5, box, shape))


def _largest(mask: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Find the box (rows, columns) of the largest patch; None if that is a speck."""
    patches, count = ndimage.label(mask)
    if not count:
        return None
    sizes = np.bincount(patches.ravel())
    sizes[0] = 0
    best = int(sizes.argmax())
    if sizes[best] < _LEAST * mask.size:
        return None
    rows, columns = ndimage.find_objects(patches)[best - 1]
    return rows, columns


def overlap(mask: NDArray[np.bool_], box: tuple[slice, slice], shape: str) -> float:
    """Give the best intersection over union of a mask H W and a shape drawn into a box, 0..1.

    The shape keeps its proportions: it gets the area of the box, and its own middle there.
    """
    rows, columns = box
    wide, high = columns.stop - columns.start, rows.stop - rows.start
    longer = max(wide, high)
    left, top, right, bottom = _extent(shape)
    half = float(np.sqrt(wide * high / ((right - left) * (bottom - top))))  # pixels per unit
    x0 = (columns.start + columns.stop) / 2 - half * (left + right) / 2
    y0 = (rows.start + rows.stop) / 2 - half * (top + bottom) / 2
    # whatever its proportions, the shape lies in the box and a quarter more on each side
    near = tuple(slice(max(0, s.start - longer // 4 - 1), s.stop + longer // 4 + 1) for s in box)
    part = mask[near]
    beyond = int(mask.sum()) - int(part.sum())
    ticks_x = np.arange(part.shape[1], dtype=np.float32)[None, :] + near[1].start + 0.5
    ticks_y = np.arange(part.shape[0], dtype=np.float32)[:, None] + near[0].start + 0.5

    def fit(dx: float, dy: float, size: float) -> float:
        reach = half * size
        x, y = (ticks_x - x0 - dx * longer) / reach, (ticks_y - y0 - dy * longer) / reach
        drawn = np.asarray(SHAPES[shape](x, y)) < 0
        return float((part & drawn).sum() / max(1, int((part | drawn).sum()) + beyond))

    size, dx, dy = 1.0, 0.0, 0.0
    for _ in range(2):  # one after the other, and once more: they hardly depend on each other
        size = max(_SIZES, key=lambda one: fit(dx, dy, one))
        dx = max(_SHIFTS, key=lambda one: fit(one, dy, size))
        dy = max(_SHIFTS, key=lambda one: fit(dx, one, size))
    return fit(dx, dy, size)


@lru_cache(maxsize=len(SHAPES))
def _extent(shape: str) -> tuple[float, float, float, float]:
    """Measure a shape's tight box (left, top, right, bottom) in its own units."""
    ticks = (np.arange(1024) + 0.5) / 1024 * 2.4 - 1.2
    inside = np.asarray(SHAPES[shape](ticks[None, :], ticks[:, None])) < 0
    across, down = ticks[inside.any(0)], ticks[inside.any(1)]
    return float(across[0]), float(down[0]), float(across[-1]), float(down[-1])


def measure_test(seed: int = 0) -> dict[str, Any]:
    """Measure renders of every prompt: as asked, opaque, and of another shape.

    Returns:
        Shares called transparent (with Wilson's intervals), the mean overlap and the least of the
        true renders, and the mean and largest overlap of another shape.
    """
    rng = generator(seed, 47)
    names = tuple(SHAPES)
    true, opaque, other = [], [], []
    for colour, shape in ASKED:
        wrong = names[(names.index(shape) + 1 + int(rng.integers(len(names) - 1))) % len(names)]
        true.append(judge(_render(colour, shape, False, rng), shape))
        opaque.append(judge(_render(colour, shape, True, rng), shape))
        other.append(judge(_render(colour, wrong, False, rng), shape))

    def share(cuts: Sequence[Cut]) -> list[float] | None:
        return plain(wilson(sum(cut.transparent for cut in cuts), len(cuts)))

    def of(function: Callable[[list[float]], Any], cuts: Sequence[Cut]) -> float:
        return round(float(function([cut.overlap for cut in cuts])), 4)

    return {
        "judge_true_transparent": share(true),
        "judge_opaque_transparent": share(opaque),
        "judge_true_overlap": of(np.mean, true),
        "judge_true_overlap_least": of(min, true),
        "judge_other_shape_overlap": of(np.mean, other),
        "judge_other_shape_overlap_most": of(max, other),
    }


def _render(colour: str, shape: str, opaque: bool, rng: np.random.Generator) -> Pixels:
    """Draw a shape somewhere, at some size, on nothing or on white."""
    draw = Draw(rng)
    size = draw.uniform(0.3, 0.8)
    x, y = anywhere(draw, size, centred=0.5)
    thing = Thing(kind="shape", name=shape, colour=colour, rgb=PALETTE[colour], x=x, y=y, size=size)
    ground = Background() if opaque else Background(colour=None, rgb=(0, 0, 0))
    spec = Spec(kind="single", things=(thing,), background=ground)
    return unpremultiply(render(spec, _TEST_PX).image)
