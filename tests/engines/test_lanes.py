from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from molnar.base.errors import ConfigError
from molnar.engines import lanes as lanes_module
from molnar.engines.lanes import Lanes

LONG = 20.0  # seconds: what takes longer hangs
Together = Callable[..., list[Any]]


class Answers:
    """Adds one to each number, and remembers what it was asked at a time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.batches: list[list[int]] = []
        self.at_once = self.most = 0
        self.seconds = seconds
        self._lock = threading.Lock()

    def __call__(self, asked: Sequence[int]) -> list[int]:
        with self._lock:
            self.batches.append(list(asked))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(self.seconds)
        with self._lock:
            self.at_once -= 1
        if -1 in asked:
            raise ValueError("minus one")
        return [one + 1 for one in asked]


def test_everyone_gets_their_own_answer(together: Together) -> None:
    lanes, answers = Lanes(2, rows=8), Answers(0.002)

    def member(number: int) -> list[int]:
        with lanes.entered():
            return [lanes.join(number % 2, 2, 100 * number + k, answers) for k in range(number + 3)]

    found = together(*(lambda n=n: member(n) for n in range(9)))  # type: ignore[misc]
    assert found == [[100 * n + k + 1 for k in range(n + 3)] for n in range(9)]
    assert answers.most <= 2
    assert max(len(batch) for batch in answers.batches) <= 4  # of 2 rows each
    assert all(len({one // 100 % 2 for one in batch}) == 1 for batch in answers.batches)
    assert lanes.members == 0


def test_the_lanes_work_at_the_same_time(together: Together) -> None:
    lanes, meeting = Lanes(2), threading.Barrier(2, timeout=LONG)
    # Each waits for the other one in the middle of its work: one lane would never get further.
    assert sorted(together(*(lambda: lanes.run(meeting.wait) for _ in range(2)))) == [0, 1]


def test_as_many_go_together_as_there_are_rows(together: Together) -> None:
    lanes, answers = Lanes(1, rows=8, patience=LONG), Answers()
    gate = threading.Barrier(4)

    def member(number: int) -> int:
        with lanes.entered():
            gate.wait()  # nobody calls before all four are members, so each waits for the others
            return int(lanes.join("a", 2, number, answers))

    assert together(*(lambda n=n: member(n) for n in range(4))) == [1, 2, 3, 4]  # type: ignore[misc]
    assert [sorted(batch) for batch in answers.batches] == [[0, 1, 2, 3]]


def test_calls_without_a_kind_are_computed_alone(together: Together) -> None:
    lanes, answers = Lanes(2, patience=1.0), Answers(0.001)
    found = together(*(lambda n=n: lanes.join(None, 1, n, answers) for n in range(6)))  # type: ignore[misc]
    assert found == [1, 2, 3, 4, 5, 6]
    assert all(len(batch) == 1 for batch in answers.batches)


def test_a_call_waits_for_company_only_so_long() -> None:
    lanes, answers = Lanes(1, patience=0.05), Answers()
    with lanes.entered(), lanes.entered():  # the other one never calls
        start = time.monotonic()
        assert lanes.join("a", 2, 1, answers) == 2
        assert 0.04 < time.monotonic() - start < LONG / 2


def test_nobody_waits_for_one_that_leaves(together: Together) -> None:
    lanes, answers = Lanes(1, patience=LONG), Answers()
    leave = threading.Event()

    def stays() -> int:
        with lanes.entered():
            threading.Timer(0.05, leave.set).start()
            return int(lanes.join("a", 2, 1, answers))

    def leaves() -> None:
        with lanes.entered():
            leave.wait()

    start = time.monotonic()
    assert together(leaves, stays) == [None, 2]
    assert time.monotonic() - start < LONG / 2


def test_what_fails_together_is_tried_alone(together: Together) -> None:
    lanes, answers = Lanes(1, patience=LONG), Answers()
    gate = threading.Barrier(4)

    def member(number: int) -> int:
        with lanes.entered():
            gate.wait()
            return int(lanes.join("a", 2, number, answers))

    found = together(*(lambda n=n: member(n) for n in (5, -1, 7, 8)))  # type: ignore[misc]
    assert [found[0], found[2], found[3]] == [6, 8, 9]
    assert isinstance(found[1], ValueError)
    assert sorted(map(len, answers.batches)) == [1, 1, 1, 1, 4]
    with lanes.entered():  # and the lane is free again
        assert lanes.join("a", 2, 1, answers) == 2


def test_an_answer_for_too_few_is_an_error_for_each() -> None:
    lanes = Lanes(1)
    with pytest.raises(ValueError, match="zip"):
        lanes.join("a", 2, 1, lambda asked: [])
    assert lanes.run(lambda: 3) == 3


def test_an_interrupted_call_takes_nobody_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes, answers = Lanes(1, patience=LONG), Answers()

    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            super().wait(0.05)
            raise KeyboardInterrupt

    for leads in (True, False):
        with monkeypatch.context() as patched:
            call = partial(lanes_module._Call, go=Interrupted())
            patched.setattr(lanes_module, "_Call", call)
            if leads:  # it is its turn, and it does not come to it
                with pytest.raises(KeyboardInterrupt):
                    lanes.join(None, 1, 1, answers)
            else:
                with lanes.entered(), lanes.entered(), pytest.raises(KeyboardInterrupt):
                    lanes.join("a", 1, 1, answers)
        assert lanes.join("a", 2, 1, answers) == 2
    assert answers.batches == [[1], [1]]


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 1, "rows": 0}])
def test_impossible_lanes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="expected 1 or more"):
        Lanes(**wrong)
