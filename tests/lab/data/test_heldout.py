"""What is kept out of training stays the same, and is a small share."""

from dataclasses import replace

import pytest

from molnar.lab.data import heldout
from molnar.lab.data.concepts import COMMON
from molnar.lab.data.palette import COLOURS
from molnar.lab.data.shapes import SHAPES
from molnar.lab.data.spec import RelationName, Spec, Thing
from molnar.lab.data.world import World, WorldConfig


def test_fifteen_percent_of_shape_colours_spread_evenly() -> None:
    pairs = [(s, c) for s in SHAPES for c in COLOURS if heldout.colour_held_out(s, c)]
    assert len(pairs) == 18 == round(0.15 * len(SHAPES) * len(COLOURS))
    assert {shape for shape, _ in pairs} == set(SHAPES)
    assert {colour for _, colour in pairs} == set(COLOURS)


def test_every_listed_name_exists() -> None:
    table = heldout.table()
    assert table["version"] == 1
    for shape, colour in table["shape_colours"]:
        assert shape in SHAPES
        assert colour in COLOURS
    for shape, count in table["shape_counts"]:
        assert shape in SHAPES
        assert 2 <= count <= 6
    for first, name, second in table["shape_relations"]:
        assert {first, second} <= set(SHAPES)
        assert name in ("left of", "right of", "above", "below", "inside")


def test_about_five_percent_of_drawings_and_never_the_default_of_everyday_ones() -> None:
    styles = ("noto", "blob", "twemoji", "fluent-flat")
    drawings = [(f"concept {n}", style) for n in range(1000) for style in styles]
    share = sum(heldout.drawing_held_out(*drawing) for drawing in drawings) / len(drawings)
    assert 0.04 < share < 0.06
    assert not any(heldout.drawing_held_out(name, "noto") for name in COMMON)


def test_a_stable_hash() -> None:
    held = [n for n in range(120) if heldout.drawing_held_out(f"concept {n}", "blob")]
    assert held == HELD


HELD = [36, 58, 85]


def test_saying_it_the_other_way_round_is_held_out_too() -> None:
    assert heldout.relation_held_out("triangle", "left of", "star")
    assert heldout.relation_held_out("star", "right of", "triangle")
    assert not heldout.relation_held_out("star", "left of", "triangle")
    assert heldout.relation_held_out("square", "above", "diamond")
    names = [f"concept {n}" for n in range(60)]
    for subject in names[:20]:
        for other in names[20:]:
            left = heldout.relation_held_out(subject, "left of", other)
            assert left == heldout.relation_held_out(other, "right of", subject)
            assert heldout.pair_held_out(subject, other) == heldout.pair_held_out(other, subject)


def test_one_of_a_thing_is_never_held_out_by_count() -> None:
    assert heldout.count_held_out("star", 4)
    assert not any(heldout.count_held_out(shape, 1) for shape in SHAPES)


def shape(name: str, colour: str) -> Thing:
    return Thing(kind="shape", name=name, x=0.5, y=0.5, size=0.3, colour=colour, rgb=(0, 0, 0))


def test_reasons_name_what_is_held_out() -> None:
    spec = Spec(kind="single", things=(shape("circle", "blue"),))
    assert heldout.reasons(spec) == ("colour: blue circle",)
    stars = Spec(kind="counting", things=(shape("star", "red"),) * 4)
    assert heldout.reasons(stars) == ("count: 4 star",)
    pair = Spec(kind="two", things=(shape("star", "red"), shape("circle", "green")))
    assert heldout.reasons(pair) == ("pair: star and circle",)
    assert not heldout.is_held_out(replace(pair, things=pair.things[:1]))


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_the_world_keeps_the_splits_apart(split: str, stickers) -> None:
    config = WorldConfig(seed=5, split="heldout" if split == "heldout" else "train")
    world = World(config, stickers)
    held = [heldout.is_held_out(world.spec(index)) for index in range(150)]
    assert all(held) if split == "heldout" else not any(held)


def test_relation_names_cover_the_type() -> None:
    sides = {"left of", "right of", "above", "below"}
    assert set(RelationName.__args__) == sides | {"inside", "on", "in front of"}


def test_a_held_out_pair_is_held_out_among_many() -> None:
    things = tuple(
        Thing(kind="shape", name=name, colour="red", rgb=(218, 34, 40), x=x, y=0.5, size=0.2)
        for name, x in (("ring", 0.2), ("hexagon", 0.5), ("cross", 0.8))
    )
    assert heldout.pair_held_out("ring", "cross")
    assert "pair: ring and cross" in heldout.reasons(Spec(kind="many", things=things))
