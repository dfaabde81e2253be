"""How far the work is, as A1111 says it."""

from __future__ import annotations

import base64
import io
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from molnar.app.server.limits import Now

REMEMBERED = 100  # tasks that clients gave a name
STARTED = 0.01  # what A1111 adds as soon as something is done


@dataclass
class Tasks:
    """Calls that clients gave a name (`force_task_id`), and how they stand.

    Example:
        >>> tasks = Tasks()
        >>> tasks.begin("task(1)")
        >>> tasks.state("task(1)"), tasks.state("task(2)")
        ('open', 'unknown')
    """

    _known: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def begin(self, name: str) -> None:
        """Remember a call that waits for its pictures."""
        self._known[name[:200]] = "open"
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def end(self, name: str) -> None:
        """Remember that it has them."""
        if name[:200] in self._known:
            self._known[name[:200]] = "completed"

    def state(self, name: str) -> str:
        """Say "open", "completed" or "unknown"."""
        return self._known.get(name[:200], "unknown")

    def open(self) -> list[str]:
        """List calls that wait."""
        return [name for name, state in self._known.items() if state == "open"]


def share(now: Now) -> float:
    """Give A1111's measure of how far the work is: exactly 0 when there is none, at most 1.

    Example:
        >>> share(Now()), share(Now(running=1, pictures=2, pictures_done=1, step=4, steps=8))
        (0.0, 0.76)
    """
    if not now.running:
        return 0.0
    pictures = max(now.pictures, 1)
    step = now.step / (pictures * now.steps) if now.steps else 0.0
    return round(min(STARTED + now.pictures_done / pictures + step, 1.0), 6)


def left(now: Now) -> float:
    """Give the seconds that the rest will take, if it goes on like this."""
    done = share(now)
    if now.started is None or done <= 0:
        return 0.0
    gone = max(time.monotonic() - now.started, 0.0)
    return round(gone / done - gone, 3)


def state(now: Now, interrupted: bool) -> dict[str, Any]:
    """Give A1111's `state`: all 0 when there is nothing to do."""
    idle = not now.running and not now.queued
    gone = max(time.monotonic() - now.started, 0.0) if now.started is not None else 0.0
    when = time.strftime("%Y%m%d%H%M%S", time.localtime(time.time() - gone))
    return {
        "skipped": False,
        "interrupted": interrupted,
        "stopping_generation": interrupted,
        "job": "" if idle else now.job_id or "",
        "job_count": 0 if idle else max(now.pictures, 1),
        "job_timestamp": "0" if idle else when,
        "job_no": 0 if idle else now.pictures_done,
        "sampling_step": 0 if idle else now.step,
        "sampling_steps": 0 if idle else now.steps,
    }


def progress(now: Now, interrupted: bool, with_image: bool = True) -> dict[str, Any]:
    """Give the answer of `/progress`."""
    image = png_of(now.preview) if with_image and now.running and now.preview else None
    return {
        "progress": share(now),
        "eta_relative": left(now),
        "state": state(now, interrupted),
        "current_image": image,
        "textinfo": None,
    }


def task_progress(now: Now, known: str, seen: int, live: bool = True) -> dict[str, Any]:
    """Give the answer of `/internal/progress`.

    Args:
        now: What is being done.
        known: How the task stands, as `Tasks.state` says.
        seen: Number of the preview that the client has; -1 for none.
        live: Whether it wants one.
    """
    active = known == "open" and now.running > 0
    shown = replace(now, preview=now.preview if active and live else None)
    number = shown.step + shown.pictures_done * max(shown.steps, 1)
    image = png_of(shown.preview) if shown.preview and number != seen else None
    return {
        "active": active,
        "queued": known == "open" and not active,
        "completed": known == "completed",
        "progress": share(now) if active else None,
        "eta": left(now) if active else None,
        "live_preview": f"data:image/png;base64,{image}" if image else None,
        "id_live_preview": number if image else seen,
        "textinfo": "Waiting..." if known == "open" and not active else None,
    }


@lru_cache(maxsize=2)
def png_of(preview: str) -> str | None:
    """Turn the base64 of a small WebP into that of a PNG, which every client can show."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(base64.b64decode(preview))) as image:
            out = io.BytesIO()
            image.save(out, "PNG", compress_level=1)
    except (OSError, ValueError):
        return None
    return base64.b64encode(out.getvalue()).decode("ascii")
