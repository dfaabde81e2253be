"""A call in a thread, step by step: it waits, it can be stopped, and what goes wrong is told."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from molnar.bridge.stepping import handed


def counting(seen: list[int]) -> Callable[[Callable[[int], None]], str]:
    def work(hand: Callable[[int], None]) -> str:
        for number in range(3):
            seen.append(number)
            hand(number)
        return "done"

    return work


def test_the_work_waits_until_it_is_asked() -> None:
    seen: list[int] = []
    steps = handed(counting(seen))
    assert seen == []
    assert next(steps) == 0
    assert seen == [0]
    assert list(steps) == [1, 2]


def test_the_value_of_the_generator_is_the_result() -> None:
    def outer() -> object:
        return (yield from handed(counting([])))

    steps = outer()
    with pytest.raises(StopIteration) as end:
        while True:
            next(steps)  # type: ignore[call-overload]
    assert end.value.value == "done"


def test_closing_ends_the_work_and_its_thread() -> None:
    seen: list[int] = []
    before = threading.active_count()
    steps = handed(counting(seen))
    next(steps)
    assert threading.active_count() == before + 1
    steps.close()
    assert threading.active_count() == before
    assert seen == [0]


def test_two_can_be_asked_in_turn_and_only_one_works() -> None:
    turn = threading.RLock()
    both = [handed(counting([]), turn), handed(counting([]), turn)]
    assert [next(one) for one in (*both, *both)] == [0, 0, 1, 1]
    for one in both:
        one.close()


def test_an_error_is_raised_where_the_step_is_asked_for() -> None:
    def work(hand: Callable[[int], None]) -> None:
        hand(1)
        raise ValueError("broken")

    steps = handed(work)
    assert next(steps) == 1
    with pytest.raises(ValueError, match="broken"):
        next(steps)
