"""Things without a place -> things placed so that none overlap and all are whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from molnar.lab.data.draw import Draw
from molnar.lab.data.places import STANDING
from molnar.lab.data.spec import (
    RGB,
    Accessory,
    Arrangement,
    RelationName,
    Spec,
    Thing,
    ThingKind,
)

#: Relations of things that overlap, and so move as one.
TOUCHING = frozenset({"inside", "on", "in front of"})

_CORNERS_P = 0.4  # share of two drawings, with more room for each
_GAP = 0.035  # least space between two things, and to the edge, fraction of the side


@dataclass(frozen=True, slots=True)
class Look:
    """A thing before it has a place."""

    kind: ThingKind
    name: str
    colour: str | None = None
    rgb: RGB | None = None
    style: str | None = None
    angle: float = 0.0
    flip: bool = False
    accessories: tuple[Accessory, ...] = ()

    def at(self, x: float, y: float, size: float) -> Thing:
        """Put it at a centre, with a size, in fractions of the picture's side."""
        return Thing(
            kind=self.kind, name=self.name, colour=self.colour, rgb=self.rgb, style=self.style,
            angle=self.angle, flip=self.flip, accessories=self.accessories, x=x, y=y, size=size,
        )  # fmt: skip


def framed(spec: Spec, height: int, width: int, heights: Sequence[float] = ()) -> Spec:
    """Spread a spec, drawn up for a square, over a frame of another shape.

    Places stay fractions of the shorter side, so the longer one is more than 1 long. Sizes stay;
    what touches, and a composition, moves to the middle as one. `heights` are those
    of the things in units of their sizes (1 where none are given): feet stay on the ground.
    """
    side = min(height, width)
    across, down = width / side, height / side
    if across == down:
        return spec
    if spec.homage is not None or (spec.relation is not None and spec.relation.name in TOUCHING):
        dx, dy = (across - 1.0) / 2.0, (down - 1.0) / 2.0
        moved = [replace(thing, x=thing.x + dx, y=thing.y + dy) for thing in spec.things]
    else:
        moved = [replace(thing, x=thing.x * across, y=thing.y * down) for thing in spec.things]
        if spec.place is not None and spec.place.name in STANDING:
            tall = heights or [1.0] * len(moved)
            moved = [
                replace(thing, y=thing.y + thing.size * high / 2.0 * (down - 1.0))
                for thing, high in zip(moved, tall, strict=True)
            ]
    return replace(spec, things=tuple(moved))


def anywhere(draw: Draw, size: float, centred: float) -> tuple[float, float]:
    """Pick a centre that keeps the whole box inside; near the middle with probability `centred`."""
    margin = size / 2.0 + _GAP / 2.0
    if margin >= 0.5:
        return 0.5, 0.5
    reach = 0.5 - margin
    if draw.chance(centred):
        reach = min(reach, 0.03)
    return 0.5 + draw.uniform(-reach, reach), 0.5 + draw.uniform(-reach, reach)


def scattered(draw: Draw, looks: Sequence[Look], sizes: Sequence[float]) -> tuple[Thing, ...]:
    """Place things at random without overlap, shrinking them a little whenever that fails."""
    shrink = 1.0
    while True:
        for _ in range(12):
            placed: list[Thing] = []
            for look, size in zip(looks, sizes, strict=True):
                thing = _find_room(draw, look, size * shrink, placed)
                if thing is None:
                    break
                placed.append(thing)
            else:
                return tuple(placed)
        shrink *= 0.95


def _find_room(draw: Draw, look: Look, size: float, placed: list[Thing]) -> Thing | None:
    for _ in range(10):
        x, y = anywhere(draw, size, centred=0.0)
        if all(
            max(abs(x - other.x), abs(y - other.y)) >= (size + other.size) / 2.0 + _GAP
            for other in placed
        ):
            return look.at(x, y, size)
    return None


def two(draw: Draw, looks: Sequence[Look], *, drawings: bool) -> tuple[Thing, ...]:
    """Place two things that nothing is said of: drawings larger than shapes, some in corners."""
    low, high = (0.40, 0.465) if drawings else (0.24, 0.42)
    sizes = [draw.uniform(low, high) for _ in looks]
    if drawings and draw.chance(_CORNERS_P):
        return in_corners(draw, looks)
    if draw.chance(0.6):  # side by side, which is what "and" and "next to" make people expect
        return side_by_side(draw, looks, sizes, "left of")
    return scattered(draw, looks, sizes)


def in_corners(draw: Draw, looks: Sequence[Look]) -> tuple[Thing, ...]:
    """Place two things in corners across from each other, one higher, with little room to spare."""
    first, second = (draw.uniform(0.44, 0.47) for _ in looks)
    left, right = first / 2.0 + _GAP / 2.0, 1.0 - second / 2.0 - _GAP / 2.0
    wide, high = draw.uniform(0.0, 0.01), draw.uniform(0.0, 0.03)
    down = (left + high, right - high)
    y = down if draw.chance(0.5) else (1.0 - down[0], 1.0 - down[1])
    return (
        looks[0].at(left + wide, y[0], first),
        looks[1].at(right - wide, y[1], second),
    )


def side_by_side(
    draw: Draw, looks: Sequence[Look], sizes: Sequence[float], name: RelationName
) -> tuple[Thing, ...]:
    """Place the first thing left of (right of, above, below) the second, clearly so."""
    first, second = sizes
    least = (first + second) / 2.0 + _GAP
    half = (first / 2.0 + _GAP / 2.0, 1.0 - second / 2.0 - _GAP / 2.0)
    distance = draw.uniform(least, min(half[1] - half[0], least + 0.14))
    start = draw.uniform(half[0], half[1] - distance)
    along = (start, start + distance)
    if name in ("right of", "below"):
        along = (1.0 - along[0], 1.0 - along[1])
    drift = distance * 0.3
    middle = draw.uniform(0.42, 0.58)
    across = (middle + draw.uniform(-drift, drift) / 2, middle + draw.uniform(-drift, drift) / 2)
    across = tuple(  # type: ignore[assignment]
        min(max(a, size / 2 + _GAP / 2), 1 - size / 2 - _GAP / 2)
        for a, size in zip(across, sizes, strict=True)
    )
    swapped = name in ("above", "below")
    return tuple(
        look.at(b, a, size) if swapped else look.at(a, b, size)
        for look, a, b, size in zip(looks, along, across, sizes, strict=True)
    )


def in_line(draw: Draw, look: Look, count: int, arrangement: Arrangement) -> tuple[Thing, ...]:
    """Place `count` (2..4) alike things in a row or a column."""
    size = min(draw.uniform(0.22, 0.34), (1.0 - _GAP) / count - _GAP)
    pitch = min(size + draw.uniform(_GAP, 0.1), (1.0 - size - _GAP) / (count - 1))
    middle = draw.uniform(0.4, 0.6)
    along = [0.5 + (index - (count - 1) / 2.0) * pitch for index in range(count)]
    if arrangement == "row":
        return tuple(look.at(a, middle, size) for a in along)
    return tuple(look.at(middle, a, size) for a in along)
