"""/mcp: the Model Context Protocol over Streamable HTTP, on the server's own queue.

The protocol's library takes a second to import, so it is loaded when somebody first knocks. Its
sessions live in one task of their own, which begins then and ends with the server. Who may knock
is for the guard to say, as everywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.routing import Route

from molnar.app.job import Job, StoredPicture
from molnar.app.jobs import Store
from molnar.app.orders import Order
from molnar.app.orders.wording import native_frame
from molnar.app.server.farewells import cancel_later

if TYPE_CHECKING:
    from fastapi import FastAPI
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.types import Receive, Scope, Send

    from molnar.app.server.agents.desk import Tell
    from molnar.app.server.hub import Hub

T = TypeVar("T")
PATH = "/mcp"
MOST_SESSIONS = 256
IDLE_SECONDS = 600.0  # of a session; its client opens another one
MOST_BODY = 30_000_000  # bytes: a picture and a mask as base64


class HubDesk:
    """The server's queue, for one request."""

    def __init__(self, hub: Hub, base: str) -> None:
        """Remember where the client reaches this server, e.g. "http://127.0.0.1:8000"."""
        self.hub, self.base = hub, base

    async def draw(self, orders: Sequence[Order], tell: Tell) -> list[Job]:
        """Draw; being cancelled cancels the jobs."""
        jobs = await self.hub.submit(orders)
        left = [job.id for job in jobs]
        try:
            for place, job in enumerate(jobs):
                async for event in self.hub.events(job.id):
                    if event.kind == "step":
                        share = float(event.data.get("fraction", 0.0))
                        await tell((place + share) / len(jobs), f"drawing {job.id}")
                left.remove(job.id)
            return [await self.hub.job(job.id) for job in jobs]
        finally:
            for name in left:
                cancel_later(self.hub, name)

    async def look(self, call: Callable[[Store], T]) -> T:
        """Run something in the thread that has the history."""
        return await self.hub.store(call)

    async def models(self) -> list[dict[str, Any]]:
        """Describe the model that draws here."""
        found: list[dict[str, Any]] = (await self.hub.ask("models"))["models"]
        return found

    async def frame(self) -> dict[str, int]:
        """Give the size that the model draws best."""
        return native_frame(self.hub.about)

    def place(self, picture: StoredPicture) -> str:
        """Give the address of a picture."""
        return f"{self.base}/files/{picture.reference}.png"


class Door:
    """Where agents knock."""

    def __init__(self) -> None:
        self._manager: StreamableHTTPSessionManager | None = None
        self._opening = asyncio.Lock()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        manager = await self._opened(scope["app"].state.hub)
        await manager.handle_request(scope, receive, send)

    async def close(self) -> None:
        """End all sessions."""
        self._closing.set()
        if self._task is not None:
            await self._task

    async def _opened(self, hub: Hub) -> StreamableHTTPSessionManager:
        async with self._opening:
            if self._manager is None:
                manager = await asyncio.to_thread(_manager, hub)
                ready = asyncio.Event()
                # The library's sessions must begin and end in the same task.
                self._task = asyncio.create_task(self._live(manager, ready))
                await ready.wait()
                self._manager = manager
        return self._manager

    async def _live(self, manager: StreamableHTTPSessionManager, ready: asyncio.Event) -> None:
        async with manager.run():
            ready.set()
            await self._closing.wait()


def _manager(hub: Hub) -> StreamableHTTPSessionManager:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from molnar.app.server.agents.protocol import Context, server_of

    def desk_of(context: Context) -> HubDesk:
        request: Any = context.request
        host = request.headers.get("host", request.url.netloc)
        return HubDesk(hub, f"{request.url.scheme}://{host}")

    return StreamableHTTPSessionManager(
        server_of(desk_of),
        session_idle_timeout=IDLE_SECONDS,
        max_sessions=MOST_SESSIONS,
        max_request_body_size=MOST_BODY,
    )


def install(app: FastAPI) -> None:
    """Add the route; the OpenAPI does not speak of it."""
    app.state.mcp = Door()
    methods = ["GET", "POST", "DELETE"]
    app.router.routes.append(
        Route(PATH, endpoint=app.state.mcp, methods=methods, include_in_schema=False)
    )


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """End what was begun when the server ends."""
    try:
        yield
    finally:
        await app.state.mcp.close()
