"""A spec in, a spec that differs in one attribute out: for captions that are almost right.

"A red circle left of a blue square" becomes "a blue circle left of a red square", "a red circle
right of ..." or "a green circle ...". A model that only counts words cannot tell the two apart;
one that binds them can.

Source: Yuksekgonul et al. 2023, arXiv 2210.01936, section 3 (captions with exchanged attributes
and relations).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from molnar.lab.data.captions import NUMBERS
from molnar.lab.data.palette import COLOURS, PALETTE
from molnar.lab.data.spec import COLOURLESS, GROUNDLESS, Spec, Thing


def swapped(spec: Spec, draw: np.random.Generator) -> Spec | None:
    """Change one attribute of what `spec` says, or return None where there is none to change.

    The result is for describing, not for drawing: things keep their places.
    """
    edits = [
        edit
        for edit in (
            None if spec.look in COLOURLESS else _exchange_colours(spec),
            _turn_relation(spec),
            None if spec.look in COLOURLESS else _recolour(spec, draw),
            _recount(spec, draw),
        )
        if edit is not None
    ]
    if not edits:
        return None
    return edits[int(draw.integers(len(edits)))]


def meaning(spec: Spec) -> tuple[Any, ...]:
    """Give what a caption can say of a spec, without exact places: equal for paraphrases."""
    things = [_looks(thing, spec.look) for thing in spec.things]
    relation = spec.relation and (
        spec.relation.name,
        things[spec.relation.subject],
        things[spec.relation.object],
    )
    words = (
        spec.kind,
        _ground(spec),
        spec.size_word,
        spec.arrangement,
        spec.place and (spec.place.name, spec.place.colours, spec.place.weather),
        spec.look,
    )
    return (*words, tuple(sorted(things, key=repr)), relation, spec.homage)


def _ground(spec: Spec) -> str | None:
    if spec.place is not None:
        return None
    if spec.background.transparent:
        return "transparent"
    return None if spec.look in GROUNDLESS else spec.background.colour


def _looks(thing: Thing, look: str | None = None) -> tuple[Any, ...]:
    worn = tuple(sorted((worn.name, worn.colour) for worn in thing.accessories))
    if look in COLOURLESS:
        return (thing.kind, thing.name, thing.style, tuple(name for name, _ in worn))
    return (thing.kind, thing.name, thing.colour, thing.style, worn)


def _exchange_colours(spec: Spec) -> Spec | None:
    """Exchange the colours of two things that differ in name and colour."""
    for one, two in combinations(range(len(spec.things)), 2):
        first, second = spec.things[one], spec.things[two]
        coloured = first.colour is not None and second.colour is not None
        if coloured and first.colour != second.colour and first.name != second.name:
            things = list(spec.things)
            things[one] = replace(first, colour=second.colour, rgb=second.rgb)
            things[two] = replace(second, colour=first.colour, rgb=first.rgb)
            return replace(spec, things=tuple(things))
    return None


def _turn_relation(spec: Spec) -> Spec | None:
    """Exchange who is left of, above or inside whom."""
    relation = spec.relation
    if relation is None:
        return None
    if _looks(spec.things[relation.subject]) == _looks(spec.things[relation.object]):
        return None
    turned = replace(relation, subject=relation.object, object=relation.subject)
    return replace(spec, relation=turned)


def _recolour(spec: Spec, draw: np.random.Generator) -> Spec | None:
    """Give all things of one colour another, which neither a thing nor the background has."""
    used = {thing.colour for thing in spec.things}
    old = sorted(colour for colour in used if colour is not None)
    new = [colour for colour in COLOURS if colour not in used and colour != spec.background.colour]
    if not old or not new:
        return None
    before, after = old[int(draw.integers(len(old)))], new[int(draw.integers(len(new)))]
    return replace(
        spec,
        things=tuple(
            replace(thing, colour=after, rgb=PALETTE[after]) if thing.colour == before else thing
            for thing in spec.things
        ),
    )


def _recount(spec: Spec, draw: np.random.Generator) -> Spec | None:
    """Say one more or one fewer, where all things are the same and there are several."""
    count = len(spec.things)
    if count < 2 or spec.relation is not None or len({_looks(thing) for thing in spec.things}) > 1:
        return None
    most = len(NUMBERS) - 1  # that has a word
    if count >= most or (count > 2 and draw.random() < 0.5):
        return replace(spec, things=spec.things[:-1])
    return replace(spec, things=(*spec.things, spec.things[-1]))
