"""Jobs, pictures and errors as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from molnar.app.job import Job, Lineage, StoredPicture
from molnar.app.server.events import Event

THUMBNAIL = 256  # pixels
ABOUT = ("id", "verb", "state", "prompt", "created", "finished", "error")
MADE = ("version", "model", "model_hash")
INSIDE = ("order", "notes")  # of a job's `extra`: the one is ours, the other has a place of its own


def job_json(job: Job, position: int | None = None) -> dict[str, Any]:
    """Describe a job."""
    first = job.pictures[0].record if job.pictures else {}
    more = {} if position is None else {"position": position}
    return {
        **{name: getattr(job, name) for name in (*ABOUT, *MADE)},
        **more,
        "request": dict(job.request),
        "extra": {key: value for key, value in job.extra.items() if key not in INSIDE},
        "parents": [{"reference": one.reference, "role": one.role} for one in job.parents],
        "pictures": [picture_json(picture) for picture in job.pictures],
        "grid": picture_json(job.grid) if job.grid else None,
        "notes": list(job.extra.get("notes", ())),
        "unknown": list(first.get("unknown", ())),
    }


def picture_json(picture: StoredPicture) -> dict[str, Any]:
    """Describe a picture; where it lies on the disk is nobody's business."""
    name = picture.reference
    return {
        "reference": name,
        "job": picture.job,
        "number": picture.number,
        "seed": picture.seed,
        "width": picture.width,
        "height": picture.height,
        "favourite": picture.favourite,
        "url": f"/files/{name}.png",
        "thumbnail": f"/files/{name}.webp?size={THUMBNAIL}",
        "sha256": picture.sha256,
        "bytes": picture.bytes,
    }


def lineage_json(lineage: Lineage) -> dict[str, Any]:
    """Describe where a picture came from, and what came of it."""
    names = ("job", "number", "role", "generations", "exists")
    return {
        side: [{name: getattr(link, name) for name in names} for link in getattr(lineage, side)]
        for side in ("ancestors", "children")
    }


def sse(event: Event, data: Mapping[str, Any]) -> bytes:
    """Write an event as a server-sent one (HTML standard, section 9.2)."""
    import json

    text = json.dumps(data, ensure_ascii=False)
    return f"id: {event.number}\nevent: {event.kind}\ndata: {text}\n\n".encode()


async def error(request: Request, status: int, message: str, param: str | None = None) -> Response:
    """Say what is wrong."""
    return JSONResponse({"error": {"message": message, "field": param}}, status)
