"""What a plan says of each cell: exact coverage, the topmost thing, places inside boxes."""

from __future__ import annotations

import numpy as np
import pytest

from molnar.base.boxes import BOX, LOUD_BOX
from molnar.plan.items import COLOURS, Item
from molnar.plan.paint import features, paint

WIDE = 4
NAMES = {
    "background": np.array([1, 0, 0, 0], np.float32),
    "circle": np.array([0, 1, 0, 0], np.float32),
    "square": np.array([0, 0, 1, 0], np.float32),
    "neon": np.array([0, 0, 0, 1], np.float32),
}
SCALE = WIDE**0.5
THING = WIDE + len(COLOURS) + 1  # the number that says how much of a cell a thing covers
ACROSS, DOWN = THING + 1, THING + 2


def painted(*plan: Item, shape: tuple[int, int] = (8, 8)) -> np.ndarray:
    return paint(plan, NAMES, shape, WIDE)


def test_nothing_planned_says_nothing() -> None:
    found = painted()
    assert found.shape == (features(WIDE), 8, 8)
    assert features(WIDE) == WIDE + len(COLOURS) + BOX
    assert not found.any()


def test_a_background_fills_every_cell_with_its_colour() -> None:
    found = painted(Item(name="background", colour="blue", behind=True))
    assert np.all(found[0] == SCALE)
    assert np.all(found[WIDE + COLOURS.index("blue")] == SCALE)  # as loud as a name
    assert found[WIDE : WIDE + len(COLOURS)].sum() == 64 * SCALE
    assert not found[THING].any()


@pytest.mark.parametrize("size", [0.25, 0.33, 0.5])
def test_a_thing_covers_exactly_its_area(size: float) -> None:
    found = painted(Item(name="circle", colour="red", x=0.45, y=0.6, width=size, height=size))
    covered = found[THING] / LOUD_BOX
    np.testing.assert_allclose(covered.sum(), (8 * size) ** 2, rtol=1e-5)
    np.testing.assert_allclose(found[1], covered * SCALE, rtol=1e-6)


def test_a_look_is_said_of_every_cell_and_has_no_box() -> None:
    plan = (Item(name="background", behind=True), Item(name="circle", width=0.5, height=0.5))
    plain, looked = painted(*plan), painted(*plan, Item(name="neon", behind=True))
    np.testing.assert_allclose(looked[3] - plain[3], SCALE)
    np.testing.assert_array_equal(np.delete(looked, 3, 0), np.delete(plain, 3, 0))
    first = painted(plan[0], Item(name="neon", behind=True), plan[1])
    np.testing.assert_array_equal(first, looked)


def test_what_comes_later_lies_on_top() -> None:
    big = Item(name="circle", colour="red", width=0.75, height=0.75)
    small = Item(name="square", colour="green", width=0.25, height=0.25)
    found = painted(big, small)
    assert found[2, 4, 4] == SCALE
    assert found[1, 4, 4] == 0
    assert found[1, 2, 2] == SCALE
    hidden = painted(small, big)
    assert not hidden[2].any()


def test_cells_know_where_in_their_thing_they_are() -> None:
    found = painted(Item(name="circle", x=0.5, y=0.5, width=0.5, height=0.5))
    inside = found[:, 2:6, 2:6] / LOUD_BOX
    np.testing.assert_allclose(inside[ACROSS, 0], [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(inside[DOWN, :, 0], [-0.75, -0.25, 0.25, 0.75])


def test_a_wide_picture_has_as_many_cells_a_thing_as_a_square_one() -> None:
    thing = Item(name="circle", x=0.5, y=0.5, width=0.5, height=0.5)
    wide = painted(thing, shape=(8, 12))
    np.testing.assert_array_equal(wide[:, :, :8], painted(thing))
    assert not wide[:, :, 8:].any()


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        painted(Item(name="dodo"))
