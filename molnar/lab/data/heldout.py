"""Spec -> is it kept out of training, and for which reasons.

One versioned file, heldout.json, says what is held out. Shapes are listed one by one; drawings and
combinations of drawings, which are too many, are held out when a stable hash of their names falls
under a percentage.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib import resources
from itertools import combinations
from typing import Any

from molnar.lab.data.concepts import COMMON
from molnar.lab.data.places import PLACES
from molnar.lab.data.spec import Spec, Thing, alike


@lru_cache(maxsize=1)
def table() -> dict[str, Any]:
    """Read heldout.json: lists by kind, percentages, and `version`."""
    text = resources.files("molnar.lab.data").joinpath("heldout.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@lru_cache(maxsize=1)
def _sets() -> dict[str, frozenset[tuple[Any, ...]]]:
    return {
        key: frozenset(tuple(row) for row in rows)
        for key, rows in table().items()
        if key.startswith("shape_")
    }


@lru_cache(maxsize=1)
def _everyday() -> frozenset[str]:
    return frozenset(COMMON)


@lru_cache(maxsize=1 << 17)
def _hashed(rule: str, *names: str | int) -> bool:
    rules = table()["hashed"]
    text = "|".join([rules["salt"], rule, *map(str, names)])
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return number % 100 < int(rules[f"{rule}_percent"])


def drawing_held_out(name: str, style: str) -> bool:
    """Tell whether one drawing of a concept is never trained on.

    The everyday concepts keep their default drawing, so that the words people use most are known.
    """
    if style == "noto" and name in _everyday():
        return False
    return _hashed("drawing", name, style)


def colour_held_out(shape: str, colour: str) -> bool:
    """Tell whether a shape is never trained on in a colour."""
    return (shape, colour) in _sets()["shape_colours"]


def count_held_out(name: str, count: int) -> bool:
    """Tell whether a number of the same thing (2..6, shape or concept) is never trained on."""
    if count < 2:
        return False
    return (name, count) in _sets()["shape_counts"] or (
        not _is_shape(name) and _hashed("sticker_count", name, count)
    )


def pair_held_out(first: str, second: str) -> bool:
    """Tell whether two things are never trained on side by side, in whichever order."""
    if _is_shape(first) and _is_shape(second):
        pairs = _sets()["shape_pairs"]
        return (first, second) in pairs or (second, first) in pairs
    return _hashed("sticker_pair", *sorted((first, second)))


def relation_held_out(subject: str, relation: str, object_: str) -> bool:
    """Tell whether "subject relation object" is never trained on.

    Left and right, above and below say the same thing twice, so both sayings are held out.
    """
    mirrored = {"right of": "left of", "below": "above"}
    if relation in mirrored:
        subject, relation, object_ = object_, mirrored[relation], subject
    if _is_shape(subject) and _is_shape(object_):
        return (subject, relation, object_) in _relations()
    return _hashed("sticker_relation", subject, relation, object_)


def accessory_held_out(concept: str, accessory: str) -> bool:
    """Tell whether a drawing is never trained on with an accessory, in whichever colour."""
    return _hashed("sticker_accessory", concept, accessory)


def place_held_out(concept: str, place: str) -> bool:
    """Tell whether a drawing is never trained on in a place; patterns and shapes always are."""
    return place in PLACES and not _is_shape(concept) and _hashed("sticker_place", concept, place)


@lru_cache(maxsize=1)
def _relations() -> frozenset[tuple[str, str, str]]:
    mirrored = {"right of": "left of", "below": "above"}
    rows = table()["shape_relations"]
    return frozenset(
        (object_, mirrored[name], subject) if name in mirrored else (subject, name, object_)
        for subject, name, object_ in rows
    )


@lru_cache(maxsize=1)
def _shape_names() -> frozenset[str]:
    return frozenset(shape for shape, _ in table()["shape_counts"])


def _is_shape(name: str) -> bool:
    return name in _shape_names()


def reasons(spec: Spec) -> tuple[str, ...]:
    """List why a spec is held out; empty when it may be trained on.

    A number is that of things that are said together, "three gray squares": a brown square besides
    makes no fourth.
    """
    found = [reason for thing in spec.things for reason in _of_thing(thing)]
    names = [thing.name for thing in spec.things]
    if spec.homage is None and len(names) > 1:
        if len({(thing.name, thing.colour) for thing in spec.things}) == 1:
            if count_held_out(names[0], len(names)):
                found.append(f"count: {len(names)} {names[0]}")
        else:
            found += [
                f"count: {len(group)} {group[0].name}"
                for group in alike(spec.things)
                if count_held_out(group[0].name, len(group))
            ]
            found += [
                f"pair: {first} and {second}"
                for first, second in combinations(names, 2)
                if first != second and pair_held_out(first, second)
            ]
    if spec.place is not None:
        where = spec.place.name
        found += [f"place: {name} in {where}" for name in names if place_held_out(name, where)]
    if spec.relation is not None:
        subject, object_ = names[spec.relation.subject], names[spec.relation.object]
        if relation_held_out(subject, spec.relation.name, object_):
            found.append(f"relation: {subject} {spec.relation.name} {object_}")
    return tuple(dict.fromkeys(found))


def _of_thing(thing: Thing) -> list[str]:
    if thing.kind == "sticker" and thing.style is not None:
        if drawing_held_out(thing.name, thing.style):
            return [f"drawing: {thing.name} in {thing.style}"]
        return [
            f"accessory: {thing.name} with {worn.name}"
            for worn in thing.accessories
            if accessory_held_out(thing.name, worn.name)
        ]
    if thing.colour is not None and colour_held_out(thing.name, thing.colour):
        return [f"colour: {thing.colour} {thing.name}"]
    return []


def is_held_out(spec: Spec) -> bool:
    """Tell whether a spec must never be trained on."""
    return bool(reasons(spec))
