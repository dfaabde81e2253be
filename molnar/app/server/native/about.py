"""What the server says of itself: models, fields, state, health, metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from molnar.app.orders.wording import native_frame
from molnar.app.server.metrics import CONTENT_TYPE_LATEST
from molnar.app.server.native import models
from molnar.app.server.native.jobs import hub_of
from molnar.base.version import VERSION

router = APIRouter(tags=["about"])


@router.get("/api/models")
async def all_models(request: Request) -> dict[str, Any]:
    """List the models that draw here, with what they recommend."""
    return await hub_of(request).ask("models")


@router.get("/api/status")
async def status(request: Request) -> dict[str, Any]:
    """Tell how busy the server is."""
    hub = hub_of(request)
    now = hub.now()
    state = "drawing" if hub.health.state == "ready" and now.running else hub.health.state
    return {
        "version": VERSION,
        "model": hub.about.get("model"),
        "worker": state,
        "queued": now.queued,
        "running": now.running,
        "limit": hub.limits.waiting,
        "offline": True,  # nothing in it ever opens a connection to the outside
    }


@router.get("/api/fields")
async def fields(request: Request) -> dict[str, Any]:
    """List what can be asked for: limits, defaults and help of every field, and the styles."""
    from molnar.text.styles import built_in

    styles = [{"name": name, "prompt": style.prompt} for name, style in built_in().items()]
    found = models.fields_of_request()
    for side, pixels in native_frame(hub_of(request).about).items():
        found[side] = {**found[side], "default": pixels}
    return {"fields": found, "styles": styles}


@router.get("/healthz")
async def health() -> dict[str, str]:
    """Say that the web process answers."""
    return {"status": "ok"}


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Give what is counted, for Prometheus."""
    return Response(hub_of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
