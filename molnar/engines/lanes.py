"""Calls of many threads in, at most so many at work at a time, and calls that are alike together.

A thread hands in its call and waits. As soon as a lane is free, the thread of the oldest call that
is ready computes it, and with it those of others that can be put together; there are no threads
beside the callers', so nothing is left behind when one of them fails or goes away.

Source: Yu et al. 2022, "Orca" (OSDI), section 3.1: who is in a batch is decided anew at every step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from molnar.base.errors import ConfigError

ROWS = 16  # of a batch, at most: beyond 8 nothing is gained, and memory grows
PATIENCE = 0.003  # seconds that a call waits for company while a lane is free

T = TypeVar("T")


@dataclass(eq=False)
class _Call:
    """What one thread wants computed."""

    kind: Hashable  # calls of one kind can be put together; None = with no other
    rows: int
    asked: Any
    since: float = field(default_factory=time.monotonic)
    go: threading.Event = field(default_factory=threading.Event)  # to lead, or to take what is done
    batch: Sequence[_Call] = ()  # what its thread must compute; empty = another one's does
    found: Any = None
    failed: bool = False  # together with others: its own thread tries it alone


class Lanes:
    """So many computations at a time.

    Example:
        >>> lanes = Lanes(2)
        >>> with lanes.entered():
        ...     lanes.join("sums", 1, 20, lambda asked: [one + 1 for one in asked])
        21
    """

    def __init__(self, count: int, *, rows: int = ROWS, patience: float = PATIENCE) -> None:
        """Open the lanes.

        Args:
            count: How many; one for each core.
            rows: Of calls put together, at most.
            patience: Seconds that a call waits for others while a lane is free.

        Raises:
            ConfigError: There is none, or nothing fits into it.
        """
        if count < 1 or rows < 1:
            raise ConfigError(f"got {count} lanes of {rows} rows; expected 1 or more of each")
        self.count = count
        self._rows = rows
        self._patience = patience
        self._lock = threading.Lock()
        self._waiting: list[_Call] = []  # the oldest first
        self._busy = 0  # lanes
        self._inside = 0  # calls in them
        self._members = 0

    @property
    def members(self) -> int:
        """How many threads are in the middle of something that will call again and again."""
        return self._members

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Count the thread in: others will wait a little for its calls."""
        self._come(1)
        try:
            yield
        finally:
            self._come(-1)

    def _come(self, change: int) -> None:
        with self._lock:
            self._members += change
            self._dispatch()

    def run(self, compute: Callable[[], T]) -> T:
        """Compute something in a lane of its own."""
        found: T = self.join(None, 1, compute, lambda asked: [one() for one in asked])
        return found

    def join(
        self,
        kind: Hashable,
        rows: int,
        asked: Any,
        answer: Callable[[Sequence[Any]], Sequence[Any]],
    ) -> Any:
        """Have something computed, maybe together with what other threads ask.

        Args:
            kind: Equal for all that can be computed together, by equal `answer`s; None = alone.
            rows: How many rows of a batch it takes.
            asked: What `answer` needs of it.
            answer: Computes several at once, in their order. If that fails, each is tried alone.

        Raises:
            Exception: What `answer` raises for it alone.
        """
        call = _Call(kind, rows, asked)
        self._wait(call)
        if call.batch:
            self._lead(call.batch, answer)
        if call.failed:
            return self.join(None, rows, asked, answer)
        return call.found

    def _wait(self, call: _Call) -> None:
        """Wait until it is the thread's turn to lead, or until another one has led."""
        try:
            with self._lock:
                self._waiting.append(call)
                self._dispatch()
            # Once; after that, only a lane that falls free changes anything.
            if not call.go.wait(None if call.kind is None else self._patience):
                with self._lock:
                    self._dispatch()
                call.go.wait()
        except BaseException:  # interrupted: nobody may wait for this thread
            self._withdraw(call)
            raise

    def _withdraw(self, call: _Call) -> None:
        with self._lock:
            if call in self._waiting:
                self._waiting.remove(call)
            elif call.batch:
                self._leave(call.batch)
                self._waiting[:0] = [other for other in call.batch if other is not call]
            self._dispatch()

    def _lead(self, batch: Sequence[_Call], answer: Callable[[Sequence[Any]], Any]) -> None:
        try:
            found = answer([call.asked for call in batch])
            for call, one in zip(batch, found, strict=True):
                call.found = one
        except BaseException as error:
            # Whose fault it was does not show, nor whether memory is enough for each of them.
            for call in batch:
                call.failed = True
            if len(batch) == 1 or not isinstance(error, Exception):
                raise
        finally:
            with self._lock:
                self._leave(batch)
                self._dispatch()
            for call in batch:
                call.go.set()

    def _leave(self, batch: Sequence[_Call]) -> None:
        self._busy -= 1
        self._inside -= len(batch)

    def _dispatch(self) -> None:
        """Fill the free lanes with what is ready; the lock is held."""
        while self._busy < self.count:
            batch = self._next()
            if not batch:
                return
            self._waiting = [call for call in self._waiting if call not in batch]
            self._busy += 1
            self._inside += len(batch)
            batch[0].batch = batch
            batch[0].go.set()

    def _next(self) -> list[_Call]:
        """Give the oldest call that is ready, and its company."""
        now = time.monotonic()
        for call in self._waiting:
            batch = self._company(call)
            if self._ready(call, len(batch), now):
                return batch
        return []

    def _company(self, first: _Call) -> list[_Call]:
        batch, rows = [first], first.rows
        if first.kind is None:
            return batch
        for call in self._waiting:
            if call.kind == first.kind and call is not first and rows + call.rows <= self._rows:
                batch.append(call)
                rows += call.rows
        return batch

    def _ready(self, call: _Call, company: int, now: float) -> bool:
        """Tell whether waiting any longer would bring nothing."""
        if call.kind is None or now - call.since >= self._patience:
            return True
        share = min(-(-self._members // self.count), max(1, self._rows // call.rows))
        everyone = len(self._waiting) + self._inside >= self._members
        return company >= share or everyone
