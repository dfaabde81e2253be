"""The size a client asks for in, the size we draw at out."""

from __future__ import annotations

import dataclasses
import re

from molnar.app.server.openai.errors import RefusedError
from molnar.base.errors import one_line
from molnar.base.request import Request

_WIDTH = next(field.metadata for field in dataclasses.fields(Request) if field.name == "width")
LEAST, MOST, STEP = _WIDTH["minimum"], _WIDTH["maximum"], _WIDTH["multiple_of"]
LARGEST = 4096  # pixels a side, after resizing
_SIZE = re.compile(r"(\d{1,6})\s*[xX\u00d7*]\s*(\d{1,6})")

Size = tuple[int, int]
"""Width, height."""


def size_of(text: str | None) -> Size | None:
    """Read a size; None where the client leaves it to us.

    Raises:
        RefusedError: It is no size, or a side is out of what can be made.

    Example:
        >>> size_of("1792x1024"), size_of("auto")
        ((1792, 1024), None)
    """
    if text is None or text.strip().lower() in ("", "auto"):
        return None
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise RefusedError(
            f"size is {one_line(text, 40)!r}; expected auto or WIDTHxHEIGHT, e.g. 512x512", "size"
        )
    width, height = int(found[1]), int(found[2])
    if not 1 <= min(width, height) <= max(width, height) <= LARGEST:
        raise RefusedError(
            f"size is {one_line(text, 40)}; expected sides of 1 to {LARGEST} pixels", "size"
        )
    return width, height


def drawable(size: Size) -> Size:
    """Give the nearest size that can be drawn: the same shape as far as can be, not cut yet.

    Example:
        >>> drawable((512, 512)), drawable((3840, 2160)), drawable((1000, 1001))
        ((512, 512), (2048, 1152), (1000, 1000))
    """
    width, height = size
    scale = 1.0
    if max(size) > MOST:
        scale = MOST / max(size)
    elif min(size) < LEAST:
        scale = min(LEAST / min(size), MOST / max(size))
    return _near(width * scale), _near(height * scale)


def said(size: Size) -> str:
    """Write a size as clients have it.

    Example:
        >>> said((1024, 512))
        '1024x512'
    """
    return f"{size[0]}x{size[1]}"


def _near(side: float) -> int:
    return int(min(max(round(side / STEP) * STEP, LEAST), MOST))
