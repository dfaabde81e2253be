"""Where the time of a picture goes: seconds per stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Seconds per stage; the time a consumer of the steps takes is nobody's."""

    def __init__(self, **seconds: float) -> None:
        self.seconds: dict[str, float] = seconds

    @contextmanager
    def times(self, stage: str) -> Iterator[None]:
        """Add the time of a block to a stage."""
        start = time.perf_counter()
        yield
        spent = time.perf_counter() - start
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + spent, 4)
