"""What happens to a job, told to whoever listens: numbered events, for late listeners too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

ENDS = ("done", "failed", "cancelled")
KEPT = 500  # events of a job; a listener that comes later than that gets the newest


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Example:
        >>> Event(1, "queued", {"position": 0}).last
        False
    """

    number: int  # from 1, in each job
    kind: str  # queued, started, step, picture, done, failed or cancelled
    data: dict[str, Any]

    @property
    def last(self) -> bool:
        """Whether nothing comes after it."""
        return self.kind in ENDS


@dataclass
class Live:
    """A job that somebody may be listening to. For one asyncio loop.

    Example:
        >>> live = Live("k7")
        >>> live.tell("queued", {"position": 0}).number
        1
    """

    job: str
    cost: int = 0
    state: str = "queued"
    pictures: int = 1  # it will have
    finished: int = 0  # of its pictures
    steps: dict[int, tuple[int, int]] = field(default_factory=dict)  # picture: index, of
    preview: str | None = None  # the latest, base64 of a WebP
    since: float = field(default_factory=monotonic)  # when this server first heard of it
    started: float | None = None  # time.monotonic()
    stopping: bool = False  # somebody asked for its end
    waiting: int = 0  # callers whose connection is held until it has ended
    events: list[Event] = field(default_factory=list)
    _last: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return bool(self.events) and self.events[-1].last

    @property
    def fraction(self) -> float:
        """How much of it is done, 0 to 1."""
        underway = sum(index / of for index, of in self.steps.values())
        return round(min(1.0, (self.finished + underway) / max(1, self.pictures)), 4)

    def tell(self, kind: str, data: dict[str, Any]) -> Event:
        """Add an event and wake all listeners."""
        self._last += 1
        event = Event(self._last, kind, data)
        if kind == "step":
            self._forget_previews(int(data["picture"]))
        self.events.append(event)
        del self.events[:-KEPT]
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()
        return event

    def _forget_previews(self, picture: int) -> None:
        """Keep one preview of a picture: a listener that comes late wants the newest."""
        for index in range(len(self.events) - 1, -1, -1):
            old = self.events[index]
            if old.kind == "step" and old.data["picture"] == picture:
                self.events[index] = replace(old, data={**old.data, "preview": None})
                return

    async def follow(self, after: int = 0) -> AsyncIterator[Event]:
        """Give every event after a number, as they come; the last one ends it."""
        seen = after if after <= self._last else 0  # numbers begin anew when the server does
        while True:
            changed = self._changed
            # Numbers are consecutive, and the last one is known: no need to look at all of them.
            for event in self.events[-(self._last - seen) :] if seen < self._last else ():
                seen = event.number
                yield event
                if event.last:
                    return
            if seen < self._last:  # told while the listener was busy with another
                continue
            if self.ended:  # the listener had heard all of it
                return
            await changed.wait()
