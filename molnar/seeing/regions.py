"""A picture in, its ground and the patches that stand out from it: without any network.

The picture is looked at small. Its ground is what the rim mostly is: nothing, one colour, or
something that is no plain ground at all. What differs from a plain ground, and is near enough to
each other to be one thing, is a patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.cielab import delta_e, lab
from molnar.base.images import squeeze
from molnar.seeing.colours import name_of
from molnar.starting import as_seen

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]

SIDE = 128  # pixels a side at which patches are looked for
APART = 14.0  # CIELAB distance from the ground's colour from which a pixel is not ground
EVEN = 0.85  # share of the rim that is alike where the ground is plain
CLEAR = 0.5  # alpha below which a pixel is seen through
LEAST = 0.006  # share of the picture below which a patch is debris
LEAST_OF_LARGEST = 0.08  # and share of the largest patch
NEAR = 2  # pixels (of SIDE) that patches of one thing may be apart


@dataclass(frozen=True)
class Patch:
    """A part of a picture that stands out: where it is, in fractions of height and width."""

    mask: Mask  # SIDE SIDE
    outline: Mask  # SIDE SIDE: what of it is more like itself than like the ground
    colours: NDArray[np.uint8]  # N 3, sRGB of its opaque pixels

    @property
    def share(self) -> float:
        """Of the picture."""
        return float(self.mask.mean())

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom, 0 to 1."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        left, right = columns[0] / SIDE, (columns[-1] + 1) / SIDE
        top, bottom = rows[0] / SIDE, (rows[-1] + 1) / SIDE
        return float(left), float(top), float(right), float(bottom)

    @property
    def centre(self) -> tuple[float, float]:
        """Of its box: rightwards and downwards, 0 to 1."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


@dataclass(frozen=True)
class Scene:
    """What is seen of a picture before anything is recognised."""

    ground: str | None  # a colour's name, "transparent", or None for a place or pattern
    patches: tuple[Patch, ...]  # largest first; none on a ground that is not plain


def look(pixels: NDArray[np.uint8]) -> Scene:
    """Tell the ground of a picture and what stands out from it.

    Args:
        pixels: uint8 H W 3, or H W 4 with straight alpha.

    Example:
        >>> pixels = np.full((64, 64, 3), 255, np.uint8)
        >>> pixels[20:40, 10:30] = (218, 34, 40)
        >>> scene = look(pixels)
        >>> scene.ground, len(scene.patches)
        ('white', 1)
    """
    small = squeeze(as_seen(pixels), SIDE)[0].transpose(1, 2, 0) * 0.5 + 0.5
    alpha = small[..., 3]
    colours = np.round(255 * np.clip(small[..., :3] + 1 - alpha[..., None], 0, 1)).astype(np.uint8)
    ground, apart = _ground(colours, alpha)
    patches = [
        Patch(mask, mask & (apart > np.median(apart[mask]) / 2), colours[mask & (alpha > CLEAR)])
        for mask in connected(apart > APART, NEAR)
    ]
    patches.sort(key=lambda patch: -patch.share)
    least = max(LEAST, LEAST_OF_LARGEST * patches[0].share) if patches else 0
    return Scene(ground, tuple(patch for patch in patches if patch.share >= least))


def united(patches: Sequence[Patch]) -> Patch:
    """Take patches for one."""
    return Patch(
        np.logical_or.reduce([patch.mask for patch in patches]),
        np.logical_or.reduce([patch.outline for patch in patches]),
        np.concatenate([patch.colours for patch in patches]),
    )


def connected(inside: Mask, near: int) -> list[Mask]:
    """Cut a mask H W into connected parts, in reading order; gaps of `near` pixels are bridged."""
    wide = grown(inside, (near + 1) // 2) if near else inside
    height, width = wide.shape
    labels = np.where(wide, np.arange(1, height * width + 1).reshape(height, width), 0)
    while True:
        last = labels
        # Along whole runs at a time: a maximum that is carried on as long as there is no gap.
        for axis in (0, 1):
            labels = _carried(_carried(labels, axis, 1), axis, -1)
        if np.array_equal(labels, last):
            break
    found = [(labels == value) & inside for value in np.unique(labels[labels > 0])]
    return sorted((part for part in found if part.any()), key=lambda part: int(part.argmax()))


def grown(mask: Mask, pixels: int) -> Mask:
    """Widen a mask by some pixels on all sides, corners included."""
    for _ in range(pixels):
        wide = np.pad(mask, 1)
        mask = wide[:-2] | wide[1:-1] | wide[2:]
        mask = mask[:, :-2] | mask[:, 1:-1] | mask[:, 2:]
    return mask


def shrunk(mask: Mask, pixels: int) -> Mask:
    """Take some pixels off a mask on all sides; what lies beyond the picture counts as in it."""
    return ~grown(~mask, pixels)


def _ground(colours: NDArray[np.uint8], alpha: Floats) -> tuple[str | None, NDArray[Any]]:
    """Name the ground, and say how far from it each pixel is: a CIELAB distance."""
    if (_rim(alpha) < CLEAR).mean() > CLEAR:
        return "transparent", alpha * (APART / CLEAR)
    seen = lab(colours)
    rim = _rim(seen)
    middle = np.median(rim, axis=0)
    if (delta_e(rim, middle) < APART).mean() < EVEN:
        return None, np.zeros_like(alpha)
    ground = np.median(_rim(colours), axis=0)
    return name_of(ground), delta_e(seen, middle)


def _rim(values: NDArray[Any]) -> NDArray[Any]:
    """Give the outermost two pixels of H W ... as N ..."""
    rows = np.concatenate([values[:2], values[-2:]]).reshape(-1, *values.shape[2:])
    columns = np.concatenate([values[2:-2, :2], values[2:-2, -2:]], axis=1)
    return np.concatenate([rows, columns.reshape(-1, *values.shape[2:])])


def _carried(labels: NDArray[np.int64], axis: int, step: int) -> NDArray[np.int64]:
    """Carry the largest label along one way, up to the next 0."""
    lines = (labels if axis == 0 else labels.T)[::step].copy()
    for row in range(1, len(lines)):
        lines[row] = np.where(lines[row] > 0, np.maximum(lines[row], lines[row - 1]), 0)
    lines = lines[::step]
    return lines if axis == 0 else lines.T
