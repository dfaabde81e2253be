"""What is measured of the queue when it is asked for, and every answer counted by its status."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from molnar.app.server.metrics import Metrics

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from molnar.app.server.hub import Hub

#: Parts of the server by the beginnings of their paths: addresses themselves are without number.
PARTS = (
    ("/api/", "native"), ("/files/", "files"), ("/sdapi/", "a1111"), ("/internal/", "a1111"),
    ("/queue/", "a1111"), ("/controlnet/", "a1111"), ("/v1/", "openai"),
    ("/mcp", "mcp"), ("/studio", "studio"),
)  # fmt: skip


def watch(hub: Hub) -> None:
    """Add what is looked up whenever the metrics are read."""
    lives, health, add = hub.lives, hub.health, hub.metrics.watch

    def oldest() -> float:
        return max((monotonic() - live.since for live in lives.open("queued")), default=0.0)

    add("jobs_queued", "Jobs that wait.", lambda: len(lives.open("queued")))
    add("jobs_running", "Jobs that are drawn.", lambda: len(lives.open("running")))
    add("queue_oldest_seconds", "How long the oldest job has waited.", oldest)
    add("worker_ready", "Whether the model answers: 1 or 0.", lambda: health.state == "ready")


class Counted:
    """ASGI middleware that counts answers.

    Args:
        app: What it stands around.
        metrics: Where it counts.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        part = part_of(str(scope["path"]))

        async def outward(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.metrics.requests.labels(part=part, status=str(message["status"])).inc()
            await send(message)

        await self.app(scope, receive, outward)


def part_of(path: str) -> str:
    """Name the part of the server that a path belongs to.

    Example:
        >>> part_of("/v1/models"), part_of("/healthz")
        ('openai', 'other')
    """
    return next((part for prefix, part in PARTS if path.startswith(prefix)), "other")
