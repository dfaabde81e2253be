"""How much the server takes on, what it says when that is reached, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass

from molnar.base.errors import MolnarError, RequestError


class Busy(MolnarError):  # noqa: N818 - a state that passes
    """The queue is full."""

    def __init__(self, waiting: int, retry_after: int) -> None:
        super().__init__(
            f"{waiting} jobs are waiting already, as many as fit; try again in {retry_after} s"
        )
        self.retry_after = retry_after


class TooCostly(RequestError):  # noqa: N818 - says what it is
    """One job asks for more than this server gives to one."""


class Silent(MolnarError):  # noqa: N818 - a state that passes
    """The worker does not answer: it is starting, or it ended."""


class Unkept(MolnarError):  # noqa: N818 - a state that may pass
    """The history cannot be read or written: a full disk, a damaged file, a long lock."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much is taken on at once."""

    waiting: int = 64  # jobs in the queue
    cost: int = 1_000_000_000  # pixels x steps of one job
    open_cost: int = 16_000_000_000  # of all that are not finished


@dataclass(frozen=True, kw_only=True)
class Now:
    """What is being done at this moment, and how far it is."""

    job_id: str | None = None
    pictures_done: int = 0
    pictures: int = 0
    step: int = 0
    steps: int = 0
    preview: str | None = None  # base64 of a WebP
    queued: int = 0
    running: int = 0
    started: float | None = None  # time.monotonic()
