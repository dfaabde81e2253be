"""/api: pictures that come in, and what the model is asked beside the queue."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from molnar.app.server.guard import EXPLAIN_CSP
from molnar.app.server.native import models
from molnar.app.server.native.jobs import JobId, Number, hub_of
from molnar.app.server.uploads import read_picture

router = APIRouter(prefix="/api", tags=["pictures"])
_FILE = {"schema": {"type": "string", "format": "binary"}}
KINDS = ("image/png", "image/jpeg", "image/webp")


@router.post(
    "/pictures",
    openapi_extra={
        "requestBody": {"required": True, "content": {kind: _FILE for kind in KINDS}},
        "x-schemathesis-note": "the body must be a picture",
    },
)
async def upload(request: Request) -> dict[str, Any]:
    """Take a PNG, JPEG or WebP in: its name for orders, and what it says of how it was made."""
    hub = hub_of(request)
    data = await request.body()
    picture = await read_picture(data)
    from molnar.starting import SCHEME

    name = SCHEME + await hub.store(lambda store: store.put_input(picture.pixels))
    height, width = picture.pixels.shape[:2]
    return {
        "picture": name,
        "width": width,
        "height": height,
        "tool": picture.tool,
        "prompt": picture.wishes.get("prompt"),
        "wishes": picture.wishes,
        "record": picture.record is not None,
    }


@router.get("/jobs/{job}/{number:int}/explain", response_class=Response)
async def explain(job: JobId, number: Number, request: Request) -> Response:
    """Tell which word drew what: one page that stands alone, as HTML."""
    hub = hub_of(request)
    name = f"{job}.{number}"
    await hub.store(lambda store: store.picture(name))  # 404 before any work
    found = await hub.ask("explain", picture=name)
    headers = {"Content-Security-Policy": EXPLAIN_CSP, "Cache-Control": "private, max-age=3600"}
    return Response(found["html"], media_type="text/html; charset=utf-8", headers=headers)


@router.post("/read")
async def read(body: models.Prompted, request: Request) -> dict[str, Any]:
    """Tell how a prompt is read: tokens, and words that the model does not know."""
    return await hub_of(request).ask("read", prompt=body.prompt)


@router.post("/shorten")
async def shorten(body: models.Prompted, request: Request) -> dict[str, Any]:
    """Tell which words of a prompt matter."""
    return await hub_of(request).ask("shorten", prompt=body.prompt)


@router.post("/describe")
async def describe(body: models.Pictured, request: Request) -> dict[str, Any]:
    """Say in four prompts what a picture shows."""
    return await hub_of(request).ask("describe", picture=body.picture)


@router.post("/where")
async def where(body: models.Where, request: Request) -> dict[str, Any]:
    """Find what words name in a picture: the name of a mask, white there."""
    return await hub_of(request).ask("where", picture=body.picture, words=body.words)
