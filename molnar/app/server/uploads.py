"""Pictures that clients send: bytes that may be anything -> pixels, and what the file says.

Only the pixels are kept; no byte of the file is ever sent to anybody, and no name of it is ever
used. Nothing is fetched: an address instead of a picture is refused by name.
"""

from __future__ import annotations

import asyncio
import base64
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from molnar.app.references import Reference, parse
from molnar.base.errors import DataError, RequestError, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from molnar.base.metadata import Metadata

MAX_BYTES = 20_000_000
MAX_WAITING = 16  # pictures that wait to be decoded
ROWS = 256  # that are copied at a time

_DATA_URL = re.compile(r"data:([a-z0-9.+/-]*)((?:;[a-z0-9.=-]+)*),", re.ASCII | re.IGNORECASE)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{1,20}://|//|www\.|file:", re.ASCII | re.IGNORECASE)
_SIDES = ("width", "height")
# Of a record.
_NOT_HERE = ("image", "mask", "strength", "feather", "outpaint", "template", "guides")
# Two at once: a picture of 16 megapixels takes up to 350 MB while it is decoded (WebP).
_DECODERS = ThreadPoolExecutor(2, thread_name_prefix="decoder")
_waiting = 0


class UploadError(DataError):
    """A picture that was sent cannot be used.

    Args:
        status: The HTTP status that fits: 400 broken, 413 too large, 415 of another kind, 503
            too many at once.
        message: One line.
        field: Where it stood in the request, if that has fields.
    """

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.field = field


@dataclass(frozen=True)
class Uploaded:
    """A picture that a client sent."""

    pixels: NDArray[np.uint8]  # H W 3, or H W 4 with straight alpha; upright
    metadata: Metadata

    @property
    def record(self) -> dict[str, Any] | None:
        """Our own record, if we made it."""
        return self.metadata.record

    @property
    def tool(self) -> str | None:
        """What made it, as that calls itself; None if it does not say."""
        from molnar.base.foreign import TOOLS

        found = self.metadata
        return None if found.tool == "none" else TOOLS[found.tool]

    @property
    def prompt(self) -> str:
        """What was asked for, in the tool's own words; empty if it does not say."""
        found = self.metadata
        if found.record is not None:
            return str(self.wishes.get("prompt", ""))
        said = found.foreign or found.parameters
        return (said.prompt if said else None) or ""

    @property
    def wishes(self) -> dict[str, Any]:
        """The fields of a `Request` that the file gives, as JSON, each within its limits.

        What it started from itself (picture, mask and what belongs to them) is left out: that is
        not here.
        """
        from molnar.base.config import to_json
        from molnar.base.limits import fits
        from molnar.base.request import Request, request_from
        from molnar.base.wishes import wishes

        if self.metadata.record is None:
            wanted = wishes(self.metadata)
            return {k: v for k, v in wanted.items() if v != "" and fits(Request, k, v)}
        try:
            asked = to_json(request_from(self.metadata))
        except (DataError, RequestError):  # of a newer molnar, or made up
            return {}
        usual = to_json(Request(prompt=""))
        return {
            key: value
            for key, value in asked.items()
            if key in _SIDES or (value != usual[key] and key not in _NOT_HERE)
        }


async def read_picture(data: bytes, field: str | None = None) -> Uploaded:
    """Decode a PNG, JPEG or WebP, whatever it is called, away from the event loop.

    Args:
        data: The file: at most 20 MB and 16 megapixels.
        field: Where it stood in the request, for the error.

    Raises:
        UploadError: It is none, or none that is taken.
    """
    global _waiting
    if _waiting >= MAX_WAITING:
        raise UploadError(503, f"{_waiting} pictures are being read already; try again", field)
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_DECODERS, decoded, data, field)
    finally:
        _waiting -= 1


async def picture_from_base64(text: str, field: str) -> Uploaded:
    """Decode a picture written as text: bare base64, or a data URL.

    Raises:
        UploadError: It is none, or none that is taken.
    """
    return await read_picture(from_base64(text, field), field)


def from_base64(text: str, field: str) -> bytes:
    """Return the bytes of a picture written as text: bare base64, or a data URL.

    Args:
        text: As a client sent it; blanks and line ends in it do not count.
        field: Where it stood in the request, for the error.

    Raises:
        UploadError: It is an address, too long, or no base64.
    """
    start = text[:200].lstrip()
    if _ADDRESS.match(start):
        raise UploadError(
            400,
            f"{field} is an address ({one_line(start, 40)}); this server fetches nothing: send the "
            "picture itself in base64",
            field,
        )
    if len(text) > MAX_BYTES * 4 // 3 * 80 // 76 + 200:  # in lines of 76, with a data URL's start
        raise UploadError(
            413, f"{field} has {len(text) / 1e6:.1f} MB of base64; expected at most 27", field
        )
    found = _DATA_URL.match(start)
    if found is not None:
        kind, options = found[1].lower(), found[2].lower()
        if not kind.startswith("image/") or ";base64" not in options:
            raise UploadError(
                415, f"{field} is {one_line(found[0], 60)}; expected data:image/png;base64,", field
            )
        text = text.lstrip()[found.end() :]
    try:
        packed = b"".join(text.encode("ascii").split())
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except ValueError:  # not ASCII, or no base64
        raise UploadError(
            400, f"{field} is no base64 ({one_line(start, 20)!r}); send the file's bytes so", field
        ) from None


def decoded(data: bytes, field: str | None = None) -> Uploaded:
    """Decode a PNG, JPEG or WebP; takes up to a second, so it has no place in an event loop.

    Raises:
        UploadError: It is none, or none that is taken.
    """
    from molnar.base import metadata
    from molnar.base.images import checked, read_file, still, upright
    from molnar.base.screening import TooLargeError, claim, kind_of

    name = field or "the picture"
    try:
        read_file(data)  # its size
        if kind_of(data) is None:
            raise UploadError(415, f"{name} is {_start(data)}; expected a PNG, JPEG or WebP", field)
        claimed = claim(name, data)
        # Phones lay films and brighter copies behind a JPEG; behind the others is nothing honest.
        if claimed.kind != "JPEG" and claimed.end < len(data):
            more = len(data) - claimed.end
            raise UploadError(
                400, f"{name} has {more} bytes behind the {claimed.kind}; save it again", field
            )
        image = still(name, checked(name, data))
        found = metadata.read_opened(name, image)
        return Uploaded(_pixels(upright(name, image)), found)
    except UploadError:
        raise
    except TooLargeError as error:
        raise UploadError(413, str(error), field) from None
    except DataError as error:
        raise UploadError(400, str(error), field) from None


def _start(data: bytes) -> str:
    return "empty" if not data else f"a file that starts with {data[:8]!r}"


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Copy the pixels out, some rows at a time: at once, Pillow would hold them three times."""
    import numpy as np

    pixels = np.empty((image.height, image.width, len(image.getbands())), np.uint8)
    for top in range(0, image.height, ROWS):
        bottom = min(top + ROWS, image.height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels


def safe_reference(text: str) -> Reference:
    """Read a reference to a job or a picture, `k7` or `k7.2`, the only names that clients give.

    What comes out are two numbers; files are looked up by them in the history.

    Raises:
        RequestError: It is none.
    """
    found = parse(text) if len(text) <= 40 else None
    if found is None:
        raise RequestError(
            f"got {one_line(text, 40)!r} as a job or picture; expected one such as k7 or k7.2"
        )
    return found
