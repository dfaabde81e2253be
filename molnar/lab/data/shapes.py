"""Coordinates -> signed distance to a shape, in arithmetic that numpy and torch share.

Every shape lives in the box [-1, 1] x [-1, 1], y pointing down, and is never rotated: a square on
its corner would be a diamond. Negative is inside. Distances are exact along edges, and at corners
never larger than the true one, which is all that antialiasing needs.

Source: I. Quilez, "2D distance functions", for the formulas of star and heart (re-derived here).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Array = Any  # numpy array or torch tensor
Distance = Callable[[Array, Array], Array]

_SQRT2 = 2.0**0.5
_SQRT3 = 3.0**0.5


def largest(a: Array, b: Array) -> Array:
    """Give the elementwise maximum with operations that numpy and torch spell alike."""
    return (a - b).clip(0.0) + b


def smallest(a: Array, b: Array) -> Array:
    """Give the elementwise minimum."""
    return a - (a - b).clip(0.0)


def length(x: Array, y: Array) -> Array:
    """Give sqrt(x^2 + y^2); the tiny term keeps gradients finite at the origin."""
    return (x * x + y * y + 1e-12) ** 0.5


def box(x: Array, y: Array, half_width: Array, half_height: Array) -> Array:
    """Give the distance to an axis-aligned rectangle centred on the origin."""
    dx, dy = abs(x) - half_width, abs(y) - half_height
    return length(dx.clip(0.0), dy.clip(0.0)) + largest(dx, dy).clip(None, 0.0)


def circle(x: Array, y: Array) -> Array:
    """Give the distance to a disc of radius 1."""
    return length(x, y) - 1.0


def square(x: Array, y: Array) -> Array:
    """Give the distance to a square of half side 0.9."""
    return box(x, y, 0.9, 0.9)


def triangle(x: Array, y: Array) -> Array:
    """Give the distance to an equilateral triangle that points up."""
    slope = abs(x) * (_SQRT3 / 2.0) - y * 0.5 - _SQRT3 / 4.0
    return largest(slope, y - _SQRT3 / 2.0)


def hexagon(x: Array, y: Array) -> Array:
    """Give the distance to a regular hexagon with corners left and right."""
    return largest(abs(x) * (_SQRT3 / 2.0) + abs(y) * 0.5, abs(y)) - _SQRT3 / 2.0


def diamond(x: Array, y: Array) -> Array:
    """Give the distance to a rhombus, 1.5 wide and 2 high."""
    return (abs(x) / 0.75 + abs(y) - 1.0) * (0.75 / (1.0 + 0.75**2) ** 0.5)


def ring(x: Array, y: Array) -> Array:
    """Give the distance to a ring between radii 0.56 and 1."""
    return abs(length(x, y) - 0.78) - 0.22


def cross(x: Array, y: Array) -> Array:
    """Give the distance to a plus sign with arms 0.62 thick."""
    return smallest(box(x, y, 0.96, 0.31), box(x, y, 0.31, 0.96))


def crescent(x: Array, y: Array) -> Array:
    """Give the distance to a moon open to the right."""
    return largest(length(x, y) - 1.0, 0.78 - length(x - 0.46, y))


def star(x: Array, y: Array) -> Array:
    """Give the distance to a five-pointed star that points up."""
    cos36, sin36 = 0.809016994375, 0.587785252292
    px, py = abs(x), 0.1 - y
    fold = (cos36 * px - sin36 * py).clip(0.0) * 2.0
    px, py = px - fold * cos36, py + fold * sin36
    fold = (-cos36 * px - sin36 * py).clip(0.0) * 2.0
    px, py = px + fold * cos36, py + fold * sin36
    px, py = abs(px), py - 1.05
    inner = 0.45 * 1.05
    bx, by = inner * sin36 / 1.05, inner * cos36 / 1.05 - 1.0
    along = ((px * bx + py * by) / (bx * bx + by * by)).clip(0.0, 1.05)
    side = py * bx - px * by
    return length(px - bx * along, py - by * along) * (side / (abs(side) + 1e-9))


def heart(x: Array, y: Array) -> Array:
    """Give the distance to a heart with its point down."""
    scale = 0.6
    px, py = abs(x) * scale, 0.55 - y * scale
    lobe = length(px - 0.25, py - 0.75) - _SQRT2 / 4.0
    along = (px + py).clip(0.0) * 0.5
    side = px - py
    to_top = px * px + (py - 1.0) * (py - 1.0)
    to_edge = (px - along) * (px - along) + (py - along) * (py - along)
    lower = (smallest(to_top, to_edge) + 1e-12) ** 0.5 * (side / (abs(side) + 1e-9))
    above = (px + py > 1.0) * 1.0
    return (above * lobe + (1.0 - above) * lower) / scale


SHAPES: dict[str, Distance] = {
    "circle": circle,
    "square": square,
    "triangle": triangle,
    "star": star,
    "heart": heart,
    "hexagon": hexagon,
    "diamond": diamond,
    "ring": ring,
    "cross": cross,
    "crescent": crescent,
}


def bar(x: Array, y: Array, thickness: Array) -> Array:
    """Give the distance to a horizontal stroke across the box, `thickness` of its length."""
    return box(x, y, 1.0, thickness)


def frame(x: Array, y: Array, thickness: Array) -> Array:
    """Give the distance to the outline of a square, drawn inward by `thickness` in 0..1."""
    half = thickness / 2.0
    return abs(box(x, y, 1.0 - half, 1.0 - half)) - half


#: Marks of the homage compositions; they take a thickness and may be turned.
MARKS: dict[str, Callable[[Array, Array, Array], Array]] = {"bar": bar, "frame": frame}

#: Where a nested object may lie: (x, y, size) of the largest square inside, shape box = [-1, 1].
INSIDE: dict[str, tuple[float, float, float]] = {
    "circle": (0.0, 0.0, 0.64),
    "square": (0.0, 0.0, 0.80),
    "hexagon": (0.0, 0.0, 0.62),
    "diamond": (0.0, 0.0, 0.40),
    "triangle": (0.0, 0.36, 0.42),
    "heart": (0.0, -0.10, 0.50),
}
