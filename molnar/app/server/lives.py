"""The jobs that this server saw: what waits, what is drawn, what ended lately."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from molnar.app.server.events import ENDS, Live
from molnar.app.server.limits import Now
from molnar.app.server.metrics import Metrics

REMEMBERED = 256  # jobs that ended, whose events a late listener still gets


class Lives:
    """Jobs by their id, oldest first. For one asyncio loop.

    Example:
        >>> lives = Lives(Metrics())
        >>> lives.begin("k7").state, lives.position("k7")
        ('queued', 0)
    """

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self._lives: dict[str, Live] = {}

    def get(self, job: str) -> Live | None:
        """Give a job, if this server saw it lately."""
        return self._lives.get(job)

    def begin(self, job: str, cost: int = 0, pictures: int = 1) -> Live:
        """Give a job, that of another process too, from now on."""
        if job not in self._lives:
            self._lives[job] = Live(job, cost=cost, pictures=pictures)
            for old in [live.job for live in self._lives.values() if live.ended][:-REMEMBERED]:
                del self._lives[old]
        return self._lives[job]

    def open(self, state: str | None = None) -> list[Live]:
        """List what has not ended, or of that what is queued or running."""
        return [
            live for live in self._lives.values() if not live.ended and state in (None, live.state)
        ]

    def queue(self, live: Live) -> None:
        """Tell that a job waits, and for how many others."""
        live.state, live.steps, live.preview = "queued", {}, None
        live.tell("queued", {"position": self.position(live.job)})

    def position(self, job: str) -> int:
        """Say how many jobs are drawn before one that waits."""
        waiting = [live.job for live in self.open("queued")]
        return waiting.index(job) if job in waiting else 0

    def end(self, live: Live, kind: str, data: dict[str, Any]) -> None:
        """Tell how a job ended."""
        live.state = kind
        live.tell(kind, data)
        self.metrics.ended(kind, time.monotonic() - live.started if live.started else 0.0)

    def happened(
        self, live: Live, kind: str, data: dict[str, Any], stop: Callable[[str], None]
    ) -> None:
        """Pass what the worker says of a job on to whoever listens.

        Args:
            live: The job.
            kind: See `events.Event`.
            data: See there.
            stop: Called with the job where it begins although somebody asked for its end.
        """
        if live.ended:
            return
        if kind in ENDS:
            self.end(live, kind, data)
            return
        if kind == "started":
            live.state, live.started = "running", time.monotonic()
            live.pictures = int(data.get("pictures", live.pictures))
            live.finished, live.steps = 0, {}
            if live.stopping:
                stop(live.job)
        elif kind == "step":
            live.steps[int(data["picture"])] = int(data["index"]) + 1, int(data["of"])
            live.preview = data["preview"] or live.preview
            data["fraction"] = live.fraction
            self.metrics.steps.inc()
        elif kind == "picture":
            live.finished += 1
            live.steps.pop(int(data["number"]), None)
            self.metrics.pictures.inc()
        live.tell(kind, data)

    def now(self) -> Now:
        """Say what is being drawn: the oldest of what is, or else the next."""
        running, queued = self.open("running"), self.open("queued")
        if not running:
            first = queued[0] if queued else None
            return Now(
                job_id=first.job if first else None,
                pictures=first.pictures if first else 0,
                queued=len(queued),
            )
        live = running[0]
        step, steps = max(live.steps.values(), default=(0, 0))
        return Now(
            job_id=live.job,
            pictures_done=live.finished,
            pictures=live.pictures,
            step=step,
            steps=steps,
            preview=live.preview,
            started=live.started,
            queued=len(queued),
            running=len(running),
        )
