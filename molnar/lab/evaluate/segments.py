"""Picture in, coloured regions out: what the judge sees before it reasons.

Hard-edged vector drawings are easy; a model's pictures and JPEGs have soft edges, where a mix of
red and white is pink. So palette names are given only to *flat* pixels (small first gradient:
region interiors, and the ridge of thin strokes, but never the slope of an edge) and every other
pixel joins the flat neighbour it resembles most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from molnar.base.cielab import delta_e as delta_e
from molnar.base.likeness import on_white as on_white
from molnar.lab.data.palette import COLOURS, centres, lab

SIDE_PX = 128  # longest side a picture is judged at
AREA_FLOOR = 0.004  # share of the picture below which a region is debris, not an object
FLAT = 7.0  # dE per pixel: steeper than this is an edge
REJECT = 42.0  # dE to the nearest palette colour beyond which a pixel has no name
CLEAR = -2  # label of transparent pixels
REACH_PX = 5.0  # how far an edge pixel looks for a flat neighbour


@dataclass(frozen=True, slots=True)
class Region:
    """One connected patch of one palette colour.

    ``coverage`` is float H W, 0-1, the share of each pixel the patch covers, with enclosed
    *objects* filled in (background seen through a hole stays a hole); ``area_px`` is its sum.
    ``centre`` is (x, y) and ``box`` (left, top, right, bottom), in pixels of the judged picture.
    """

    colour: str
    coverage: NDArray[np.float32]
    area_px: float
    centre: tuple[float, float]
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Segments:
    """Regions of a picture, largest first; background: a name, "transparent", None if unclear."""

    background: str | None
    regions: tuple[Region, ...]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Patch:
    """A connected patch before it is measured: with and without holes, and what lies around."""

    label: int
    mask: NDArray[np.bool_]
    filled: NDArray[np.bool_]
    surround: int


def judged_size(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resample uint8 H W 3|4 (straight alpha) to a longest side of 128, by area when it shrinks."""
    if image.ndim != 3 or image.shape[2] not in (3, 4) or image.dtype != np.uint8:
        raise ValueError(
            f"got {image.dtype} {image.shape}, expected uint8 of shape (H, W, 3) or (H, W, 4)"
        )
    height, width = image.shape[:2]
    scale = SIDE_PX / max(height, width)
    if scale == 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    if image.shape[2] == 3:
        return np.asarray(Image.fromarray(image).resize(size, how))
    # in mode RGBa Pillow weighs by alpha: the colour of clear pixels must not bleed in
    return np.asarray(
        Image.fromarray(image, "RGBA").convert("RGBa").resize(size, how).convert("RGBA")
    )


def segment(image: NDArray[np.uint8], use_alpha: bool = False) -> Segments:
    """Split a picture into background and coloured regions.

    Args:
        image: uint8 H W 3|4, any size, straight alpha.
        use_alpha: pixels under half opacity are background "transparent"; otherwise the picture is
            put on white.
    """
    small = judged_size(image)
    rgb = on_white(small)
    labels, seeds = label_colours(rgb)
    if use_alpha and small.shape[2] == 4:
        clear = small[..., 3] < 128
        labels, seeds = np.where(clear, CLEAR, labels), np.where(clear, CLEAR, seeds)
    ground = _background(labels)
    floor = AREA_FLOOR * labels.size
    patches = [
        _Patch(int(label), mask, ndimage.binary_fill_holes(mask), _surround(mask, labels))
        for label in np.unique(labels)
        if label >= 0 and label != ground
        for mask in _patches(labels == label, floor)
    ]
    solid = [
        patch for patch in patches if not any(_seen_through(patch, other) for other in patches)
    ]
    regions = [_region(patch, rgb, labels, seeds, ground) for patch in solid]
    regions.sort(key=lambda region: -region.area_px)
    background = "transparent" if ground == CLEAR else COLOURS[ground] if ground >= 0 else None
    return Segments(background, tuple(regions), labels.shape[1], labels.shape[0])


def label_colours(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Name every pixel of a uint8 H W 3 picture.

    Returns:
        Index into the palette for every pixel (-1 only when the picture has no flat pixel at all),
        and the same for flat pixels alone, -1 on edges.
    """
    smooth = ndimage.gaussian_filter(lab(rgb).astype(np.float32), (0.6, 0.6, 0))
    steps = [ndimage.correlate1d(smooth, [-0.5, 0, 0.5], axis=axis) for axis in (0, 1)]
    slope = sum(np.einsum("hwc,hwc->hw", step, step) for step in steps)
    middles = centres().astype(np.float32)
    # |a - b|^2 = |a|^2 - 2 ab + |b|^2: one matrix product instead of twelve differences
    gaps = (middles**2).sum(-1) - 2 * smooth @ middles.T
    least = np.einsum("hwc,hwc->hw", smooth, smooth) + gaps.min(-1)
    flat = (slope < FLAT**2) & (least < REJECT**2)
    seeds = _without_specks(np.where(flat, gaps.argmin(-1), -1))
    return _grow(seeds, smooth), seeds


def _without_specks(names: NDArray[Any]) -> NDArray[np.int64]:
    """Drop seed patches of fewer than four pixels: an inflection on an edge is not a colour."""
    kept = np.full(names.shape, -1, np.int64)
    for label in np.unique(names[names >= 0]):
        patches, count = ndimage.label(names == label, structure=np.ones((3, 3)))
        sizes = np.bincount(patches.ravel(), minlength=count + 1)
        kept[(patches > 0) & (sizes[patches] >= 4)] = label
    return kept


def _grow(seeds: NDArray[np.int64], smooth: NDArray[np.float32]) -> NDArray[np.int64]:
    """Give every nameless pixel the label of the nearby seed whose colour is closest."""
    todo = seeds < 0
    if todo.all():
        return seeds
    own = smooth[todo]
    best, chosen = np.full(len(own), np.inf, np.float32), np.full(len(own), -1)
    for label in np.unique(seeds[~todo]):
        distance, (rows, columns) = ndimage.distance_transform_edt(
            seeds != label, return_indices=True
        )
        far = distance[todo].astype(np.float32)
        cost = delta_e(own, smooth[rows[todo], columns[todo]]) + 0.5 * far
        cost = np.where(far <= REACH_PX, cost, 1e3 + far)  # out of reach: the nearest seed decides
        better = cost < best
        best[better], chosen[better] = cost[better], label
    grown = seeds.copy()
    grown[todo] = chosen
    return grown


def _background(labels: NDArray[np.int64]) -> int:
    """Give the most frequent label of the picture's two-pixel rim."""
    rim = np.concatenate(
        [labels[:2].ravel(), labels[-2:].ravel(), labels[:, :2].ravel(), labels[:, -2:].ravel()]
    )
    values, counts = np.unique(rim, return_counts=True)
    return int(values[counts.argmax()])


def _patches(mask: NDArray[np.bool_], floor: float) -> list[NDArray[np.bool_]]:
    """Split a mask into patches of at least ``floor`` pixels; one-pixel bridges do not connect."""
    opened = ndimage.binary_opening(mask, structure=np.ones((2, 2)))
    patches, _ = ndimage.label(opened)
    sizes = np.bincount(patches.ravel())
    return [patches == k for k in range(1, len(sizes)) if sizes[k] >= floor]


def _surround(mask: NDArray[np.bool_], labels: NDArray[np.int64]) -> int:
    """Give the most frequent label around a patch, holes left out (-1: it fills the picture)."""
    window = _window(mask)
    filled = ndimage.binary_fill_holes(mask[window])
    rim = labels[window][ndimage.binary_dilation(filled, iterations=2) & ~filled]
    values, counts = np.unique(rim, return_counts=True)
    return int(values[counts.argmax()]) if len(values) else -1


def _seen_through(patch: _Patch, other: _Patch) -> bool:
    """Tell whether a patch is what lies behind a hole: red in a blue ring on a red square."""
    return (
        patch.label != other.label
        and patch.label == other.surround
        and not (patch.mask & ~other.filled).any()
    )


def _region(
    patch: _Patch,
    rgb: NDArray[np.uint8],
    labels: NDArray[np.int64],
    seeds: NDArray[np.int64],
    ground: int,
) -> Region:
    """Measure one patch and fill in the objects it encloses."""
    window = _window(patch.mask)
    part = patch.mask[window]
    behind = (labels[window] == ground) | (labels[window] == patch.surround)
    inner = patch.filled[window] & ~part & ~behind
    coverage = np.zeros(labels.shape, np.float32)
    coverage[window] = np.where(inner, np.float32(1), _coverage(rgb[window], part, seeds[window]))
    rows, columns = np.nonzero(coverage >= 0.5)
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    area = float(coverage.sum())
    x = float((coverage.sum(0) * (np.arange(labels.shape[1]) + 0.5)).sum()) / area
    y = float((coverage.sum(1) * (np.arange(labels.shape[0]) + 0.5)).sum()) / area
    return Region(COLOURS[patch.label], coverage, area, (x, y), box)


def _window(mask: NDArray[np.bool_], margin_px: int = 6) -> tuple[slice, slice]:
    """Give the mask's box and a margin as slices."""
    (rows, columns) = ndimage.find_objects(mask.astype(np.int8))[0]
    return (
        slice(max(rows.start - margin_px, 0), rows.stop + margin_px),
        slice(max(columns.start - margin_px, 0), columns.stop + margin_px),
    )


def _coverage(
    rgb: NDArray[np.uint8], mask: NDArray[np.bool_], seeds: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Undo anti-aliasing: how far rim pixels lie between the outside and the patch's colour."""
    near = ndimage.binary_dilation(mask, iterations=2)
    core = ndimage.binary_erosion(mask, iterations=2)
    own = np.median(rgb[core if core.any() else mask], axis=0)
    outside = (seeds != -1) & ~near
    if not outside.any():
        return mask.astype(np.float32)
    rows, columns = ndimage.distance_transform_edt(
        ~outside, return_distances=False, return_indices=True
    )
    other = rgb[rows, columns].astype(np.float32)
    axis = own - other
    along = ((rgb - other) * axis).sum(-1) / np.maximum((axis * axis).sum(-1), 1.0)
    return np.where(near & ~core, np.clip(along, 0, 1), mask).astype(np.float32)
