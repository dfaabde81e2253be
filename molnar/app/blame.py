"""What becomes of a job whose process ended: whether it was to blame."""

from __future__ import annotations

import sqlite3

INTERRUPTED = "interrupted: the process that drew it ended"
DEATHS = 2  # so often a job of the queue may end the worker
ATTEMPTS = 20  # so often it may be begun, whatever ended the worker: the machine may go with it
POISON = (
    "it ended the worker twice, most likely for want of memory; not tried again: ask for fewer or "
    "smaller pictures"
)
ENDLESS = (
    f"it was begun {ATTEMPTS} times and its worker ended each time; not tried again: see what ends "
    "the server, or ask for fewer or smaller pictures"
)


def settled(row: sqlite3.Row, deaths: int) -> tuple[str, str | None]:
    """Give the state, and the error, of a job whose process ended.

    Args:
        row: Of the job: `stopping`, `batch`, `attempts`.
        deaths: How often a worker ended while it drew this job alone.
    """
    if row["stopping"]:
        return "cancelled", None
    if row["batch"] is None:
        return "failed", INTERRUPTED
    if deaths >= DEATHS:
        return "failed", POISON
    return ("queued", None) if row["attempts"] < ATTEMPTS else ("failed", ENDLESS)
