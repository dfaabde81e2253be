"""The web application: one hub, and every way to speak to it.

Each dialect has its own prefix, its own routes, and its own way to say what is wrong; the guard
stands before all of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.routing import Match

from molnar.app.queue import QueueFull
from molnar.app.server import a1111, files, mcp, openai
from molnar.app.server.gauges import Counted, watch
from molnar.app.server.guard import Guard, Policy
from molnar.app.server.hub import Hub
from molnar.app.server.limits import Busy, Silent, Unkept
from molnar.app.server.native import about, jobs, pictures, views
from molnar.app.server.turnstile import Turnstile
from molnar.app.server.uploads import UploadError
from molnar.app.server.waiting import GONE, Failed, Gone
from molnar.base.errors import DataError, MolnarError, NotThereError, RequestError, one_line
from molnar.base.version import VERSION

Say = Callable[[Request, int, str, "str | None"], Awaitable[Response]]
STUDIO = Path(__file__).parents[1] / "studio"
DESCRIPTION = """Pictures from words, on this machine.

`POST /api/jobs` draws; `GET /api/jobs/{job}/events` follows it; `/files/{picture}.png` is the
picture. Beside it are the A1111 dialect at `/sdapi/v1` and the OpenAI dialect at `/v1`."""
#: What is answered, by what was raised; the first that fits. Native routes differ: see below.
STATUS: tuple[tuple[type[Exception], int], ...] = (
    (Busy, 429),
    (QueueFull, 429),
    (Gone, GONE),
    (Silent, 503),
    (Unkept, 503),
    (NotThereError, 404),
    (RequestError, 400),
    (DataError, 400),
    (MolnarError, 500),
)
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
CONFLICT = 409  # a body that is well formed and still cannot be done, in our own API


def create_app(hub: Hub, policy: Policy) -> FastAPI:
    """Put the application together.

    Args:
        hub: Started and stopped with it.
        policy: Whom the guard lets in.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await hub.start()
        async with mcp.lifespan(app):
            yield
        await hub.stop()

    app = FastAPI(
        title="molnar",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,  # FastAPI's own page loads its parts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        responses={code: {"description": text} for code, text in _ANSWERS.items()},
    )
    app.state.hub = hub
    app.state.policy = policy
    watch(hub)
    for router in (jobs.router, pictures.router, about.router, files.router):
        app.include_router(router)
    for dialect in (a1111.router, openai.router):
        app.include_router(dialect, include_in_schema=False)
    mcp.install(app)
    _pages(app)
    for kind in (MolnarError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _explained)
    return app


def guarded(app: FastAPI) -> Turnstile:
    """Put the guard before an application: its headers are then on every answer, also of errors."""

    async def refused(scope: Any, status: int, message: str) -> Response:
        request = Request({**scope, "app": app})
        response = await dialect_of(str(scope["path"]))(request, status, message, None)
        if status == 405:
            response.headers["Allow"] = ", ".join(methods_at(app, str(scope["path"])))
        return response

    guard = Guard(app, app.state.policy, refused)
    return Turnstile(Counted(guard, app.state.hub.metrics))


def methods_at(app: FastAPI, path: str) -> list[str]:
    """List what can be done at a path: several routes may share one (RFC 9110, section 15.5.6)."""

    def answers(method: str) -> bool:
        scope = {"type": "http", "path": path, "root_path": "", "method": method, "headers": []}
        return any(route.matches(scope)[0] is Match.FULL for route in app.router.routes)

    return [method for method in METHODS if answers(method)]


_ANSWERS = {
    400: "The body cannot be read.",
    401: "A token is needed.",
    403: "The request comes from where it must not come from.",
    404: "There is no such job or picture.",
    409: "Well formed, and still it cannot be done; the message says why.",
    413: "Too large.",
    415: "Not of a type that is read here.",
    422: "A field is out of its range, or unknown.",
    429: "The queue is full; see Retry-After.",
    503: "The model is starting again, or the disk is full; see the message and Retry-After.",
}


def _pages(app: FastAPI) -> None:
    """Add the studio and the documentation of the API."""

    @app.get("/", include_in_schema=False)
    async def studio() -> FileResponse:
        return FileResponse(STUDIO / "index.html", headers={"Cache-Control": "no-cache"})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(STUDIO / "reference.html", headers={"Cache-Control": "no-cache"})

    app.mount("/studio", Fresh(directory=STUDIO), name="studio")


class Fresh(StaticFiles):
    """Files that a browser asks about each time: an update of molnar is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Give a file, or that it has not changed."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def dialect_of(path: str) -> Say:
    """Give the way in which a part of the server says what is wrong."""
    if path.startswith(("/sdapi/", "/internal/", "/queue/", "/controlnet/")):
        return a1111.error
    if path.startswith("/v1/"):
        return openai.error
    return views.error


async def _explained(request: Request, error: Exception) -> Response:
    """Turn whatever was raised into one line, in the dialect that was spoken."""
    status, message, field = _told(request.url.path, error)
    if status == GONE:
        return Response(status_code=GONE)
    response = await dialect_of(request.url.path)(request, status, message, field)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(error.retry_after)
    elif status in (429, 503):
        response.headers["Retry-After"] = "2"
    if status == 405:
        response.headers["Allow"] = ", ".join(methods_at(request.app, request.url.path))
    return response


def _told(path: str, error: Exception) -> tuple[int, str, str | None]:
    """Say status, line, and the field that it is about."""
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return error.status_code, str(error.detail), None
    if isinstance(error, UploadError):
        return error.status, one_line(error), error.field
    if isinstance(error, Failed):
        return (CONFLICT if path.startswith("/api/") else 400), one_line(error), None
    status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
    if status == 400 and path.startswith(("/api/", "/files/")):
        status = CONFLICT
    message = one_line(error) if isinstance(error, MolnarError) else "something went wrong in here"
    return status, message, None


def _invalid(error: RequestValidationError) -> tuple[int, str, str | None]:
    """Say the first thing that is wrong with a body, path or query."""
    first: dict[str, Any] = dict(error.errors()[0])
    place = [str(part) for part in first["loc"][1:]]
    if first["type"] == "json_invalid":
        return (
            422,
            f"the body is no JSON: {first.get('ctx', {}).get('error', 'it is broken')}",
            None,
        )
    got = "" if first["type"] == "missing" else f" is {one_line(repr(first.get('input')), 60)};"
    name = ".".join(place) or "the body"
    return 422, f"{name}{got} {one_line(first['msg'][:1].lower() + first['msg'][1:])}", name
