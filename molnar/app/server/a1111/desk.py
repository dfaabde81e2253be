"""What this dialect remembers between calls, and how it reads a call and writes its answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Response

from molnar.app.server.a1111 import catalogue
from molnar.app.server.a1111.progress import Tasks
from molnar.app.server.a1111.wishes import SUFFIXES
from molnar.base.errors import RequestError
from molnar.bundle import MANIFEST
from molnar.starting import SCHEME

if TYPE_CHECKING:
    from fastapi import Request

    from molnar.app.server.a1111.frames import Bytes
    from molnar.app.server.hub import Hub


@dataclass
class Desk:
    """One for each server: what was set by `/options`, tasks by name, the model."""

    hub: Hub
    samples_format: str = "png"
    interrupted: str | None = None  # the job that was asked to stop
    tasks: Tasks = field(default_factory=Tasks)
    _models: list[dict[str, Any]] = field(default_factory=list)

    async def models(self) -> list[dict[str, Any]]:
        """List the models that draw here: one."""
        if not self._models:
            found = await self.hub.ask("models")
            self._models = list(found["models"])
        return self._models

    async def model(self) -> dict[str, Any]:
        """Give the model that draws here."""
        return (await self.models())[0]

    async def names(self) -> list[str]:
        """Give the names by which it may be asked for."""
        return catalogue.names_of(await self.model())

    async def kept(self, pixels: Bytes) -> str:
        """Keep a picture that came with a call, and give the name by which requests name it."""
        return SCHEME + await self.hub.store(lambda store: store.put_input(pixels))

    async def adapters(self) -> list[Path]:
        """Give the folders in which the model finds LoRAs; a model of ours takes none."""
        model = Path((await self.hub.ask("path"))["path"])
        if (model / MANIFEST).is_file():
            return []
        home = await self.hub.store(lambda store: store.database.folder)
        return [home / "loras", model.parent / "loras"]

    @property
    def suffix(self) -> str:
        """Of pictures, where a call does not say."""
        return SUFFIXES[self.samples_format]

    @contextmanager
    def task(self, name: str | None) -> Iterator[None]:
        """Remember a call by the name that its client gave it, while it is worked on."""
        if name:
            self.tasks.begin(name)
        try:
            yield
        finally:
            if name:
                self.tasks.end(name)


def desk_of(request: Request) -> Desk:
    """Give the desk of a server."""
    state = request.app.state
    if getattr(state, "a1111", None) is None:
        state.a1111 = Desk(state.hub)
    found: Desk = state.a1111
    return found


async def body_of(request: Request) -> Any:
    """Read the JSON of a call.

    Raises:
        HTTPException: 422: it is no JSON.
    """
    data = await request.body()
    try:
        return json.loads(data, parse_constant=_refused)
    except (ValueError, RecursionError):
        raise HTTPException(422, "the body is no JSON; expected an object") from None


@contextmanager
def validating() -> Iterator[None]:
    """Turn what is wrong with a field into 422, as A1111's models do."""
    try:
        yield
    except RequestError as error:
        raise HTTPException(422, str(error)) from None


def answered(value: Any) -> Response:
    """Write an answer; as ASCII, which holds whatever a client sent and wants to see again."""
    return Response(json.dumps(value), media_type="application/json")


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")
