"""The pictures of one job, each in a thread of its own; what they say comes in one stream."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import cast

from molnar.app.server.reasons import explained
from molnar.app.session import Numbered
from molnar.base.request import Picture, Request
from molnar.base.types import Step
from molnar.engines.sharing import Shared
from molnar.pipeline import Pipeline

NICE = 5  # of a thread that draws
PATIENCE = 20.0  # seconds that a step waits for answers, at most
Drawing = Generator[Step | Picture, None, None]


class Quiet:
    """Lets pictures wait between two steps while a question is answered: that takes less long.

    Example:
        >>> quiet = Quiet()
        >>> with quiet.answering():
        ...     quiet.wait(0.01)
        >>> quiet.wait()
    """

    def __init__(self) -> None:
        self._answers = 0
        self._changed = threading.Condition()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Say that an answer is being computed, until the block ends."""
        with self._changed:
            self._answers += 1
        try:
            yield
        finally:
            with self._changed:
                self._answers -= 1
                self._changed.notify_all()

    def wait(self, most: float = PATIENCE) -> None:
        """Wait until no answer is being computed, but not for ever: questions may never end."""
        with self._changed:
            self._changed.wait_for(lambda: self._answers == 0, most)


class Sheet:
    """Draws some pictures at once, as far as there is place.

    Args:
        pipeline: The model, as the job's thread has it.
        shared: Its parts, which compute for several pictures at once.
        places: Pictures at once in all.
        most: Of them, for this job.
        quiet: While others are answered.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        shared: Shared,
        places: threading.Semaphore,
        most: int,
        quiet: Quiet,
    ) -> None:
        self.pipeline, self.shared, self.places, self.quiet = pipeline, shared, places, quiet
        self._own = threading.BoundedSemaphore(most)
        self._stop = threading.Event()
        self._told: queue.SimpleQueue[Numbered | BaseException | None] = queue.SimpleQueue()

    def draw(self, units: Sequence[tuple[Request, int]]) -> Iterator[Numbered]:
        """Give the steps of all pictures and the pictures, as they come.

        Closing the iterator stops all of them between two steps.

        Args:
            units: For each picture its request, and which of that one's pictures it is.
        """
        threads = [
            threading.Thread(target=self._one, args=(number, *unit), name=f"molnar-{number}")
            for number, unit in enumerate(units, 1)
        ]
        for thread in threads:
            thread.start()
        try:
            left = len(threads)
            while left:
                event = self._told.get()
                if event is None:
                    left -= 1
                elif isinstance(event, BaseException):
                    raise explained(event)
                else:
                    yield event
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _one(self, number: int, request: Request, index: int) -> None:
        """Draw one picture, in its own thread."""
        give_way()
        try:
            with self._own, self.places:
                if not self._stop.is_set():
                    self._tell(number, request, index)
        except BaseException as error:  # noqa: BLE001  # raised where the job is drawn
            self._told.put(error)
        finally:
            self._told.put(None)

    def _tell(self, number: int, request: Request, index: int) -> None:
        apart = self.pipeline.apart(self.pipeline.library)
        drawing = closing(cast(Drawing, apart.draw(request, [index])))
        with self.shared.drawing(), drawing as events:
            for event in events:
                self._told.put((number, event))
                if self._stop.is_set():
                    return
                self.quiet.wait()


def give_way() -> None:
    """Let this thread wait for those that answer questions: a picture takes long, they do not."""
    with suppress(AttributeError, OSError):  # only Linux has priorities of threads
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
