"""/api/jobs: make, look up, follow, cancel, delete; and every verb on a picture."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from molnar.app.job import Job
from molnar.app.orders import Order, ordered, typed
from molnar.app.orders.wording import native_frame
from molnar.app.server.beating import beaten
from molnar.app.server.events import ENDS, Event
from molnar.app.server.hub import Hub
from molnar.app.server.native import models
from molnar.app.server.native.views import job_json, lineage_json, picture_json, sse
from molnar.base.errors import NotThereError

LIFE_SECONDS = 3600.0  # of one stream; its client comes back by itself and goes on where it was
STATES = "^(queued|running|done|failed|cancelled)$"

JobId = Annotated[str, Path(pattern=models.JOB, description="A job, e.g. k7.")]
Number = Annotated[int, Path(ge=1, le=9999, description="Which of its pictures.")]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        pattern=r"^[\x21-\x7e]*$",
        description="Sent again, the same request gives the job of the first time.",
    ),
]

router = APIRouter(prefix="/api", tags=["jobs"])


def hub_of(request: Request) -> Hub:
    """Give the hub of this server."""
    hub: Hub = request.app.state.hub
    return hub


@router.post("/jobs", status_code=202)
async def make(body: models.Make, request: Request, key: Key = "") -> dict[str, Any]:  # type: ignore[valid-type]
    """Draw a prompt. A prompt with {a, b} is several jobs: the first, and the ids of the others."""
    hub_of(request).check_room(key=key or None)  # before any work
    fields = models.given(body)
    hub = hub_of(request)
    orders = await hub.store(lambda store: typed(fields, store, native_frame(hub.about)))
    return await _submitted(request, list[Order](orders), key, fields)


@router.get("/jobs")
async def jobs(
    request: Request,
    search: Annotated[str, Query(max_length=200)] = "",
    favourites: bool = False,
    state: Annotated[str | None, Query(pattern=STATES)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str | None, Query(pattern=models.JOB)] = None,
) -> dict[str, Any]:
    """List jobs, newest first; `next` is what `before` must say to go on."""
    found = await hub_of(request).store(
        lambda store: store.search(
            search, favourites=favourites, state=state, before=before, limit=limit + 1
        )
    )
    shown = found[:limit]
    more = shown[-1].id if len(found) > limit else None
    return {"jobs": [await _told(request, job) for job in shown], "next": more}


@router.get("/jobs/{job}")
async def look_up(job: JobId, request: Request) -> dict[str, Any]:
    """Tell all about a job."""
    return await _told(request, await hub_of(request).job(job))


@router.delete("/jobs/{job}", status_code=204)
async def delete(job: JobId, request: Request) -> Response:
    """Remove a job with all its pictures; what came out of it stays."""
    await hub_of(request).store(lambda store: store.delete(job))
    return Response(status_code=204)


@router.post("/jobs/{job}/cancel")
async def cancel(job: JobId, request: Request) -> dict[str, Any]:
    """Take a job out of the queue, or stop it between two steps."""
    return job_json(await hub_of(request).cancel(job))


@router.get("/jobs/{job}/events", response_class=StreamingResponse)
async def events(
    job: JobId,
    request: Request,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    last_event_id: Annotated[str, Header(pattern=r"^[0-9]{0,15}$")] = "",
) -> StreamingResponse:
    """Follow a job: queued, started, step (with a preview), picture; done, failed or cancelled."""
    hub = hub_of(request)
    found = await hub.job(job)  # 404 before a stream is begun
    seen = int(last_event_id) if last_event_id else after
    return StreamingResponse(
        beaten(_stream(hub, found, seen)),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.delete("/jobs/{job}/{number:int}", status_code=204)
async def delete_picture(job: JobId, number: Number, request: Request) -> Response:
    """Remove one picture."""
    await hub_of(request).store(lambda store: store.delete(f"{job}.{number}"))
    return Response(status_code=204)


@router.put("/jobs/{job}/{number:int}/favourite")
async def favourite(job: JobId, number: Number, request: Request) -> dict[str, Any]:
    """Mark a picture as a favourite."""
    name = f"{job}.{number}"
    return picture_json(await hub_of(request).store(lambda store: store.fav(name)))


@router.delete("/jobs/{job}/{number:int}/favourite")
async def no_favourite(job: JobId, number: Number, request: Request) -> dict[str, Any]:
    """Take the mark away."""
    name = f"{job}.{number}"
    return picture_json(await hub_of(request).store(lambda store: store.fav(name, on=False)))


@router.get("/jobs/{job}/{number:int}/lineage")
async def lineage(job: JobId, number: Number, request: Request) -> dict[str, Any]:
    """Tell where a picture came from, and what came of it."""
    name = f"{job}.{number}"
    return lineage_json(await hub_of(request).store(lambda store: store.lineage(name)))


def _add_verb(verb: str, body: type[BaseModel]) -> None:
    """Add the two ways to say a verb: on a picture of a job, and on any picture."""

    async def on_picture(
        job: str, number: int, body: BaseModel, request: Request, key: str = ""
    ) -> dict[str, Any]:
        fields = {**models.given(body), "picture": f"{job}.{number}"}
        return await _submitted(request, [ordered(verb, fields)], key, {**fields, "verb": verb})

    _annotated(on_picture, {"job": JobId, "number": Number, "body": body})
    summary = f"{verb.capitalize()} a picture of a job."
    router.post(f"/jobs/{{job}}/{{number:int}}/{verb}", status_code=202, summary=summary)(
        on_picture
    )


def _add_loose(verb: str, body: type[BaseModel]) -> None:
    async def on_any(body: BaseModel, request: Request, key: str = "") -> dict[str, Any]:
        fields = models.given(body)
        return await _submitted(request, [ordered(verb, fields)], key, {**fields, "verb": verb})

    _annotated(on_any, {"body": body})
    summary = f"{verb.capitalize()} pictures: of the history, or uploaded."
    router.post(f"/verbs/{verb}", status_code=202, summary=summary)(on_any)


def _annotated(function: Any, kinds: dict[str, Any]) -> None:
    """Give a function the types that FastAPI reads: they differ from verb to verb."""
    function.__annotations__ = {
        **kinds, "request": Request, "key": Key, "return": dict[str, Any],
    }  # fmt: skip


for _verb, _body in models.VERB_BODIES.items():
    _add_verb(_verb, _body)
for _verb, _body in models.PICTURE_BODIES.items():
    _add_loose(_verb, _body)


async def _submitted(
    request: Request, orders: Sequence[Order], key: str, asked: dict[str, Any]
) -> dict[str, Any]:
    jobs = await hub_of(request).submit(orders, key or None, asked)
    told = await _told(request, jobs[0])
    return {**told, "also": [job.id for job in jobs[1:]]} if len(jobs) > 1 else told


async def _told(request: Request, job: Job) -> dict[str, Any]:
    return job_json(job, hub_of(request).lives.position(job.id) if job.state == "queued" else None)


async def _stream(hub: Hub, job: Job, after: int) -> AsyncIterator[bytes]:
    """Write a job's events."""
    until = asyncio.get_running_loop().time() + LIFE_SECONDS
    yield b"retry: 1000\n\n"
    async for event in hub.events(job.id, after):
        yield sse(event, await _data(hub, job.id, event))
        if asyncio.get_running_loop().time() > until:
            return


async def _data(hub: Hub, job: str, event: Event) -> dict[str, Any]:
    """Complete what an event says by what is known of the job."""
    if event.kind == "picture":
        name = f"{job}.{event.data['number']}"
        return {**event.data, "reference": name, "url": f"/files/{name}.png"}
    if event.kind in ENDS:
        with suppress(NotThereError):  # deleted since: how it ended is known all the same
            return {**event.data, "job": job_json(await hub.job(job))}
    return event.data
