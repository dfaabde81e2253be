"""A picture and words in, a mask of what they mean in it out.

The plan says what is where, as boxes; a picture without one is recognised first. A box becomes the
drawn shape by two looks: pixels that differ from a plain ground, and cells of which the network
guesses something else when it is told everything but this thing.

Source: Couairon et al. 2022, arXiv 2210.11427, section 3.2 (masks from differences of estimates
under two texts), with plans in the texts' place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from molnar.base.errors import RequestError
from molnar.base.types import Item, Plan
from molnar.canvas import Canvas, canvas
from molnar.pipeline import Pipeline
from molnar.plan.items import overlap
from molnar.seeing.describe import recognise
from molnar.seeing.judging import Judge, judge_of
from molnar.seeing.matching import colours_in, meant, name_meant
from molnar.seeing.regions import SIDE, grown, look
from molnar.seeing.silhouettes import SHAPES
from molnar.starting import as_seen, within
from molnar.verbs import Parent

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

TIMES, SEEDS = (0.6, 0.8), (0, 1)  # at which estimates are compared
DIFFERS = 0.25  # of the largest difference in a box, from which a cell is the thing's
REACH = 0.15  # of its size, by which a box is grown before it is looked into
LEAST = 0.12  # share of its box that a thing must fill, or the box stands for it
ALMOST = 0.65  # share of what one shape explains, from which another may be meant
MARGIN = 0.006  # of the shorter side, by which a mask is grown


def where(pipeline: Pipeline, parent: Parent, words: str) -> Bytes:
    """Mark what words mean in a picture.

    Args:
        pipeline: A model with a planner.
        parent: The picture, and its plan if there is one.
        words: A name or what is like it ("hat" for a beret), with a colour or a side ("the red
            star", "the left star"); "background" is all that is no thing.

    Returns:
        uint8 H W 3, white where it is, else black; of the picture's size.

    Raises:
        RequestError: nothing fits, and what there is; or the model has no planner.

    Example:
        >>> where(load("sticker"), parent, "hat").mean()  # doctest: +SKIP
        24.1
    """
    judge = judge_of(pipeline)
    plan = parent.plan or recognise(pipeline, parent.pixels)
    try:
        found = meant(pipeline, plan, words)
    except RequestError:
        mistaken = None if parent.plan else _mistaken(judge, pipeline, parent, plan, words)
        if mistaken is None:
            raise
        found = [mistaken]
    if any(plan[k].behind for k in found):
        things = [k for k, item in enumerate(plan) if not item.behind]
        mask = ~_marked(judge, pipeline, parent, plan, things)
    else:
        mask = _marked(judge, pipeline, parent, plan, found)
    if not mask.any():
        raise RequestError(f"nothing is left of {words!r} in the picture; expected a larger thing")
    light = np.where(mask, 255, 0).astype(np.uint8)
    return np.repeat(light[..., None], 3, axis=-1)


def _mistaken(
    judge: Judge, pipeline: Pipeline, parent: Parent, plan: Plan, words: str
) -> int | None:
    """Find the shape that was taken for another one, and can be what is asked for.

    It can if the network, told what is asked for in its place, guesses nearly as much of it. Of
    things that are no shapes this tells too little: a guitar in pink explains a pink circle.
    """
    name, colours = name_meant(pipeline, words), colours_in(words)
    if name not in SHAPES:
        return None
    _, latent = _seen(judge, pipeline, parent)
    best: tuple[float, int | None] = (ALMOST, None)
    for k, item in enumerate(plan):
        if item.name not in SHAPES or (colours and item.colour not in {*colours, None}):
            continue
        asked, bare = replace(item, name=name), (*plan[:k], *plan[k + 1 :])
        plans = (plan, (*plan[:k], asked, *plan[k + 1 :]), bare)
        cells = _fitted_cells(item, latent)
        known, other, nothing = judge.errors(latent, [("a picture", one) for one in plans], cells)
        if nothing > known and (nothing - other) / (nothing - known) > best[0]:
            best = (nothing - other) / (nothing - known), k
    return best[1]


def _fitted_cells(item: Item, latent: Floats) -> Floats:
    """Mark the cells of an item's box: h w, 1 or 0; all if it has none."""
    cells = _box(item, (latent.shape[2], latent.shape[3]), 0.1).astype(np.float32)
    return cells if cells.any() else np.ones_like(cells)


def _marked(
    judge: Judge, pipeline: Pipeline, parent: Parent, plan: Plan, found: Sequence[int]
) -> Mask:
    """Mark items of a plan in a picture: H W."""
    mask = np.zeros(parent.size, bool)
    if not found:
        return mask
    stands = _standing(parent.pixels)
    changed = _changes(judge, pipeline, parent, plan, found)
    for k, change in zip(found, changed, strict=True):
        others = (item for n, item in enumerate(plan) if n != k and not item.behind)
        alone = not any(overlap(plan[k], other) for other in others)
        # Alone on a plain ground, it is all that stands out there.
        told = np.ones_like(change) if alone and stands is not None else change
        mask |= _shape(plan[k], told, stands, parent.size)
    return mask


def _shape(item: Item, change: Floats, stands: Mask | None, size: tuple[int, int]) -> Mask:
    """Find the pixels of an item near its box."""
    near = _box(item, size, REACH)
    peak = float(change[near].max()) if near.any() else 0.0
    inside = near & (change > DIFFERS * peak) if peak > 0 else near
    if stands is not None:
        inside &= stands
    box = _box(item, size, 0.0)
    if inside.sum() < LEAST * box.sum():
        return box
    return _wider(inside, max(1, round(MARGIN * min(size))))


def _changes(
    judge: Judge, pipeline: Pipeline, parent: Parent, plan: Plan, found: Sequence[int]
) -> list[Floats]:
    """Say how much each pixel changes if an item is not told: H W each, 0 and more."""
    shape, latent = _seen(judge, pipeline, parent)
    text = parent.request.prompt if parent.request is not None else "a picture"
    text = pipeline.read(text)
    less = [tuple(item for n, item in enumerate(plan) if n != k) for k in found]
    total = np.zeros((len(found), *latent.shape[2:]), np.float32)
    for t in TIMES:
        for seed in SEEDS:
            each = judge.estimates(latent, [(text, one) for one in (plan, *less)], t, seed)
            total += ((each[1:] - each[:1]) ** 2).mean(axis=1)
    return [_fitted(plane, shape, parent.size) for plane in np.sqrt(total)]


def _seen(judge: Judge, pipeline: Pipeline, parent: Parent) -> tuple[Canvas, Floats]:
    """Encode a picture in the shape in which the model would have drawn it."""
    height, width = parent.size
    manifest = pipeline.bundle.manifest
    asked = judge.frame.replaced(height=height, width=width)
    shape = canvas(asked, manifest)
    latent = pipeline.parts.encode(within(as_seen(parent.pixels), shape))
    return shape, np.asarray(latent, np.float32)


def _fitted(cells: Floats, shape: Canvas, size: tuple[int, int]) -> Floats:
    """Bring a plane of cells h w back to the pixels of the picture, as drawings are cut to it."""
    height, width = size
    scale = min(shape.height / height, shape.width / width)
    rows, columns = cells.shape
    high, wide = height * scale / shape.height * rows, width * scale / shape.width * columns
    top, left = (rows - high) / 2, (columns - wide) / 2
    box = (left, top, left + wide, top + high)
    plane = Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC, box)
    return np.maximum(np.asarray(plane, np.float32), 0)


def _standing(pixels: Bytes) -> Mask | None:
    """Mark what stands out from a plain ground: H W; None if the ground is not plain."""
    scene = look(pixels)
    if scene.ground is None:
        return None
    mask = np.zeros((SIDE, SIDE), bool)
    for patch in scene.patches:
        mask |= patch.mask
    light = Image.fromarray(mask.astype(np.uint8) * 255)
    height, width = pixels.shape[:2]
    return np.asarray(light.resize((width, height), Image.Resampling.BILINEAR)) > 127


def _box(item: Item, size: tuple[int, int], reach: float) -> Mask:
    """Mark an item's box, grown by a share of its size."""
    side = min(size)
    half = item.width * (0.5 + reach) * side, item.height * (0.5 + reach) * side
    rows = np.arange(size[0])[:, None] + 0.5
    columns = np.arange(size[1])[None, :] + 0.5
    return np.asarray(
        (np.abs(columns - item.x * side) < half[0]) & (np.abs(rows - item.y * side) < half[1])
    )


def _wider(mask: Mask, pixels: int) -> Mask:
    if pixels <= 2:
        return grown(mask, pixels)
    light = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(light.filter(ImageFilter.MaxFilter(2 * pixels + 1))) > 127
