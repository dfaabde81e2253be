"""A job in, server-sent events out: unfinished pictures on the way, then the finished ones."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from molnar.app.job import Job
from molnar.app.server.beating import beaten
from molnar.app.server.openai.answers import OURS, shared, told
from molnar.app.server.openai.asking import Ask
from molnar.app.server.openai.errors import body
from molnar.app.server.openai.orders import size_of
from molnar.app.server.waiting import listening
from molnar.base.errors import MolnarError, one_line

if TYPE_CHECKING:
    from molnar.app.server.hub import Hub

GENERATION, EDIT = "image_generation", "image_edit"


class Partials:
    """Chooses, of each picture, the previews that go out: so many, evenly over its steps.

    Example:
        >>> partials = Partials(1)
        >>> steps = [{"picture": 1, "index": k, "of": 4, "preview": "..."} for k in range(4)]
        >>> [partials.due(step) for step in steps]
        [None, 0, None, None]
    """

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self._sent: dict[int, int] = {}

    def due(self, step: Mapping[str, Any]) -> int | None:
        """Give the index that a step's preview goes out under; None if it does not."""
        picture, done, of = int(step["picture"]), int(step["index"]) + 1, int(step["of"])
        sent = self._sent.get(picture, 0)
        if sent >= self.wanted or not step.get("preview") or done >= of:
            return None
        if done * (self.wanted + 1) < (sent + 1) * of:
            return None
        self._sent[picture] = sent + 1
        return sent


async def events(
    hub: Hub, ask: Ask, jobs: Sequence[Job], kind: str, finish: Any
) -> AsyncIterator[bytes]:
    """Follow jobs to their end; who stops listening cancels what is not finished.

    With several pictures each has unfinished ones of its own, counted from 0, and one that is
    finished; `image_index` says which picture it is, where OpenAI's events say nothing.

    Args:
        hub: The hub.
        ask: What was asked for.
        jobs: Submitted.
        kind: GENERATION or EDIT.
        finish: Awaited with a done job, gives for each of its pictures the fields of its event.
    """
    before = 0  # pictures of earlier jobs
    with listening(hub, jobs) as left:
        try:
            for job in jobs:
                source = _job(hub, ask, job.id, kind, before, finish)
                async for chunk in beaten(source):
                    yield chunk
                left.remove(job.id)
                before += len((await hub.job(job.id)).pictures)
        except MolnarError as error:
            yield sse("error", {"type": "error", **body(500, one_line(error, 600))})


async def _job(
    hub: Hub, ask: Ask, name: str, kind: str, before: int, finish: Any
) -> AsyncIterator[bytes]:
    """Write the events of one job."""
    partials = Partials(ask.partials)
    async for event in hub.events(name):
        if event.kind == "step" and (index := partials.due(event.data)) is not None:
            job = await hub.job(name)
            size = size_of(ask, job.request)
            yield sse(
                f"{kind}.partial_image",
                {
                    "type": f"{kind}.partial_image",
                    "b64_json": await _unfinished(ask, str(event.data["preview"]), size),
                    "partial_image_index": index,
                    "image_index": before + int(event.data["picture"]) - 1,
                    "created_at": int(time.time()),
                    **shared(ask, [job], size),
                },
            )
        elif event.kind == "done":
            job = await hub.job(name)
            for place, fields in enumerate(await finish(job)):
                about = {"image_index": before + place, "created_at": int(time.time())}
                more = {**about, **fields, OURS: told([job])}
                yield sse(f"{kind}.completed", {"type": f"{kind}.completed", **more})
        elif event.kind in ("failed", "cancelled"):
            why = event.data.get("error") or (await hub.job(name)).error or f"{name} was cancelled"
            yield sse("error", {"type": "error", **body(500, one_line(why, 600))})


async def _unfinished(ask: Ask, preview: str, size: tuple[int, int]) -> str:
    from molnar.app.server.openai.files import enlarged

    return await asyncio.to_thread(enlarged, preview, size, ask.suffix, ask.compression)


def sse(event: str, data: Mapping[str, Any]) -> bytes:
    """Write one event.

    Example:
        >>> sse("error", {"error": 1}).decode().splitlines()
        ['event: error', 'data: {"error": 1}', '']
    """
    return f"event: {event}\ndata: {json.dumps(data)}\n\n".encode()


def b64(data: bytes) -> str:
    """Write bytes as text.

    Example:
        >>> b64(b"fox")
        'Zm94'
    """
    return base64.b64encode(data).decode("ascii")
