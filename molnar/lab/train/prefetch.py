"""A task -> its batches in order, prepared in a thread while the step runs."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from molnar.lab.train.task import Batch, Task


class Prefetch:
    """Prepares the next batches; a context manager, so that its thread ends with the run.

    Args:
        seen: Images seen so far: where to go on.
        size: Pictures per batch.
        pinned: Put batches in page-locked memory, from which a GPU copies while it computes.
        ahead: Batches prepared in advance.
    """

    def __init__(
        self, task: Task, seen: int, size: int, *, pinned: bool = False, ahead: int = 2
    ) -> None:
        self.task, self.size, self.cursor = task, size, seen
        self.pinned, self.ahead = pinned, ahead
        self.queue: deque[Future[Batch]] = deque()
        self.pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="molnar-data")

    def __enter__(self) -> Prefetch:
        """Ask for the first batches."""
        for _ in range(self.ahead):
            self.ask()
        return self

    def __exit__(self, *_: object) -> None:
        """Forget the batches that nobody will need."""
        self.pool.shutdown(wait=True, cancel_futures=True)

    def ask(self) -> None:
        """Queue one more batch."""
        self.queue.append(self.pool.submit(self.make, self.cursor))
        self.cursor += self.size

    def next(self) -> Batch:
        """Return the next batch, waiting for it if it is not ready; its errors are raised here."""
        self.ask()
        return self.queue.popleft().result()

    def make(self, seen: int) -> Batch:
        """Make one batch (in the thread)."""
        batch = self.task.batch(seen, self.size)
        if self.pinned:
            batch = {k: v.pin_memory() if v.device.type == "cpu" else v for k, v in batch.items()}
        return batch
