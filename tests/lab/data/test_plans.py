"""Plans of scenes: every box is around what was drawn, and nothing is missing."""

from __future__ import annotations

import numpy as np
import pytest

from molnar.base.looks import LOOKS, MANNERS
from molnar.lab.data.captions import STYLE_WORDS
from molnar.lab.data.plans import names, plan_of
from molnar.lab.data.shapes import MARKS, SHAPES
from molnar.lab.data.spec import GEOMETRY_KINDS, STICKER_KINDS, Background, Spec, Thing
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.world import World, WorldConfig
from molnar.plan import items
from molnar.plan.items import BACKGROUND, MOST, TRANSPARENT, Item

SIZE = 128
WHOLE = {"homage"}  # one item stands for many things


def box(mask: np.ndarray) -> tuple[float, float, float, float]:
    rows, columns = np.nonzero(mask >= 128)
    return (
        columns.min() / SIZE,
        rows.min() / SIZE,
        (columns.max() + 1) / SIZE,
        (rows.max() + 1) / SIZE,
    )


def sides(item: Item) -> tuple[float, float, float, float]:
    across, down = item.width / 2, item.height / 2
    return item.x - across, item.y - down, item.x + across, item.y + down


@pytest.mark.parametrize("kind", [k for k in GEOMETRY_KINDS if k not in WHOLE])
def test_boxes_are_around_the_shapes_that_are_drawn(kind: str) -> None:
    world = World(WorldConfig(size=SIZE))
    for index in range(12):
        sample = world.sample(index, kind)
        assert sample.plan is not None
        assert sample.spec is not None
        assert sample.masks is not None
        things = sample.plan[1:]
        assert [(i.name, i.colour) for i in things] == [
            (t.name, t.colour) for t in sample.spec.things
        ]
        for item, mask in zip(things, sample.masks, strict=True):
            if kind == "nested" and item is things[0]:
                continue  # partly hidden: what is seen of it may be smaller
            left, top, right, bottom = box(mask)
            planned = sides(item)
            # a shape may be narrower than its box, never wider
            assert planned[0] - 0.02 <= left
            assert planned[1] - 0.02 <= top
            assert right <= planned[2] + 0.02
            assert bottom <= planned[3] + 0.02
            assert max(right - left, bottom - top) >= 0.85 * item.width


@pytest.mark.parametrize("kind", ["sticker", "sticker_two", "sticker_count"])
def test_boxes_are_around_the_stickers_that_are_drawn(kind: str, stickers: Stickers) -> None:
    world = World(WorldConfig(size=SIZE), stickers)
    for index in range(12):
        sample = world.sample(index, kind)
        assert sample.plan is not None
        assert sample.spec is not None
        assert sample.masks is not None
        things = [item for item in sample.plan if not item.behind]
        for item, mask, thing in zip(things, sample.masks, sample.spec.things, strict=True):
            if not thing.angle:
                np.testing.assert_allclose(sides(item), box(mask), atol=0.04)


def test_what_lies_behind_comes_first() -> None:
    world = World(WorldConfig(size=64, place_p=0.5))
    found = set()
    for index in range(80):
        spec = world.spec(index)
        first = plan_of(spec, None)[0]
        assert first.behind
        if spec.place is not None:
            assert first.name == spec.place.name
        elif spec.background.transparent:
            assert (first.name, first.colour) == (TRANSPARENT, None)
        else:
            assert (first.name, first.colour) == (BACKGROUND, spec.background.colour)
        found.add(first.name)
    assert len(found) > 3


def test_how_all_of_it_is_drawn_is_planned_after_what_lies_behind(stickers: Stickers) -> None:
    world = World(WorldConfig(size=128, look_p=0.5), stickers)
    found = set()
    for index in range(200):
        spec = world.spec(index, "sticker_two" if index % 2 else "sticker")
        [style] = {STYLE_WORDS[thing.style] for thing in spec.things if thing.style is not None}
        said = [name for name in (style, spec.look) if name in MANNERS]
        plan = plan_of(spec, stickers)
        rest = [item.name for item in plan[1:] if not item.behind]
        assert [item.name for item in plan[1:]] == [*said, *rest]
        assert rest == [thing.name for thing in spec.things]
        assert all(item.behind for item in plan[1 : 1 + len(said)])
        found |= {*said}
    assert found >= {*LOOKS, "3d"}
    assert "emoji" not in found, "what most drawings are goes without saying"


def test_colours_that_a_look_hides_are_not_planned() -> None:
    star = Thing(kind="shape", name="star", colour="red", rgb=(255, 0, 0), x=0.5, y=0.5, size=0.5)
    ground = Background(colour="blue", rgb=(0, 0, 255))

    def colours(look: str | None) -> list[str | None]:
        spec = Spec(kind="single", things=(star,), background=ground, look=look)
        return [item.colour for item in plan_of(spec, None) if item.name not in MANNERS]

    assert colours(None) == colours("mosaic") == ["blue", "red"]
    assert colours("neon") == [None, "red"]
    assert colours("blueprint") == [None, None]


def test_all_plans_can_be_written(stickers: Stickers) -> None:
    world = World(WorldConfig(size=64, place_p=0.3), stickers)
    known = set(names(stickers))
    for index in range(300):
        caption, plan = world.described(index)
        assert caption == world.text(index)
        assert {item.name for item in plan} <= known
        assert 2 <= len(plan) <= MOST
    assert not known.intersection(STICKER_KINDS)


def test_a_composition_is_one_item_around_all_of_it() -> None:
    world = World(WorldConfig(size=SIZE))
    for index in range(10):
        sample = world.sample(index, "homage")
        assert sample.plan is not None
        assert sample.masks is not None
        [item] = sample.plan[1:]
        left, top, right, bottom = box(sample.masks.max(axis=0))
        planned = sides(item)
        assert planned[0] - 0.1 <= left
        assert planned[1] - 0.1 <= top
        assert right <= planned[2] + 0.1
        assert bottom <= planned[3] + 0.1


def test_a_plan_knows_the_shapes_of_the_world() -> None:
    assert {*SHAPES, *MARKS} == items.SHAPES
