"""Accessory name -> a drawing of it, as signed distances: hats, bows, glasses and scarves.

An accessory lives in its own box: x in [-1, 1] rightwards, y in [-tall, tall] downwards, `tall`
being its height over its width. It is a few regions, painted in order; each has a tone, so that one
shape comes in every colour. Distances are exact along edges, to first order, which is all that
antialiasing needs; numpy and torch share their arithmetic.

Source: I. Quilez, "2D distance functions", for the formula of the polygon (re-derived here).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from molnar.lab.data.palette import COLOURS
from molnar.lab.data.shapes import box, largest, length, smallest
from molnar.lab.data.spec import RGB

Array = Any  # numpy array or torch tensor
Distance = Callable[[Array, Array], Array]
Slot = Literal["head", "eyes", "neck"]
Tone = Literal["plain", "dark", "light", "white", "gem", "glass"]

_CLOTH = COLOURS
_BRIGHT = tuple(name for name in COLOURS if name not in ("black", "white", "gray"))


@dataclass(frozen=True, slots=True)
class Piece:
    """One accessory: where it is worn, its colours, its box and its regions."""

    slot: Slot
    noun: str  # as in "wearing a beret"; no article if it is plural
    colours: tuple[str, ...]  # names in the palette
    width: float  # of its box, over the slot's width
    tall: float  # height of its box over its width
    attach: tuple[float, float]  # which point of its box lies on the anchor; fractions of its sides
    regions: tuple[tuple[Tone, Distance], ...]  # painted in order

    @property
    def plural(self) -> bool:
        """Whether the noun is plural: "glasses", and no "a" before them."""
        return not self.noun.startswith(("a ", "an "))


def toned(rgb: RGB, tone: Tone) -> tuple[RGB, float]:
    """Give the colour (0..255) and the opacity (0..1) of a region of an accessory.

    Forms are modelled by a darker shade; what is nearly black has a lighter one instead.
    """
    if tone == "white":
        return (255, 255, 255), 1.0
    if tone == "gem":
        return (214, 40, 60), 1.0
    if tone == "glass":
        return (236, 244, 252), 0.22
    if tone == "plain":
        return rgb, 1.0
    red, green, blue = rgb
    if tone == "light" or max(rgb) < 60:
        share = 0.40 if tone == "light" else 0.26
        return (_mixed(red, share), _mixed(green, share), _mixed(blue, share)), 1.0
    if min(red, green) > 180 > blue:  # yellow darkens to amber; with less of it, it looks green
        return (int(red * 0.88), int(green * 0.72), int(blue * 0.60)), 1.0
    return (int(red * 0.72), int(green * 0.72), int(blue * 0.74)), 1.0


def _mixed(value: int, white: float) -> int:
    return int(value + (255 - value) * white)


# -- distances: each of these gives a function of x and y ------------------------------------------


def _oval(cx: float, cy: float, rx: float, ry: float, turn: float = 0.0) -> Distance:
    """An ellipse, turned clockwise by degrees."""
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))

    def distance(x: Array, y: Array) -> Array:
        x, y = x - cx, y - cy
        u, v = (cos * x + sin * y) / rx, (cos * y - sin * x) / ry
        near = length(u, v)
        # one Newton step towards the edge, along the gradient
        return (near - 1.0) * near / length(u / rx, v / ry)

    return distance


def _round(cx: float, cy: float, half_width: float, half_height: float, soft: float) -> Distance:
    """A rectangle with rounded corners."""

    def distance(x: Array, y: Array) -> Array:
        return box(x - cx, y - cy, half_width - soft, half_height - soft) - soft

    return distance


def _polygon(points: tuple[tuple[float, float], ...], soft: float = 0.0) -> Distance:
    """A polygon, grown by `soft`, which rounds its corners."""
    edges = tuple(zip(points, (*points[1:], points[0]), strict=True))

    def distance(x: Array, y: Array) -> Array:
        nearest: Array = None
        odd: Array = None
        for (ax, ay), (bx, by) in edges:
            ex, ey = bx - ax, by - ay
            wx, wy = x - ax, y - ay
            along = ((wx * ex + wy * ey) / (ex * ex + ey * ey)).clip(0.0, 1.0)
            gap_x, gap_y = wx - ex * along, wy - ey * along
            gap = gap_x * gap_x + gap_y * gap_y
            nearest = gap if nearest is None else smallest(nearest, gap)
            if ay != by:
                crossing = ((y >= ay) != (y >= by)) & ((wx * ey < wy * ex) == (by > ay))
                odd = crossing if odd is None else odd ^ crossing
        away = (nearest + 1e-12) ** 0.5
        return away - 2.0 * (away * odd) - soft  # negative inside

    return distance


def _line(ax: float, ay: float, bx: float, by: float, half: float) -> Distance:
    """A stroke with round ends, 2 * half thick."""
    ex, ey = bx - ax, by - ay
    norm = ex * ex + ey * ey

    def distance(x: Array, y: Array) -> Array:
        wx, wy = x - ax, y - ay
        along = ((wx * ex + wy * ey) / norm).clip(0.0, 1.0)
        return length(wx - ex * along, wy - ey * along) - half

    return distance


def _any(*parts: Distance) -> Distance:
    """Everything that lies in one of the parts."""

    def distance(x: Array, y: Array) -> Array:
        found = parts[0](x, y)
        for part in parts[1:]:
            found = smallest(found, part(x, y))
        return found

    return distance


def _within(part: Distance, *limits: Distance) -> Distance:
    """What of a part lies inside all limits."""

    def distance(x: Array, y: Array) -> Array:
        found = part(x, y)
        for limit in limits:
            found = largest(found, limit(x, y))
        return found

    return distance


def _rim(part: Distance, half: float) -> Distance:
    """The outline of a part, 2 * half thick, drawn inwards."""
    return lambda x, y: abs(part(x, y) + half) - half


def _melted(first: Distance, second: Distance, soft: float) -> Distance:
    """Two parts run into one; `soft` is how far from the join that shows."""

    def distance(x: Array, y: Array) -> Array:
        a, b = first(x, y), second(x, y)
        near = (soft - abs(a - b)).clip(0.0)
        return smallest(a, b) - near * near / (4.0 * soft)

    return distance


def _both(part: Distance) -> Distance:
    """A part on the right, and its mirror image on the left."""
    return lambda x, y: part(abs(x), y)


def _moved(part: Distance, dx: float, dy: float) -> Distance:
    """A part, moved."""
    return lambda x, y: part(x - dx, y - dy)


def _shadow(part: Distance, dx: float, dy: float) -> Distance:
    """The edge of a part that faces (dx, dy)."""
    return lambda x, y: largest(part(x, y), -part(x + dx, y + dy))


# -- the wardrobe ----------------------------------------------------------------------------------


def _beret() -> Piece:
    cap = _melted(_oval(-0.16, -0.10, 0.70, 0.37, -8.0), _oval(0.42, 0.02, 0.46, 0.32, 14.0), 0.25)
    band = _round(-0.14, 0.32, 0.60, 0.15, 0.12)
    stalk = _line(-0.10, -0.44, -0.06, -0.54, 0.05)
    return Piece(
        "head", "a beret", _CLOTH, 1.36, 0.60, (0.43, 0.80),
        (
            ("dark", _any(band, stalk)),
            ("plain", cap),
            ("dark", _shadow(cap, 0.07, 0.10)),
        ),
    )  # fmt: skip


def _top_hat() -> Piece:
    brim = _round(0.0, 0.76, 0.99, 0.115, 0.11)
    tube = _polygon(((-0.60, -0.80), (0.60, -0.80), (0.54, 0.72), (-0.54, 0.72)), 0.06)
    return Piece(
        "head", "a top hat", _CLOTH, 1.12, 0.88, (0.5, 0.92),
        (
            ("plain", tube),
            ("dark", _within(tube, _round(0.0, 0.46, 1.0, 0.17, 0.0))),
            ("dark", _within(tube, _round(0.52, 0.0, 0.16, 1.0, 0.0))),
            ("plain", brim),
        ),
    )  # fmt: skip


def _party_hat() -> Piece:
    cone = _polygon(((0.0, -0.86), (0.88, 1.18), (-0.88, 1.18)), 0.08)
    dots = _any(
        _oval(-0.05, -0.15, 0.15, 0.15), _oval(-0.40, 0.62, 0.17, 0.17),
        _oval(0.32, 0.42, 0.16, 0.16), _oval(0.14, 1.02, 0.17, 0.17),
    )  # fmt: skip
    return Piece(
        "head", "a party hat", _BRIGHT, 0.66, 1.30, (0.5, 0.95),
        (
            ("plain", cone),
            ("dark", _within(cone, _polygon(((0.05, -1.0), (1.2, 1.4), (0.52, 1.4))))),
            ("white", dots),
            ("light", _oval(0.0, -1.02, 0.27, 0.27)),
        ),
    )  # fmt: skip


def _cap() -> Piece:
    dome = _within(_oval(-0.24, 0.30, 0.74, 0.78), _round(0.0, -0.62, 2.0, 0.92, 0.0))
    visor = _polygon(((-0.30, 0.24), (0.46, 0.24), (0.90, 0.40), (-0.20, 0.40)), 0.08)
    return Piece(
        "head", "a cap", _CLOTH, 1.36, 0.50, (0.38, 0.82),
        (
            ("plain", _any(dome, _oval(-0.24, -0.44, 0.10, 0.055))),
            ("dark", _within(dome, _rim(_oval(-0.24, 0.30, 0.30, 0.78), 0.025))),
            ("dark", visor),
        ),
    )  # fmt: skip


def _crown() -> Piece:
    points = (
        (-0.94, -0.34), (-0.46, 0.06), (0.0, -0.56), (0.46, 0.06), (0.94, -0.34),
        (0.78, 0.60), (-0.78, 0.60),
    )  # fmt: skip
    body = _polygon(points, 0.05)
    tips = _any(_oval(0.0, -0.55, 0.13, 0.13), _both(_oval(0.87, -0.36, 0.12, 0.12)))
    return Piece(
        "head", "a crown", ("yellow",), 0.86, 0.70, (0.5, 0.92),
        (
            ("plain", _any(body, tips)),
            ("dark", _within(body, _round(0.0, 0.54, 2.0, 0.13, 0.0))),
            ("gem", _any(_oval(0.0, 0.16, 0.13, 0.15), _both(_oval(0.48, 0.25, 0.09, 0.10)))),
        ),
    )  # fmt: skip


def _bow_tie() -> Piece:
    wing = _polygon(((0.10, -0.06), (0.86, -0.38), (0.86, 0.38), (0.10, 0.06)), 0.11)
    fold = _polygon(((0.0, -0.02), (0.62, -0.09), (0.62, 0.09), (0.0, 0.02)), 0.03)
    return Piece(
        "neck", "a bow tie", _CLOTH, 0.64, 0.52, (0.5, 0.5),
        (
            ("plain", _both(wing)),
            ("dark", _both(fold)),
            ("dark", _round(0.0, 0.0, 0.21, 0.23, 0.09)),
        ),
    )  # fmt: skip


def _scarf() -> Piece:
    wrap = _within(_rim(_oval(0.0, -1.66, 1.96, 1.96), 0.25), _round(0.0, 0.0, 0.96, 2.0, 0.0))
    tail = _polygon(((0.26, 0.12), (0.58, 0.08), (0.66, 0.66), (0.34, 0.72)), 0.04)
    stripes = _any(_line(0.2, 0.60, 0.9, 0.50, 0.05), _line(0.2, 0.44, 0.9, 0.34, 0.05))
    return Piece(
        "neck", "a scarf", _CLOTH, 1.0, 0.78, (0.5, 0.48),
        (
            ("plain", tail),
            ("dark", _within(stripes, tail)),
            ("plain", wrap),
            ("dark", _shadow(wrap, 0.0, 0.10)),
            ("dark", _oval(0.42, 0.02, 0.20, 0.24, -12.0)),
        ),
    )  # fmt: skip


def _glasses() -> Piece:
    lens = _both(_oval(0.50, 0.0, 0.46, 0.46))
    bridge = _line(-0.08, -0.10, 0.08, -0.10, 0.06)
    return Piece(
        "eyes", "glasses", ("black", "red", "blue", "brown", "purple"), 2.0, 0.48, (0.5, 0.5),
        (("glass", lens), ("plain", _any(_rim(lens, 0.06), bridge))),
    )  # fmt: skip


def _sunglasses() -> Piece:
    lens = _both(_polygon(((0.13, -0.28), (0.88, -0.30), (0.78, 0.24), (0.26, 0.26)), 0.09))
    bar = _round(0.0, -0.27, 0.98, 0.10, 0.09)
    glint = _polygon(((0.30, -0.18), (0.48, -0.18), (0.34, 0.16), (0.24, 0.10)), 0.02)
    return Piece(
        "eyes", "sunglasses", ("black",), 2.05, 0.40, (0.5, 0.45),
        (("plain", _any(lens, bar)), ("light", _any(glint, _moved(glint, -1.04, 0.0)))),
    )  # fmt: skip


def _bow() -> Piece:
    loop = _any(
        _oval(0.60, -0.06, 0.38, 0.36, -8.0),
        _polygon(((0.1, -0.05), (0.6, -0.34), (0.6, 0.26)), 0.06),
    )
    ends = _polygon(((0.0, 0.0), (0.54, 0.46), (0.24, 0.60)), 0.05)
    return Piece(
        "head", "a bow", _CLOTH, 0.76, 0.68, (0.02, 0.62),
        (
            ("dark", _both(ends)),
            ("plain", _both(loop)),
            ("dark", _both(_oval(0.56, -0.05, 0.20, 0.13, -8.0))),
            ("plain", _round(0.0, -0.02, 0.19, 0.22, 0.12)),
        ),
    )  # fmt: skip


ACCESSORIES: dict[str, Piece] = {
    "beret": _beret(),
    "top hat": _top_hat(),
    "party hat": _party_hat(),
    "cap": _cap(),
    "crown": _crown(),
    "bow": _bow(),
    "glasses": _glasses(),
    "sunglasses": _sunglasses(),
    "bow tie": _bow_tie(),
    "scarf": _scarf(),
}
