"""The body of a call in, its fields and its pictures out: JSON, or a form with files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from molnar.app.server.openai.errors import RefusedError
from molnar.app.server.openai.inputs import Sent, of_file, of_value
from molnar.base.errors import one_line

if TYPE_CHECKING:
    from fastapi import Request

MOST_FILES = 17  # sixteen pictures and a mask, as OpenAI has it
MOST_FIELDS = 100
PICTURES = ("image", "image[]", "images", "images[]")


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a client sent."""

    fields: Mapping[str, Any]
    path: str = ""
    host: str = ""
    files: Sequence[tuple[str, bytes]] = field(default_factory=tuple)  # in their order

    async def pictures(self) -> list[Sent]:
        """Read the pictures.

        Raises:
            RefusedError: One is missing.
            UploadError: One is none that is taken.
        """
        found = [await of_file("image", data) for name, data in self.files if name in PICTURES]
        for name in PICTURES:
            value = self.fields.get(name)
            several = value if isinstance(value, list) else [value]
            sent = [one for one in several if one not in (None, "")]
            found += [await of_value(name, one, self.host) for one in sent]
        return found

    async def mask(self) -> Sent | None:
        """Read the mask, if there is one.

        Raises:
            RefusedError: It is missing.
            UploadError: It is no picture that is taken.
        """
        for name, data in self.files:
            if name == "mask":
                return await of_file("mask", data)
        value = self.fields.get("mask")
        return None if value in (None, "") else await of_value("mask", value, self.host)

    def digest(self, key: str = "") -> str:
        """Name what was sent: the same call under the same key has the same digest."""
        known = hashlib.sha256(json.dumps([key, self.path, self.fields], sort_keys=True).encode())
        for name, data in self.files:
            known.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
        return known.hexdigest()


async def json_of(request: Request) -> Call:
    """Read a JSON body.

    Raises:
        RefusedError: It is no JSON object.
    """
    data = await request.body()
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        raise RefusedError(
            f"the body is {one_line(data[:40])!r}; expected a JSON object, e.g. "
            '{"prompt": "a red fox"}'
        ) from None
    if not isinstance(fields, dict):
        raise RefusedError(f"the body is {one_line(repr(fields), 60)}; expected a JSON object")
    return Call(fields=fields, path=request.url.path, host=_host(request))


async def form_of(request: Request) -> Call:
    """Read a form with files.

    Raises:
        RefusedError: It is none, or has too many parts.
    """
    from starlette.datastructures import UploadFile
    from starlette.exceptions import HTTPException

    try:
        form = await request.form(max_files=MOST_FILES, max_fields=MOST_FIELDS)
    except HTTPException as error:
        raise RefusedError(f"the form cannot be read: {one_line(error.detail)}") from None
    fields: dict[str, Any] = {}
    files: list[tuple[str, bytes]] = []
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                files.append((name, await value.read()))
            else:
                fields[name] = value
    finally:
        await form.close()
    return Call(fields=fields, path=request.url.path, host=_host(request), files=tuple(files))


def _host(request: Request) -> str:
    return request.headers.get("host", request.url.netloc)
