"""Plans keep their things in the frame."""

from __future__ import annotations

import pytest

from molnar.lab.data import palette
from molnar.lab.data.places import PATTERNS, PLACES
from molnar.plan.items import BACKGROUND, COLOURS, GROUNDS, TRANSPARENT, Item, spread


def test_the_colours_of_a_plan_are_those_of_the_world() -> None:
    assert COLOURS == palette.COLOURS


def test_what_may_lie_behind_is_what_the_world_lays_there() -> None:
    assert {BACKGROUND, TRANSPARENT, *PLACES, *PATTERNS} == GROUNDS


@pytest.mark.parametrize(("height", "width"), [(10, 16), (16, 10), (12, 12)])
def test_a_spread_plan_stays_in_its_frame_and_keeps_its_order(height: int, width: int) -> None:
    plan = (
        Item(name="background", colour="blue", behind=True),
        Item(name="circle", x=0.2, y=0.3, width=0.3, height=0.3),
        Item(name="square", x=0.8, y=0.8, width=0.3, height=0.3),
    )
    behind, first, second = spread(plan, height, width)
    side = min(height, width)
    assert (behind.width, behind.height) == (width / side, height / side)
    assert (behind.x, behind.y) == (behind.width / 2, behind.height / 2)
    assert first.width == first.height == 0.3  # sizes stay: a circle is no ellipse
    assert first.x < second.x
    assert first.y < second.y
    for item in (first, second):
        assert item.x - item.width / 2 >= 0
        assert item.x + item.width / 2 <= behind.width
        assert item.y - item.height / 2 >= 0
        assert item.y + item.height / 2 <= behind.height


@pytest.mark.parametrize(("height", "width"), [(10, 16), (16, 10)])
def test_what_overlaps_moves_as_one(height: int, width: int) -> None:
    dog = Item(name="dog face", x=0.4, y=0.6, width=0.6, height=0.6)
    hat = Item(name="beret", x=0.4, y=0.27, width=0.3, height=0.2)
    apart = Item(name="circle", x=0.9, y=0.6, width=0.1, height=0.1)
    wearer, worn, other = spread((dog, hat, apart), height, width)
    assert worn.x - wearer.x == pytest.approx(hat.x - dog.x)
    assert worn.y - wearer.y == pytest.approx(hat.y - dog.y)
    stretched = max(height, width) / min(height, width)
    gap = other.x - wearer.x if width > height else other.y - wearer.y
    assert gap == pytest.approx((0.5 if width > height else 0.0) * stretched)


def test_feet_stay_on_the_ground_of_a_place() -> None:
    plan = (
        Item(name="beach", behind=True),
        Item(name="dog face", x=0.5, y=0.6, width=0.5, height=0.5),
        Item(name="beret", x=0.5, y=0.38, width=0.2, height=0.1),
    )
    _, dog, hat = spread(plan, 16, 9)
    assert dog.y + dog.height / 2 == pytest.approx(0.85 * 16 / 9)  # as far down as in the square
    assert hat.y - dog.y == pytest.approx(0.38 - 0.6)
    plain = (Item(name="background", colour="white", behind=True), *plan[1:])
    assert spread(plain, 16, 9)[1].y == pytest.approx(0.6 * 16 / 9)


def test_a_look_is_no_place_to_stand_on() -> None:
    ground, neon = (Item(name=name, behind=True) for name in ("background", "neon"))
    bird = Item(name="bird", x=0.5, y=0.3, width=0.2, height=0.2)
    with_look = spread((ground, neon, bird), 16, 10)
    assert with_look[-1] == spread((ground, bird), 16, 10)[-1]
