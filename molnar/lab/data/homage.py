"""Compositions after Vera Molnár: rows and columns, squares in squares, broken lines, disorder."""

from __future__ import annotations

from molnar.lab.data.draw import Draw
from molnar.lab.data.palette import variants
from molnar.lab.data.spec import RGB, Homage, Thing, ThingKind


def grid(draw: Draw, homage: Homage, shape: str, colour: str) -> tuple[Thing, ...]:
    """A grid of one shape; disorder moves, shrinks and (for outlines) turns each."""
    rgb, cell = draw.choice(variants(colour)), 0.92 / max(homage.rows, homage.columns)
    thickness = draw.uniform(0.12, 0.3)
    things = []
    for row in range(homage.rows):
        for column in range(homage.columns):
            shift = homage.disorder * cell * 0.16
            size = cell * 0.74 * (1.0 - homage.disorder * 0.25 * draw.random())
            x = 0.5 + (column - (homage.columns - 1) / 2) * cell + draw.uniform(-shift, shift)
            y = 0.5 + (row - (homage.rows - 1) / 2) * cell + draw.uniform(-shift, shift)
            angle = homage.disorder * draw.uniform(-20.0, 20.0)
            things.append(_mark(shape, colour, rgb, (x, y, size), angle, thickness))
    return tuple(things)


def concentric(draw: Draw, homage: Homage, colour: str) -> tuple[Thing, ...]:
    """Squares one inside the other; disorder moves and turns each."""
    rgb, outer, count = draw.choice(variants(colour)), draw.uniform(0.72, 0.9), homage.rows
    things = []
    for index in range(count):
        size = outer * (1.0 - index / count)
        shift = homage.disorder * outer / count * 0.14
        x, y = 0.5 + draw.uniform(-shift, shift), 0.5 + draw.uniform(-shift, shift)
        angle = homage.disorder * draw.uniform(-7.0, 7.0)
        # the same stroke for all: thickness is relative to the half size
        things.append(_mark("frame", colour, rgb, (x, y, size), angle, 0.05 * outer / size))
    return tuple(things)


def lines(draw: Draw, homage: Homage, colour: str) -> tuple[Thing, ...]:
    """Horizontal lines, interrupted here and there; disorder turns the pieces."""
    rgb, pitch = draw.choice(variants(colour)), 0.9 / homage.rows
    stroke = draw.uniform(0.012, 0.022)
    things = []
    for row in range(homage.rows):
        left, end, y = 0.07, 0.93, 0.5 + (row - (homage.rows - 1) / 2) * pitch
        while end - left > 0.08:
            size = min(draw.uniform(0.16, 0.5), end - left)
            angle = homage.disorder * draw.uniform(-14.0, 14.0)
            place = (left + size / 2, y, size)
            things.append(_mark("bar", colour, rgb, place, angle, stroke / size))
            left += size + draw.uniform(0.03, 0.1)
    return tuple(things)


def _mark(name: str, colour: str, rgb: RGB, place: tuple[float, float, float],
          angle: float, thickness: float) -> Thing:  # fmt: skip
    kind: ThingKind = "mark" if name in ("bar", "frame") else "shape"
    x, y, size = place
    return Thing(
        kind=kind, name=name, colour=colour, rgb=rgb, x=x, y=y, size=size,
        angle=angle if kind == "mark" else 0.0, thickness=thickness,
    )  # fmt: skip
