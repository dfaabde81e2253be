"""A call that tells of its steps in, a generator of them out: the call waits between two steps.

diffusers draws a whole picture in one call. Here that call runs in a thread of its own and hands
over what it has after each step; it goes on only when the next step is asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import nullcontext
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Hand = Callable[[Item], None]
"""Gives an item to who asks, and returns when the next one is asked for."""


class Stopped(BaseException):
    """Nobody wants the rest. No `Exception`, so that no library takes it for a failure of its own.

    Example:
        >>> issubclass(Stopped, Exception)
        False
    """


def handed(work: Callable[[Hand[Item]], Result], turn: Any = None) -> Generator[Item, None, Result]:
    """Run `work` in a thread and yield what it hands over; the generator's value is its result.

    Closing the generator raises `Stopped` inside `work` where it hands over next, and returns when
    the thread has ended. What `work` raises is raised here.

    Args:
        work: Called with a function to hand items to.
        turn: A lock that is held while `work` works and let go while it waits; None = no lock.

    Example:
        >>> def count(hand):
        ...     for number in range(3):
        ...         hand(number)
        >>> list(handed(count))
        [0, 1, 2]
    """
    exchange: _Exchange[Item, Result] = _Exchange(work, turn or nullcontext())
    thread = threading.Thread(target=exchange.run, name="molnar-draws", daemon=True)
    started = False
    try:
        while True:
            if not started:
                thread.start()
                started = True
            else:
                exchange.wanted.release()
            exchange.there.acquire()
            if exchange.over:
                break
            yield exchange.item
    finally:
        exchange.stopped = True
        exchange.wanted.release()
        if started:
            thread.join()
    if exchange.error is not None:
        raise exchange.error
    return exchange.result


class _Exchange(Generic[Item, Result]):
    """The place where the thread and who asks meet."""

    item: Item
    result: Result

    def __init__(self, work: Callable[[Hand[Item]], Result], turn: Any) -> None:
        self.work, self.turn = work, turn
        self.wanted, self.there = threading.Semaphore(0), threading.Semaphore(0)
        self.stopped = self.over = False
        self.error: BaseException | None = None

    def run(self) -> None:
        """Work to the end, whatever that is."""
        try:
            with self.turn:
                self.result = self.work(self.hand)
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  # it is raised again, where it is asked for
            self.error = error
        finally:
            self.over = True
            self.there.release()

    def hand(self, item: Item) -> None:
        """Give an item; wait until the next is wanted."""
        if self.stopped:
            raise Stopped
        self.item = item
        self.turn.__exit__(None, None, None)
        try:
            self.there.release()
            self.wanted.acquire()
        finally:
            self.turn.__enter__()
        if self.stopped:
            raise Stopped
