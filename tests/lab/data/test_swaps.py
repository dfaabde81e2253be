from collections import Counter
from dataclasses import replace

import pytest

from molnar.base.rng import generator
from molnar.lab.data.spec import Background, Relation, Spec, Thing
from molnar.lab.data.swaps import meaning, swapped
from molnar.lab.data.world import World, WorldConfig


def thing(name: str, colour: str | None, x: float = 0.5) -> Thing:
    kind = "sticker" if colour is None else "shape"
    return Thing(kind=kind, name=name, x=x, y=0.5, size=0.3, colour=colour)


def edits(spec: Spec) -> list[Spec]:
    """All that `swapped` makes of a spec."""
    found = [swapped(spec, generator(0, number)) for number in range(60)]
    return [spec for spec in found if spec is not None]


def test_a_drawing_in_its_own_colours_has_nothing_to_change() -> None:
    assert edits(Spec(kind="sticker", things=(thing("dog", None),))) == []


def test_one_thing_gets_another_colour_but_not_the_backgrounds() -> None:
    spec = Spec(
        kind="single", things=(thing("circle", "red"),), background=Background(colour="blue")
    )
    colours = Counter(edit.things[0].colour for edit in edits(spec))
    assert len(colours) > 5
    assert not {"red", "blue"} & set(colours)


def test_colours_are_exchanged_between_things_of_different_names() -> None:
    spec = Spec(kind="two", things=(thing("circle", "red"), thing("star", "blue")))
    exchanged = [[t.colour for t in edit.things] for edit in edits(spec)]
    assert ["blue", "red"] in exchanged


def test_equal_names_without_a_relation_are_not_exchanged() -> None:
    spec = Spec(kind="two", things=(thing("star", "red"), thing("star", "blue")))
    assert all({t.colour for t in edit.things} != {"red", "blue"} for edit in edits(spec))


def test_a_relation_is_turned_round() -> None:
    spec = Spec(
        kind="position",
        things=(thing("dog", None, 0.2), thing("cat", None, 0.8)),
        relation=Relation(name="left of", subject=0, object=1),
    )
    turned = replace(spec, relation=Relation(name="left of", subject=1, object=0))
    assert edits(spec) == [turned] * 60


@pytest.mark.parametrize("count, allowed", [(2, {3}), (4, {3, 5}), (6, {5})])
def test_counts_are_off_by_one_and_have_a_word(count: int, allowed: set[int]) -> None:
    spec = Spec(kind="sticker_count", things=(thing("dog", None),) * count)
    assert {len(edit.things) for edit in edits(spec)} == allowed


def test_a_change_never_keeps_the_meaning_and_can_be_described() -> None:
    world = World(WorldConfig(seed=3, size=32))
    spoken = 0
    for index in range(150):
        spec = world.spec(index)
        changed = swapped(spec, generator(1, index))
        assert changed is not None
        assert meaning(changed) != meaning(spec)
        spoken += world.caption(changed, index) != world.caption(spec, index)
    assert spoken > 130


def test_places_and_order_are_no_part_of_the_meaning() -> None:
    one = Spec(kind="two", things=(thing("circle", "red", 0.2), thing("star", "blue", 0.8)))
    other = Spec(kind="two", things=(thing("star", "blue", 0.1), thing("circle", "red", 0.9)))
    assert meaning(one) == meaning(other)
    assert hash(meaning(one)) == hash(meaning(other))
    bound = Spec(kind="two", things=(thing("circle", "blue"), thing("star", "red")))
    assert meaning(bound) != meaning(one)


def test_where_colours_do_not_show_they_are_neither_swapped_nor_told_apart() -> None:
    world = World(WorldConfig(seed=8))
    rng = generator(0, 1)
    for index in range(60):
        spec = replace(world.spec(index, "single"), look="line drawing")
        assert swapped(spec, rng) is None
        other = replace(spec.things[0], colour="cyan" if spec.things[0].colour == "red" else "red")
        assert meaning(replace(spec, things=(other,))) == meaning(spec)
        coloured = replace(spec, look="mosaic")
        assert swapped(coloured, rng) is not None
        assert meaning(replace(coloured, things=(other,))) != meaning(coloured)
