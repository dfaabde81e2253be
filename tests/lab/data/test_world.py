"""Specs: pure, legible, true to their kind."""

from dataclasses import replace

import numpy as np
import pytest

from molnar.base.config import from_json, to_json
from molnar.base.errors import ConfigError, DataError
from molnar.base.looks import LOOKS
from molnar.lab.data.looking import LOOKED
from molnar.lab.data.looks import apply
from molnar.lab.data.palette import MIN_CONTRAST, PALETTE, contrasts, lab, name_of
from molnar.lab.data.spec import COLOURLESS, GEOMETRY_KINDS, KINDS, Thing
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.world import World, WorldConfig


@pytest.fixture(scope="module")
def world(stickers: Stickers) -> World:
    return World(WorldConfig(seed=1), stickers)


def test_a_sample_depends_on_seed_and_index_alone(stickers: Stickers, world: World) -> None:
    other = World(WorldConfig(seed=1), stickers)
    forward = [other.sample(index) for index in range(12)]
    for index in reversed(range(12)):
        again = world.sample(index)
        assert again.caption == forward[index].caption
        assert again.spec == forward[index].spec
        np.testing.assert_array_equal(again.image, forward[index].image)
        np.testing.assert_array_equal(again.masks, forward[index].masks)


def test_another_seed_or_index_is_another_picture(stickers: Stickers, world: World) -> None:
    other = World(WorldConfig(seed=2), stickers)
    assert [world.spec(i) for i in range(20)] != [other.spec(i) for i in range(20)]
    assert len({repr(world.spec(i)) for i in range(200)}) == 200


def test_sample_is_spec_render_and_caption(world: World) -> None:
    sample = world.sample(7)
    assert sample.spec is not None
    assert sample.caption == world.caption(sample.spec, 7) == world.text(7)
    assert sample.image.shape == (128, 128, 4)
    assert sample.image.dtype == np.uint8
    np.testing.assert_array_equal(sample.image, world.render(sample.spec).image)


def test_every_kind_is_drawn_in_its_share(world: World) -> None:
    kinds = [world.spec(index).kind for index in range(1200)]
    assert set(kinds) == set(KINDS)
    geometry = sum(kind in GEOMETRY_KINDS for kind in kinds) / len(kinds)
    assert geometry == pytest.approx(0.45, abs=0.05)


def apart(first: Thing, second: Thing) -> bool:
    gap = max(abs(first.x - second.x), abs(first.y - second.y))
    return gap >= (first.size + second.size) / 2


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("homage", "sticker_touching")])
def test_things_are_whole_apart_and_legible(world: World, kind: str) -> None:
    for index in range(40):
        spec = world.spec(index, kind)
        nested = spec.relation is not None and spec.relation.name == "inside"
        for number, thing in enumerate(spec.things):
            assert thing.size * 128 >= (10 if nested else 20)
            for centre in (thing.x, thing.y):
                assert thing.size / 2 <= centre <= 1 - thing.size / 2
            for other in spec.things[:number]:
                assert nested or apart(thing, other)
            if thing.rgb is not None:
                assert name_of(thing.rgb) == thing.colour


@pytest.mark.parametrize("kind", GEOMETRY_KINDS)
def test_things_can_be_seen_on_what_lies_behind(world: World, kind: str) -> None:
    for index in range(40):
        spec = world.spec(index, kind)
        behind = spec.background.colour or "white"
        for thing in spec.things:
            assert thing.colour is not None
            assert contrasts(thing.colour, behind)
            if kind == "nested":
                behind = thing.colour


def test_position_is_what_the_relation_says(world: World) -> None:
    seen = set()
    for kind in ("position", "sticker_position"):
        for index in range(40):
            spec = world.spec(index, kind)
            assert spec.relation is not None
            seen.add(spec.relation.name)
            first = spec.things[spec.relation.subject]
            second = spec.things[spec.relation.object]
            dx, dy = second.x - first.x, second.y - first.y
            along = {"left of": dx, "right of": -dx, "above": dy, "below": -dy}[spec.relation.name]
            across = dy if spec.relation.name in ("left of", "right of") else dx
            assert along > (first.size + second.size) / 2
            assert abs(across) < 0.5 * along
    assert seen == {"left of", "right of", "above", "below"}


def test_counts_run_from_one_to_six_of_one_look(world: World) -> None:
    counts = set()
    for index in range(150):
        things = world.spec(index, "counting").things
        counts.add(len(things))
        assert len({(thing.name, thing.rgb) for thing in things}) == 1
    assert counts == {1, 2, 3, 4, 5, 6}


def test_attribution_has_two_colours(world: World) -> None:
    for index in range(40):
        first, second = world.spec(index, "attribution").things
        assert first.colour != second.colour


def test_stickers_stand_out(world: World, stickers: Stickers) -> None:
    for index in range(40):
        spec = world.spec(index, "sticker")
        thing = spec.things[0]
        assert thing.style is not None
        if spec.background.colour is not None:
            rgb = np.array(stickers.sprites[thing.name, thing.style].rgb)
            gap = np.linalg.norm(lab(rgb) - lab(np.array(PALETTE[spec.background.colour])))
            assert gap >= MIN_CONTRAST


def test_without_stickers_there_is_geometry_alone() -> None:
    plain = World(WorldConfig(seed=3))
    assert {plain.spec(index).kind for index in range(100)} <= set(GEOMETRY_KINDS)
    with pytest.raises(DataError, match="needs stickers"):
        plain.spec(0, "sticker")
    with pytest.raises(DataError, match="unknown kind"):
        plain.spec(0, "circle")


def test_config_is_checked_and_round_trips() -> None:
    with pytest.raises(ConfigError, match="unknown kind 'dance'"):
        WorldConfig(geometry={"dance": 1.0})
    with pytest.raises(ConfigError, match="exceeds 1"):
        WorldConfig(transparent_p=0.6, coloured_p=0.6)
    config = WorldConfig(seed=4, split="heldout", geometry={"single": 1.0})
    assert from_json(WorldConfig, to_json(config)) == config


def test_weights_choose_the_kinds() -> None:
    world = World(WorldConfig(geometry={"counting": 1.0}))
    assert {world.spec(index).kind for index in range(30)} == {"counting"}


def test_what_cannot_be_held_out_is_an_error_not_a_hang(stickers: Stickers) -> None:
    world = World(WorldConfig(split="heldout"), stickers)
    known = {name: row for name, row in stickers.concepts.items() if name == "rocket"}
    only = replace_sprites(stickers, {("rocket", "noto")}, known)
    with pytest.raises(DataError, match="split 'heldout'"):
        World(WorldConfig(split="heldout"), only).spec(0, "sticker")
    assert world.spec(0, "counting").kind == "counting"


def replace_sprites(stickers: Stickers, keys: set[tuple[str, str]], concepts: dict) -> Stickers:
    return Stickers(
        folder=stickers.folder,
        concepts=concepts,
        size=stickers.size,
        sprites={key: stickers.sprites[key] for key in keys},
        problems=[],
    )


def test_looks_come_in_their_share_and_change_nothing_where_none_are_asked_for(
    stickers: Stickers, world: World
) -> None:
    with_looks = World(WorldConfig(seed=1, look_p=0.3), stickers)
    specs = [with_looks.spec(index) for index in range(600)]
    able = [spec for spec in specs if spec.kind in LOOKED]
    share = sum(spec.look is not None for spec in able) / len(able)
    assert share == pytest.approx(0.3, abs=0.06)
    assert {spec.look for spec in specs} == {None, *LOOKS}
    assert all(spec.look is None for spec in specs if spec.kind not in LOOKED)
    for spec in specs:
        names = [thing.name for thing in spec.things]
        if spec.look in COLOURLESS and len(set(names)) < len(names):
            assert len({(thing.name, thing.colour) for thing in spec.things}) == 1
    spec = next(spec for spec in specs if spec.look == "neon")
    drawn, plain = with_looks.render(spec), world.render(replace(spec, look=None))
    np.testing.assert_array_equal(drawn.masks, plain.masks)
    np.testing.assert_array_equal(drawn.image, apply("neon", plain.image))


def test_neon_has_no_colours_that_tubes_cannot_show(stickers: Stickers) -> None:
    looked = World(WorldConfig(seed=2, look_p=1.0), stickers)
    specs = [looked.spec(index, "single") for index in range(300)]
    lit = {spec.things[0].colour for spec in specs if spec.look == "neon"}
    assert len(lit) > 6
    assert not lit & {"black", "gray", "brown"}


def test_everyday_drawings_get_their_share(stickers: Stickers) -> None:
    named = ("rocket", "pizza")  # of seven, the others are everyday ones too

    def share(common_p: float) -> float:
        world = World(WorldConfig(common_p=common_p, geometry_p=0.0), stickers)
        sampler = world._sampler
        sampler.common = {style: named for style in sampler.common}
        things = [world.spec(i, "sticker").things[0].name for i in range(400)]
        return sum(name in named for name in things) / len(things)

    assert share(0.0) == pytest.approx(2 / 7, abs=0.08)
    assert share(0.6) == pytest.approx(0.6 + 0.4 * 2 / 7, abs=0.08)
