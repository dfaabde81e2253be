"""Requests that wait for their pictures: the job ends when its client goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from molnar.app.job import Job
from molnar.app.orders import Order
from molnar.app.server.farewells import cancel_later
from molnar.app.server.hub import Hub
from molnar.base.errors import MolnarError, RequestError

if TYPE_CHECKING:
    from starlette.requests import Request

GONE = 499  # as nginx calls a client that closed the connection


class Failed(MolnarError):  # noqa: N818 - what became of a job
    """A job was taken, and failed."""


class Gone(MolnarError):  # noqa: N818 - no error of anybody
    """The client went away: nobody reads this."""


async def drawn(
    hub: Hub, request: Request, orders: Sequence[Order], key: str | None = None
) -> list[Job]:
    """Submit orders and wait for their jobs; a cancelled one comes back as far as it was drawn.

    Args:
        hub: The hub.
        request: Whose client is waiting; its body has been read.
        orders: One job each.
        key: See `Hub.submit`.

    Raises:
        RequestError: What was asked cannot be done.
        Busy: There is no place in the queue.
        Silent: The worker ended again and again: nothing is drawn, and the jobs were cancelled.
        Failed: A job failed; why, in one line.
        Gone: The client closed the connection; its jobs were cancelled.
    """
    jobs = await hub.submit(orders, key)
    waits = asyncio.ensure_future(_all(hub, jobs))
    leaves = asyncio.ensure_future(left(request))
    fails = asyncio.ensure_future(hub.health.failed())
    ends: set[asyncio.Future[Any]] = {waits, leaves, fails}
    with listening(hub, jobs):
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not waits.done():
                hub.health.check()
                raise Gone("the client closed the connection")
            ended = waits.result()
        finally:
            for one in ends:
                one.cancel()
    for job in ended:
        if job.state == "failed":
            raise Failed(job.error or "the job failed")
    return ended


@contextmanager
def listening(hub: Hub, jobs: Sequence[Job]) -> Iterator[list[str]]:
    """Wait for jobs in a block; where it is left early, those nobody else waits for are cancelled.

    Under one idempotency key several callers wait for the same jobs: who goes away, e.g. to ask
    again, must not end what another one is waiting for.

    Args:
        hub: The hub.
        jobs: Submitted.

    Yields:
        The jobs that have not ended yet, for the block to take out those that have.
    """
    open_ones = [job.id for job in jobs]
    lives = [live for job in jobs if (live := hub.lives.get(job.id)) is not None]
    for live in lives:
        live.waiting += 1
    try:
        yield open_ones
    except BaseException:
        for live in lives:
            live.waiting -= 1
            if live.job in open_ones and not live.waiting and not live.ended:
                cancel_later(hub, live.job)
        raise
    for live in lives:
        live.waiting -= 1


async def _all(hub: Hub, jobs: Sequence[Job]) -> list[Job]:
    return list(await asyncio.gather(*(hub.wait(job.id) for job in jobs)))


async def left(request: Request) -> None:
    """Wait until the client closes the connection."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return


__all__ = ["GONE", "Failed", "Gone", "RequestError", "drawn", "left", "listening"]
