"""Plans keep their things in the frame."""

from __future__ import annotations

import pytest

from molnar.lab.data import palette
from molnar.plan.items import COLOURS, Item, spread


def test_the_colours_of_a_plan_are_those_of_the_world() -> None:
    assert COLOURS == palette.COLOURS


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
