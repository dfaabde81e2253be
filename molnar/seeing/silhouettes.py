"""A patch in, the geometric shape that it is out: by its outline, without any network."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
Outline = Callable[[Floats, Floats], Mask]

SIDE = 48  # pixels of the longer side at which outlines are compared


def shapes_of(mask: Mask) -> list[tuple[str, float]]:
    """Find the shapes that a mask looks most like.

    Args:
        mask: H W, with something in it.

    Returns:
        All names, each with the overlap over the union, 0 to 1; the largest first.

    Example:
        >>> y, x = np.mgrid[-1:1:64j, -1:1:64j]
        >>> shapes_of(x**2 + y**2 < 0.5)[0][0]
        'circle'
    """
    cut = _cut(mask)
    overlaps = {
        name: float((cut & other).sum() / (cut | other).sum())
        for name, other in _templates().items()
    }
    return sorted(overlaps.items(), key=lambda pair: -pair[1])


def _cut(mask: Mask) -> Mask:
    """Cut out what is in a mask, its longer side made SIDE, in the middle of a square."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    inside = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = inside.shape
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    plane = Image.fromarray((inside * 255).astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    canvas = Image.new("L", (SIDE, SIDE))
    canvas.paste(plane, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(canvas) > 127


@lru_cache(maxsize=1)
def _templates() -> dict[str, Mask]:
    line = np.linspace(-1.1, 1.1, 4 * SIDE, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    return {name: _cut(outline(x, y)) for name, outline in _OUTLINES.items()}


def _star(x: Floats, y: Floats) -> Mask:
    angles = np.pi / 5 * np.arange(10)
    reach = np.where(np.arange(10) % 2 == 0, 1.0, 0.45)
    return _polygon(x, y, reach * np.sin(angles), -reach * np.cos(angles))


def _polygon(x: Floats, y: Floats, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> Mask:
    """Fill a polygon: a point is inside if a ray from it crosses the outline an odd time."""
    inside = np.zeros(x.shape, bool)
    for ax, ay, bx, by in zip(xs, ys, np.roll(xs, 1), np.roll(ys, 1), strict=True):
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return inside


def _heart(x: Floats, y: Floats) -> Mask:
    px, py = np.abs(x) * 0.6, 0.55 - y * 0.6
    lobe = (px - 0.25) ** 2 + (py - 0.75) ** 2 < 0.125
    return np.asarray(np.where(px + py > 1, lobe, (py > px) | lobe) & (py >= 0))


def _corner(x: Floats, y: Floats) -> Floats:
    return np.asarray(np.maximum(np.abs(x), np.abs(y)))


_OUTLINES: dict[str, Outline] = {
    "circle": lambda x, y: x**2 + y**2 < 1,
    "square": lambda x, y: _corner(x, y) < 0.9,
    "triangle": lambda x, y: (np.abs(x) * 3**0.5 - y < 3**0.5 / 2) & (y < 3**0.5 / 2),
    "star": _star,
    "heart": _heart,
    "hexagon": lambda x, y: np.maximum(np.abs(x) * 3**0.5 / 2 + np.abs(y) / 2, np.abs(y)) < 0.866,
    "diamond": lambda x, y: np.abs(x) / 0.75 + np.abs(y) < 1,
    "ring": lambda x, y: np.abs((x**2 + y**2) ** 0.5 - 0.78) < 0.22,
    "cross": lambda x, y: (_corner(x, y) < 0.96) & (np.minimum(np.abs(x), np.abs(y)) < 0.31),
    "crescent": lambda x, y: (x**2 + y**2 < 1) & ((x - 0.46) ** 2 + y**2 > 0.61),
    "bar": lambda x, y: (np.abs(x) < 1) & (np.abs(y) < 0.16),
    "frame": lambda x, y: (_corner(x, y) < 1) & (_corner(x, y) > 0.84),
}
SHAPES = tuple(_OUTLINES)
