"""Things on a plain background in, the same things in a place out: standing where one can stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from molnar.lab.data.draw import Draw
from molnar.lab.data.palette import COLOURS, contrasts, lab
from molnar.lab.data.places import (
    OUTDOOR,
    PATTERNS,
    PLACES,
    STANDING,
    WEATHER,
    Place,
    colours_behind,
    ground,
)
from molnar.lab.data.spec import RGB, Background, Spec, Thing

#: Kinds that may be in a place. Geometry may only lie on a pattern.
SETTLED = frozenset({"sticker", "sticker_two", "sticker_wearing"})
PATTERNED = SETTLED | {"single", "two"}

_PATTERN_P = 0.3  # share of patterns, where both are possible
_WEATHER_P = 0.2  # share of outdoor places with weather
_TRIES = 8  # places, before the background stays plain
_LEAST = 28.0  # CIELAB distance of a drawing's mean colour to what lies behind it
_SIZES = (0.46, 0.62)  # of a single thing in a place: there must be something of it to see
_VARIANTS = 1 << 16


def settle(
    draw: Draw, spec: Spec, colours: Sequence[RGB], heights: Sequence[float], tops: Sequence[float]
) -> Spec:
    """Put a spec into a place or on a pattern where its things can be seen.

    Args:
        draw: decides.
        spec: of one of the kinds in PATTERNED.
        colours: mean sRGB of each thing, 0..255.
        heights: of each thing, in units of its size.
        tops: how far what each thing wears reaches above it, in units of its size.

    Returns:
        The spec itself where nothing suits.
    """
    for _ in range(_TRIES):
        if spec.kind not in SETTLED or draw.chance(_PATTERN_P):
            place, things = _pattern(draw, spec), spec.things
        elif spec.size_word is not None:  # sizes are the place's own here
            continue
        else:
            place = _place(draw)
            things = standing(draw, spec.things, place, heights, tops)
        if place is not None and _apart(things) and legible(place, things, colours):
            return replace(spec, things=things, background=Background(), place=place)
    return spec


def _place(draw: Draw) -> Place:
    name = draw.choice(PLACES)
    weather = draw.choice(WEATHER) if name in OUTDOOR and draw.chance(_WEATHER_P) else None
    return Place(name=name, variant=int(draw.random() * _VARIANTS), weather=weather)


def _pattern(draw: Draw, spec: Spec) -> Place | None:
    """Choose a pattern whose two colours differ from those of coloured things."""
    own = {thing.colour for thing in spec.things if thing.colour is not None}
    own |= {worn.colour for thing in spec.things for worn in thing.accessories}
    able = [name for name in COLOURS if all(contrasts(name, other) for other in own)]
    first = draw.choice(able) if able else ""
    second = draw.choice([name for name in able if name != first] or [""])
    if not second:
        return None
    variant = int(draw.random() * _VARIANTS)
    return Place(name=draw.choice(PATTERNS), variant=variant, colours=(first, second))


def standing(
    draw: Draw,
    things: tuple[Thing, ...],
    place: Place,
    heights: Sequence[float],
    tops: Sequence[float],
) -> tuple[Thing, ...]:
    """Shrink a single thing, and put everything on the ground where there is one.

    Args:
        draw: decides.
        things: of a plain background.
        place: where they are now.
        heights: of each thing, in units of its size.
        tops: how far what each thing wears reaches above it, in units of its size.
    """
    if len(things) == 1:
        things = (replace(things[0], size=things[0].size * draw.uniform(*_SIZES) / 0.8),)
    if place.name not in STANDING:
        return things
    at = ground(place)
    depth = draw.uniform(0.0, 0.6) * (1.0 - at)
    settled = []
    for thing, height, top in zip(things, heights, tops, strict=True):
        foot = min(at + depth + draw.uniform(-0.02, 0.02), 0.98)
        y = max(foot - thing.size * height / 2.0, thing.size * (height / 2.0 + top) + 0.01)
        settled.append(replace(thing, y=y, angle=0.0))
    return tuple(settled)


def _apart(things: Sequence[Thing]) -> bool:
    """Tell whether no thing covers another, now that they stand on the same ground."""
    return all(
        max(abs(one.x - two.x), abs(one.y - two.y)) >= (one.size + two.size) / 2.0
        for one, two in combinations(things, 2)
    )


def legible(place: Place, things: Sequence[Thing], colours: Sequence[RGB]) -> bool:
    """Tell whether things of these mean colours, and what they wear, can be seen in a place."""
    for thing, rgb in zip(things, colours, strict=True):
        half = thing.size / 2.0
        behind = colours_behind(
            place, (thing.x - half, thing.y - half, thing.x + half, thing.y + half)
        )
        worn = [accessory.rgb for accessory in thing.accessories]
        if any(
            float(np.linalg.norm(lab(np.array(c)) - lab(behind))) < _LEAST for c in (rgb, *worn)
        ):
            return False
    return True
