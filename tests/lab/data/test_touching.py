"""Two things that touch: drawn as said, whole, and said in many words."""

import re

import pytest

from molnar.lab.data import concepts
from molnar.lab.data.plans import plan_of
from molnar.lab.data.spec import Relation, Spec, Thing
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.touching import BACK, FRONT, JOINTS, ON
from molnar.lab.data.world import World, WorldConfig
from molnar.plan.items import Item, overlap

KIND = "sticker_touching"


@pytest.fixture(scope="module")
def world(stickers: Stickers) -> World:
    return World(WorldConfig(seed=3, short_p=0.5), stickers)


def edges(item: Item) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    half = item.width / 2, item.height / 2
    return item.x - half[0], item.y - half[1], item.x + half[0], item.y + half[1]


def boxes(world: World, index: int) -> tuple[Spec, Item, Item]:
    """What is touched, and what touches it."""
    spec = world.spec(index, KIND)
    first, second = (item for item in plan_of(spec, world.stickers) if not item.behind)
    assert spec.relation is not None
    assert spec.relation == Relation(name=spec.relation.name, subject=1, object=0)
    return spec, first, second


def test_both_are_whole_and_where_the_relation_says(world: World) -> None:
    seen = set()
    for index in range(200):
        spec, under, over = boxes(world, index)
        for item in (under, over):
            left, top, right, bottom = edges(item)
            assert min(left, top) > 0
            assert max(right, bottom) < 1
            assert min(item.width, item.height) > 0.1
        assert overlap(under, over)
        assert spec.relation is not None
        seen.add(spec.relation.name)
        if spec.relation.name == "on":  # its feet are near the other's top, and above its middle
            assert edges(under)[1] < edges(over)[3] < under.y
            assert over.y < edges(under)[1]
        elif spec.relation.name == "in front of":
            assert edges(over)[3] >= edges(under)[3] - 1e-6 or edges(under)[3] > 0.96
            assert 0.2 < abs(over.x - under.x) / spec.things[0].size < 0.5
        else:
            assert over.width < 0.6 * spec.things[0].size
            assert abs(over.x - under.x) < 0.06
    assert seen == {"on", "in front of", "inside"}


def place(caption: str, thing: Thing) -> int:
    """Where a caption names a thing; shapes are named with their colours."""
    names = concepts.names_of(thing.name)
    said = [f"{thing.colour} {name}" if thing.colour else name for name in names]
    found = [caption.find(name) for name in said if name in caption]
    assert found, (caption, said)
    return min(found)


def test_it_is_said_who_is_on_whom(world: World) -> None:
    seen = set()
    for index in range(300):
        spec, _, _ = boxes(world, index)
        caption = world.caption(spec, index).lower()
        if {thing.name for thing in spec.things} == {"house", "house with garden"}:
            continue  # one name within the other: where is which?
        under, over = (place(caption, thing) for thing in spec.things)
        first, last = sorted((under, over))
        between = caption[first:last]
        assert spec.relation is not None
        words = {"on": ON, "in front of": FRONT if over < under else BACK, "inside": ("in", "with")}
        found = [w for w in words[spec.relation.name] if re.search(rf"\b{w}", between)]
        assert found, caption
        if spec.relation.name == "on":
            assert over < under, caption
        seen.update(found)
    assert {"on", "riding", "behind", "in front of", "in", "with"} <= seen


def test_two_things_are_together_in_many_words(world: World) -> None:
    captions = [world.caption(world.spec(k, "sticker_two"), k) for k in range(400)]
    heard = {joint for joint in JOINTS for text in captions if f" {joint} " in text}
    assert len(heard) > 40
    assert sum(" and " in text or " next to " in text for text in captions) > 120
