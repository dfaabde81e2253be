"""A region's coverage in, the name of its shape out, or None when nothing fits.

The ten shapes of the world are compared as area, in two frames of reference: the region's box
(corners decide: a circle and a hexagon differ by their proportions there) and its centre of mass
with its spread (thin tips that blur has eaten hardly move it). The score of a shape is the mean
over both frames of intersection over union, less a penalty for a wrong proportion. Nothing here is
learned, so nothing can be fitted to a model.

Source: Hu 1962, "Visual pattern recognition by moment invariants", section III, for the second
frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.lab.data.shapes import SHAPES

ACCEPT = 0.70  # least score of a shape that counts as one; model pictures are a little melted
LEAD = 0.015  # least lead over the runner-up: what could as well be another shape is neither
PROPORTION = 0.6  # weight of |log(aspect ratio / template's)| in the score
_SIDE = 64  # samples per side of a frame
_REACH = 2.4  # half side of the second frame, in standard deviations
_FINE = 512  # samples per side when a template is measured

_Frame = tuple[float, float, float, float]  # centre x, centre y, half width, half height in pixels


@dataclass(frozen=True, slots=True)
class Match:
    """Best shape, its score (at most 1) and the runner-up's; name None: rejected."""

    name: str | None
    score: float
    second: str
    second_score: float


@dataclass(frozen=True, slots=True)
class _Normal:
    """A picture in both frames: bool 2 S S, and log(width / height) of both."""

    area: NDArray[np.bool_]
    ratio: NDArray[np.float64]


def match(coverage: NDArray[Any]) -> Match:
    """Name the shape of a region.

    Args:
        coverage: float H W, 0-1, how much of each pixel the region covers (a bool mask will do,
            less exactly).

    Raises:
        ValueError: nothing is covered by half.
    """
    names, area, ratio = _templates()
    own = _normalise(np.asarray(coverage, np.float32))
    both = (area & own.area).sum((2, 3))
    either = (area | own.area).sum((2, 3))
    scores = (both / np.maximum(either, 1) - PROPORTION * abs(ratio - own.ratio)).mean(1)
    order = np.argsort(-scores, kind="stable")
    best, second = int(order[0]), int(order[1])
    clear = scores[best] >= ACCEPT and scores[best] - scores[second] >= LEAD
    name = names[best] if clear else None
    return Match(name, float(scores[best]), names[second], float(scores[second]))


@lru_cache(maxsize=1)
def _templates() -> tuple[tuple[str, ...], NDArray[np.bool_], NDArray[np.float64]]:
    """Give the shapes' names, their areas bool N 2 S S and proportions N 2 in the two frames."""
    ticks = (np.arange(_FINE) + 0.5) / _FINE * 2.4 - 1.2
    x, y = np.meshgrid(ticks, ticks)
    drawn = [
        _normalise((np.asarray(distance(x, y)) < 0).astype(np.float32))
        for distance in SHAPES.values()
    ]
    return tuple(SHAPES), np.stack([d.area for d in drawn]), np.stack([d.ratio for d in drawn])


def _normalise(soft: NDArray[np.float32]) -> _Normal:
    """Bring a region into both frames."""
    frames = (_box_frame(soft), _mass_frame(soft))
    area = np.stack([_sample(soft, frame) for frame in frames]) > 0.5
    return _Normal(area, np.array([np.log(frame[2] / frame[3]) for frame in frames]))


def _sample(soft: NDArray[np.float32], frame: _Frame) -> NDArray[np.float32]:
    """Read a frame's square out of the picture, S by S, bilinearly (zero outside the picture)."""
    x, y, across, down = frame
    # one clear pixel around: half pixels at the edge must not be lost
    padded = Image.fromarray(np.pad(soft, 1), "F")
    step_x, step_y = 2 * across / _SIDE, 2 * down / _SIDE
    affine = (step_x, 0.0, x - across + 1, 0.0, step_y, y - down + 1)
    read = padded.transform(
        (_SIDE, _SIDE), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR
    )
    return np.asarray(read, np.float32)


def _box_frame(soft: NDArray[np.float32]) -> _Frame:
    """Frame the region's extent, to a fraction of a pixel."""
    (left, right), (top, bottom) = _extent(soft.max(0)), _extent(soft.max(1))
    return (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2


def _extent(profile: NDArray[np.float32]) -> tuple[float, float]:
    """Give the first and last place where a profile of largest coverages is inside.

    A straight side that ends within a pixel shows there as partial coverage, and just as much of
    the pixel is counted.
    """
    solid = np.nonzero(profile >= 0.5)[0]
    if not len(solid):
        raise ValueError("got a region that covers no pixel by half, expected one that does")
    first, last = int(solid[0]), int(solid[-1])
    before = float(profile[first - 1]) if first else 0.0
    after = float(profile[last + 1]) if last + 1 < len(profile) else 0.0
    low = first - before if before > 0 else first + 1 - float(profile[first])
    high = last + 1 + after if after > 0 else last + float(profile[last])
    return low, high


def _mass_frame(soft: NDArray[np.float32]) -> _Frame:
    """Frame the region by centre of mass and standard deviations."""
    total = float(soft.sum())
    spread = []
    for axis in (0, 1):
        weights = soft.sum(axis)
        places = np.arange(len(weights)) + 0.5
        mean = float((weights * places).sum()) / total
        spread.append((mean, float(np.sqrt((weights * (places - mean) ** 2).sum() / total))))
    (x, wide), (y, high) = spread
    return x, y, max(_REACH * wide, 0.5), max(_REACH * high, 0.5)
