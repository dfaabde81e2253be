"""Plans as numbers: nothing but rounding is lost, and what is unlikely is not drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from molnar.base.types import Mention
from molnar.plan.items import COLOURS, MOST, Item, overlap
from molnar.plan.writing import (
    ANEW,
    BINS,
    HOLD,
    LEAD,
    LENGTH,
    MANY,
    SPENT,
    STOP,
    TINT,
    field_of,
    item_of,
    led,
    read,
    tinted,
    write,
    written,
)

NAMES = ("background", "beach", "circle", "fox")
PLAN = (
    Item(name="background", colour="pink", behind=True),
    Item(name="circle", colour="red", x=0.25, y=0.5, width=0.3, height=0.3),
    Item(name="fox", x=0.75, y=0.5, width=0.4, height=0.35),
)


def test_a_look_comes_back_as_what_is_no_thing() -> None:
    names = (*NAMES, "neon")
    look = Item(name="neon", behind=True)
    for plan in ((PLAN[0], look, *PLAN[1:]), (*PLAN, look)):
        again = read(written(plan, names), names)
        assert [item.name for item in again] == [item.name for item in plan]
        assert again[plan.index(look)] == look


def test_a_plan_comes_back_but_for_rounding() -> None:
    numbers = written(PLAN, NAMES)
    assert numbers[-1] == len(NAMES)
    again = read(numbers, NAMES)
    assert [(i.name, i.colour, i.behind) for i in again] == [
        (i.name, i.colour, i.behind) for i in PLAN
    ]
    for one, other in zip(PLAN[1:], again[1:], strict=True):
        for key in ("x", "y", "width", "height"):
            assert abs(getattr(one, key) - getattr(other, key)) <= 1 / BINS


def test_every_step_has_a_field_and_an_item() -> None:
    assert [field_of(step) for step in range(9)] == [0, 1, 0, 1, 2, 3, 4, 5, 0]
    assert [item_of(step) for step in range(9)] == [0, 0, 1, 1, 1, 1, 1, 1, 2]
    full = (PLAN[0], *[PLAN[1]] * (MOST - 1))
    assert len(written(full, NAMES)) == LENGTH
    with pytest.raises(ValueError, match="at most"):
        written((*full, PLAN[1]), NAMES)


def test_an_unfinished_thing_is_left_out() -> None:
    numbers = written(PLAN, NAMES)
    assert read(numbers[:-3], NAMES) == read(written(PLAN[:2], NAMES), NAMES)
    assert read([], NAMES) == ()


class Certain:
    """A planner that knows what it wants, and shows how it was asked."""

    def __init__(self, numbers: Sequence[int], doubt: float = 0.0) -> None:
        self.numbers, self.doubt = numbers, doubt
        self.asked: list[list[int]] = []

    def __call__(self, so_far: NDArray[np.int64]) -> list[NDArray[Any]]:
        self.asked.append(so_far[0].tolist())
        wanted = self.numbers[so_far.shape[1] - 1]
        sizes = (len(NAMES) + 1, len(COLOURS) + 1, BINS)
        return [np.where(np.arange(n) == wanted, 30.0, self.doubt)[None] for n in sizes]


def test_writing_asks_for_one_number_after_the_other_until_the_end() -> None:
    numbers = written(PLAN, NAMES)
    planner = Certain(numbers)
    found = write(planner, NAMES, np.random.default_rng(0))
    assert found == read(numbers, NAMES)
    assert planner.asked[-1] == [0, *numbers[:-1]]


def test_writing_ends_even_if_the_planner_does_not() -> None:
    endless = [2, 0, *[2, 0, 9, 9, 9, 9] * MOST]
    assert len(write(Certain(endless), NAMES, np.random.default_rng(0))) == MOST


def test_places_vary_with_the_seed_where_the_planner_doubts() -> None:
    numbers = written(PLAN, NAMES)
    plans = {write(Certain(numbers, 26.0), NAMES, np.random.default_rng(s)) for s in range(8)}
    assert len(plans) > 1
    same = [write(Certain(numbers, 26.0), NAMES, np.random.default_rng(3)) for _ in range(2)]
    assert same[0] == same[1]


class Doubtful(Certain):
    """A planner that is sure of everything but where its last thing is."""

    def __init__(self, numbers: Sequence[int], from_step: int) -> None:
        super().__init__(numbers)
        self.from_step = from_step

    def __call__(self, so_far: NDArray[np.int64]) -> list[NDArray[Any]]:
        found = super().__call__(so_far)
        if self.from_step <= so_far.shape[1] - 1 < self.from_step + 2:
            found[2] = np.zeros((1, BINS))
        return found


@pytest.mark.parametrize("name", ["circle", "square"])
def test_things_that_should_be_side_by_side_do_not_overlap(name: str) -> None:
    names = ("background", "beach", "circle", "square")
    plan = (
        PLAN[0],
        Item(name="circle", colour="red", x=0.5, y=0.5, width=0.4, height=0.4),
        Item(name=name, colour="blue", x=0.5, y=0.5, width=0.3, height=0.3),
    )
    numbers = written(plan, names)
    crowded = 0
    for seed in range(40):
        *_, first, second = write(Doubtful(numbers, 10), names, np.random.default_rng(seed))
        crowded += overlap(first, second) and not (
            abs(first.x - second.x) < 0.05 and abs(first.y - second.y) < 0.05
        )
    assert crowded <= 2  # of a single try in two: half of all


def test_what_is_worn_may_overlap_its_wearer() -> None:
    hat = Item(name="circle", colour="red", x=0.75, y=0.35, width=0.3, height=0.15)
    numbers = written((PLAN[0], PLAN[2], hat), NAMES)
    planner = Certain(numbers)
    assert len(write(planner, NAMES, np.random.default_rng(0))) == 3
    assert len(planner.asked) == len(numbers)  # nothing was drawn again


def mention(*names: int, colour: str | None = None, count: int | None = 1) -> Mention:
    return Mention(frozenset(names), colour, count)


def test_a_name_that_is_said_leads_and_the_end_waits_for_it() -> None:
    logits = np.array([1.0, 2.0, 0.5, -1.0])  # three names and the end
    before = np.exp(logits)
    after = np.exp(led(logits, [mention(2, count=2)], planned=[0]))
    assert after[3] == pytest.approx(before[3] * np.exp(-HOLD)), "not the end yet"
    assert after[:3].sum() == pytest.approx(before.sum()), "rather what is missing"
    assert after[2] > after[1] * np.exp(LEAD)
    # what is there, and may be there once more, has a lead, and the end is as sure as it was
    again = np.exp(led(logits, [mention(2, count=None)], planned=[0, 2]))
    assert again[2] / again[1] == pytest.approx(before[2] / before[1] * np.exp(LEAD))
    assert again[3] / again.sum() == pytest.approx(before[3] / before.sum())
    # and so it has before anything lies behind
    first = np.exp(led(logits, [mention(2)]))
    assert first[2] / first[1] == pytest.approx(before[2] / before[1] * np.exp(LEAD + ANEW))
    assert first[1] / first[0] == pytest.approx(before[1] / before[0])
    assert logits.tolist() == [1.0, 2.0, 0.5, -1.0], "what was given stays"


def test_the_end_waits_for_as_many_as_are_said_but_not_for_a_crowd() -> None:
    logits = np.array([1.0, 2.0, 0.5, -1.0])
    for count, planned, held in (
        (3, 2, True),
        (3, 3, False),
        (40, MANY - 1, True),
        (40, MANY, False),
    ):
        after = led(logits, [mention(2, count=count)], planned=[0, *[2] * planned])
        assert (after[3] < logits[3] - 1) == held, (count, planned)
    two = [mention(2, colour="red"), mention(2, colour="green")]
    assert led(logits, two, planned=[0, 2])[3] == logits[3] - HOLD
    loose = Mention(frozenset([2]), count=3, loose=True)
    assert led(logits, [loose], planned=[0, 2])[3] > logits[3] - 1


def test_only_a_ground_lies_behind_and_none_is_a_thing() -> None:
    names = ("background", "beach", "circle")

    def ask(numbers: NDArray[np.int64]) -> list[NDArray[Any]]:
        first = numbers.shape[1] == 1
        rated = [0.0, 3.0, 9.0, 0.0] if first else [-9.0, 0.0, 1.0, 2.0]
        return [np.array([rated]), np.zeros((1, len(COLOURS) + 1)), np.eye(1, BINS, 9) * 30]

    for seed in range(20):
        said = [mention(1, count=2), mention(2)]  # "a beach ball on a beach, and a circle"
        plan = write(ask, names, np.random.default_rng(seed), said=said)
        assert [item.name for item in plan] == ["beach", "circle"]
        assert [item.behind for item in plan] == [True, False]


def test_a_look_is_planned_once() -> None:
    names = ("background", "circle", "neon")

    def ask(numbers: NDArray[np.int64]) -> list[NDArray[Any]]:
        rated = np.array([[-9.0, 1.0, 30.0, 0.0]])
        return [rated, np.zeros((1, len(COLOURS) + 1)), np.eye(1, BINS, 9) * 30]

    for seed in range(10):
        plan = write(ask, names, np.random.default_rng(seed))
        assert [item.name for item in plan].count("neon") == 1


def test_what_a_planner_would_never_write_is_written_if_it_is_said() -> None:
    sure = np.array([0.0, 0.0, -40.0, 30.0])  # of the end
    assert led(sure, [mention(2)], planned=[0, 1]).argmax() == 2
    tag = Mention(frozenset([2]), loose=True)
    assert led(sure, [tag], planned=[0, 1]).argmax() == 3, "a tag, or a place, need not be a thing"


def test_the_end_is_nearer_once_all_that_is_said_is_there() -> None:
    logits = np.array([1.0, 2.0, 0.5, -1.0])
    done = led(logits, [mention(2)], planned=[0, 2])
    assert done[3] == pytest.approx(logits[3] + STOP)
    without = led(logits, [mention(2), mention(1, count=0)], planned=[0, 2])
    assert without[3] == pytest.approx(logits[3] + 2 * HOLD)
    for said, planned in (
        ([], [0, 2]),  # nothing is said
        ([mention(2, count=None)], [0, 2]),  # there may be more
        ([mention(0)], [0, 2]),  # but for what lies behind
    ):
        assert led(logits, said, planned)[3] == logits[3]


def test_one_more_than_is_said_gives_way_to_something_else_or_to_the_end() -> None:
    logits = np.array([1.0, 2.0, 0.5, -1.0])
    before = np.exp(logits)
    for said in ([mention(2)], [mention(1, 2)], [mention(2), mention(2), mention(1)]):
        enough = [2] * sum(2 in one.names for one in said)
        after = np.exp(led(logits, said, planned=[0, *enough]))
        assert after[2] / after[0] == pytest.approx(before[2] / before[0] * np.exp(-SPENT))
    without = np.exp(led(logits, [mention(2, count=0)], planned=[0]))
    assert without[2] / without[0] == pytest.approx(before[2] / before[0] * np.exp(-SPENT))
    several = np.exp(led(logits, [mention(2, count=None)], planned=[2, 2, 2]))
    assert several[2] / several[0] == pytest.approx(before[2] / before[0] * np.exp(LEAD))


RED, GREEN, BLUE = (COLOURS.index(name) for name in ("red", "green", "blue"))
NONE = len(COLOURS)


def shift(said: list[Mention], *named: tuple[int, int]) -> dict[int, float]:
    """How much each colour goes up or down, where it does."""
    found = tinted(np.zeros(NONE + 1), said, named)
    return {int(at): float(found[at]) for at in np.flatnonzero(found)}


def test_a_colour_leads_where_it_is_said_and_nowhere_else() -> None:
    said = [mention(1, colour="red"), mention(2, colour="green", count=2), mention(3)]
    assert shift(said, (1, -1)) == {RED: TINT, GREEN: -TINT}
    assert shift(said, (2, -1)) == {GREEN: TINT, RED: -TINT}
    assert shift(said, (3, -1)) == {RED: -TINT, GREEN: -TINT}
    assert shift(said, (0, -1)) == {RED: -TINT, GREEN: -TINT}  # what lies behind, unsaid
    assert shift([mention(1), mention(2)], (1, -1)) == {}
    # a colour that is said of nothing by name may be that of anything
    assert shift([*said, mention(colour="green")], (3, -1)) == {RED: -TINT}


def test_of_two_of_one_name_each_has_its_own_colour() -> None:
    said = [mention(1, colour="red"), mention(1, colour="green")]
    assert shift(said, (1, -1)) == {RED: TINT, GREEN: TINT}
    assert shift(said, (1, GREEN), (1, -1)) == {RED: TINT, GREEN: -TINT}
    assert shift(said, (1, BLUE), (1, RED), (1, -1)) == {RED: -TINT, GREEN: TINT}
    assert shift(said, (1, GREEN), (1, RED), (1, -1)) == {}, "a third was not said"
    many = [mention(1, colour="red", count=2), mention(1, colour="green", count=None)]
    assert shift(many, (1, RED), (1, -1)) == {RED: TINT, GREEN: TINT}
    assert shift(many, (1, RED), (1, RED), (1, GREEN), (1, -1)) == {RED: -TINT, GREEN: TINT}
    plain = [mention(1, colour="red"), mention(1)]
    assert shift(plain, (1, -1)) == {}, "the planner knows which comes first"
    assert shift(plain, (1, NONE), (1, -1)) == {RED: TINT}
    assert shift(plain, (1, BLUE), (1, -1)) == {RED: TINT}, "a shape always has some colour"
    assert shift(plain, (1, RED), (1, -1)) == {}


def test_what_is_said_is_planned_where_the_planner_doubts() -> None:
    names = ("background", "circle", "square")

    def ask(numbers: NDArray[np.int64]) -> list[NDArray[Any]]:
        step = numbers.shape[1] - 1
        rated = {0: [20.0, 0, 0, 0], 2: [-9.0, 1.0, 0.0, -9.0]}.get(step, [-9.0, -9, -9, 9.0])
        tints = np.zeros((1, len(COLOURS) + 1))
        return [np.array([rated]), tints, np.eye(1, BINS, BINS // 2) * 30]

    def planned(*said: Mention) -> set[tuple[str, str | None]]:
        plans = [write(ask, names, np.random.default_rng(s), said=said) for s in range(40)]
        return {(plan[1].name, plan[1].colour) for plan in plans}

    assert {name for name, _ in planned()} == {"circle", "square"} and len(planned()) > 10
    assert planned(mention(2, colour="cyan")) == {("square", "cyan")}


def test_a_number_of_one_thing_is_kept_though_another_is_said() -> None:
    """A planner that is sure of two dogs writes two, and then the crown that is said as well."""
    names = ("background", "dog", "crown")

    def ask(numbers: NDArray[np.int64]) -> list[NDArray[Any]]:
        step = numbers.shape[1] - 1
        rated = {0: [20.0, 0, 0, 0], 2: [-9.0, 9.0, 3, -9], 8: [-9.0, 9.0, 3, -9]}
        sizes = len(COLOURS) + 1, BINS
        name = np.array([rated.get(step, [-9.0, -9, -9, 9])])
        where = 12 if step < 8 else 50  # apart
        return [name, *(np.eye(1, n, min(where, n - 1)) * 30 for n in sizes)]

    for count in (2, None):
        said = [mention(1, count=count), mention(2, count=None)]
        plan = write(ask, names, np.random.default_rng(0), said=said)
        assert [item.name for item in plan if not item.behind] == ["dog", "dog", "crown"]
