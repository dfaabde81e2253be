"""/files: the pictures themselves, as PNG, JPEG or WebP, whole or small."""

from __future__ import annotations

import io
from collections import OrderedDict
from pathlib import Path as File
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from molnar.app.job import StoredPicture
from molnar.app.server.hub import Hub
from molnar.app.server.kept import there
from molnar.app.server.native.models import PICTURE

TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}
SCHEME = "sha256:"
NEVER_CHANGES = "private, max-age=31536000, immutable"
SMALL = (64, 1024)  # pixels of a small picture's longer side
REMEMBERED = 512  # small pictures
QUALITY = 80  # of a small picture

router = APIRouter(tags=["files"])
Name = Annotated[
    str,
    Path(
        pattern=PICTURE,
        description="A picture: k7.2, k7.grid, or the sha256:... of one that came in.",
    ),
]


class Thumbnails:
    """Small pictures that were made lately, by the sha256 of the large ones.

    Example:
        >>> Thumbnails().get(("", 256)) is None
        True
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def get(self, key: tuple[str, int]) -> bytes | None:
        """Give one that is there, and keep it longer."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: tuple[str, int], data: bytes) -> None:
        """Keep one, instead of the one that was asked for longest ago."""
        self._kept[key] = data
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)


_thumbnails = Thumbnails()


@router.get("/files/{name}.{kind}", response_class=Response)
async def file(
    name: Name,
    kind: Annotated[str, Path(pattern="^(png|jpg|webp)$")],
    request: Request,
    size: Annotated[int | None, Query(ge=SMALL[0], le=SMALL[1])] = None,
) -> Response:
    """Give a picture; with `size`, one whose longer side has at most so many pixels."""
    hub = request.app.state.hub
    if name.startswith(SCHEME):
        sha = name.removeprefix(SCHEME)
        return await _brought(hub, sha, kind, size, request)
    picture = await hub.store(lambda store: there(store.picture(name)))
    headers = _headers(picture.sha256, picture.reference, kind, size)
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if kind == "png" and size is None:
        return FileResponse(picture.path, media_type=TYPES[kind], headers=headers)
    if size is not None:
        data = await run_in_threadpool(_small, picture, kind, size)
    else:
        data = await run_in_threadpool(encoded, picture.path, f".{kind}")
    return Response(data, media_type=TYPES[kind], headers=headers)


def _headers(sha: str, name: str, kind: str, size: int | None) -> dict[str, str]:
    return {
        "Cache-Control": NEVER_CHANGES,
        "ETag": f'"{sha[:32]}-{kind}-{size or 0}"',
        "Content-Disposition": f'inline; filename="{name}.{kind}"',
    }


async def _brought(hub: Hub, sha: str, kind: str, size: int | None, request: Request) -> Response:
    """Give back a picture that somebody brought, or a mask: its pixels, and no mark of ours."""
    headers = _headers(sha, sha[:12], kind, size)
    pixels = await hub.store(lambda store: store.get_input(sha))
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)

    def written() -> bytes:
        from PIL import Image

        from molnar.base.metadata import flat

        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        if size is not None:
            image.thumbnail((size, size), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        shown = flat(image) if kind == "jpg" else image
        shown.save(out, FORMATS[kind], quality=QUALITY, lossless=size is None)
        return out.getvalue()

    return Response(await run_in_threadpool(written), media_type=TYPES[kind], headers=headers)


def encoded(path: File | bytes, suffix: str, quality: int | None = None) -> bytes:
    """Give a picture of ours as another kind of file, with all that it says of itself.

    Args:
        path: The PNG, or its bytes.
        suffix: ".png", ".jpg" or ".webp".
        quality: 1 to 100, of the lossy kinds; the usual one if absent.
    """
    from PIL import Image

    from molnar.base import metadata

    known = metadata.read(path)
    source = io.BytesIO(path) if isinstance(path, bytes) else path
    with Image.open(source, formats=("PNG",)) as image:
        image.load()
    said = known.text.get(metadata.PARAMETERS_KEY, "")
    return metadata.encode(image, known.record or {}, said, suffix, quality)


def _small(picture: StoredPicture, kind: str, size: int) -> bytes:
    from PIL import Image

    from molnar.base import metadata

    key = (f"{picture.sha256}.{kind}", size)
    found = _thumbnails.get(key)
    if found is None:
        with Image.open(picture.path, formats=("PNG",)) as image:
            image.thumbnail((size, size), Image.Resampling.LANCZOS)
            found = metadata.encode(
                image, {}, "", f".{kind}", QUALITY
            )  # small, and marked all the same
        _thumbnails.put(key, found)
    return found
