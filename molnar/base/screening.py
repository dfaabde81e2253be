"""What a picture file claims about itself, read from its bytes before any decoder sees them.

A file of a few kB can claim 50,000 x 50,000 pixels, carry texts that unpack to a thousand times
their size, ten thousand frames, or as many passes over the same pixels. Here only lengths and
sizes are read, so that refusing such a file costs next to nothing.

Source: PNG 3rd edition, sections 5 and 11; JPEG, ITU T.81 annex B; RFC 9649 (WebP).
"""

from __future__ import annotations

import contextlib
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from molnar.base.errors import DataError

MAX_CHUNKS = 20_000  # of a file; a 20 MB PNG in pieces of 8 kB has 2,500
MAX_SCANS = 32  # of a JPEG; a progressive one has about ten
MAX_TEXT = 8_000_000  # bytes of all texts and profiles of a PNG, unpacked

PNG = b"\x89PNG\r\n\x1a\n"
_TEXTS = {b"tEXt", b"zTXt", b"iTXt", b"iCCP"}
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither data nor a restart
_END, _SCAN = 0xD9, 0xDA
_ALONE = {0x01, 0xD8}  # markers that nothing belongs to
_SIZES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class Claim:
    """What a file says it is; 0 x 0 if it does not come to it."""

    kind: str  # "PNG", "JPEG" or "WEBP"
    width: int = 0
    height: int = 0
    frames: int = 1
    end: int = 0  # bytes of the picture; what follows is none of it


class TooLargeError(DataError):
    """A picture file is larger than it may be: in bytes, in pixels or unpacked."""


def kind_of(data: bytes) -> str | None:
    """Return "PNG", "JPEG" or "WEBP" by the first bytes, None for anything else.

    Example:
        >>> kind_of(b"RIFF....WEBPVP8 "), kind_of(b"%PDF-1.7")
        ('WEBP', None)
    """
    if data.startswith(PNG):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    return "WEBP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def claim(name: str, data: bytes) -> Claim:
    """Return what a PNG, JPEG or WebP claims.

    Args:
        name: What to call the file in a message.
        data: The file.

    Raises:
        DataError: It is none of these.
        TooLargeError: It has more parts, or more packed text, than any honest picture.
    """
    kind = kind_of(data)
    if kind is None:
        raise DataError(f"{name} is not a readable PNG, JPEG or WebP; save it again as PNG")
    try:
        return {"PNG": _png, "JPEG": _jpeg, "WEBP": _webp}[kind](name, data)
    except (struct.error, IndexError):
        raise DataError(f"{name} is not a readable {kind}; save it again as PNG") from None


def _png(name: str, data: bytes) -> Claim:
    width, height, frames, room, end = 0, 0, 1, MAX_TEXT, len(PNG)
    for kind, start, length in _chunks(name, data, len(PNG), ">I4s", tail=4):
        end = min(start + length + 4, len(data))
        if kind == b"IHDR" and not width:
            width, height = struct.unpack_from(">II", data, start)
        elif kind == b"acTL":
            frames = max(frames, *struct.unpack_from(">I", data, start))
        elif kind in _TEXTS:
            room -= length + _unpacked(kind, data[start : start + length], room)
            if room < 0:
                raise TooLargeError(
                    f"{name} carries more than {MAX_TEXT // 10**6} MB of text, unpacked; "
                    "save it again without"
                )
        elif kind == b"IEND":
            break
    return Claim("PNG", width, height, frames, end)


def _unpacked(kind: bytes, body: bytes, most: int) -> int:
    """Count the bytes that a chunk unpacks to, and no farther than one more than `most`."""
    rest = body.partition(b"\0")[2]
    if kind == b"tEXt" or (kind == b"iTXt" and rest[:1] != b"\1"):
        return 0  # plain
    rest = rest[1:] if kind != b"iTXt" else rest[2:].split(b"\0", 2)[-1]
    stream, count = zlib.decompressobj(), 0
    with contextlib.suppress(zlib.error):  # a broken text is none; the picture may be well
        while rest and count <= most and not stream.eof:
            count += len(stream.decompress(rest, 65_536))
            rest = stream.unconsumed_tail
    return count


def _webp(name: str, data: bytes) -> Claim:
    width, height, frames = 0, 0, 0
    end = min(8 + struct.unpack_from("<I", data, 4)[0], len(data))
    for kind, start, _ in _chunks(name, data[:end], 12, "<4sI", tail=0):
        if kind == b"ANMF":
            frames += 1
        elif width:
            continue
        elif kind == b"VP8X":
            width = 1 + int.from_bytes(data[start + 4 : start + 7], "little")
            height = 1 + int.from_bytes(data[start + 7 : start + 10], "little")
        elif kind == b"VP8 ":
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, start + 6))
        elif kind == b"VP8L":
            (bits,) = struct.unpack_from("<I", data, start + 1)
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return Claim("WEBP", width, height, max(frames, 1), end)


def _chunks(
    name: str, data: bytes, at: int, head: str, tail: int
) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind, start and length of each chunk, up to where the file breaks off."""
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            return
        first, second = struct.unpack_from(head, data, at)
        kind, length = (first, second) if isinstance(first, bytes) else (second, first)
        yield kind, at + 8, length
        at += 8 + length + (tail or length & 1)
    raise TooLargeError(f"{name} has more than {MAX_CHUNKS} parts; save it again as PNG")


def _jpeg(name: str, data: bytes) -> Claim:
    width, height, scans, at = 0, 0, 0, 0
    for _ in range(MAX_CHUNKS):
        found = _MARKER.search(data, at)
        if found is None or data[found.start() + 1] == _END:
            end = len(data) if found is None else found.end()
            return Claim("JPEG", width, height, 1, end)
        marker, at = data[found.start() + 1], found.end()
        if marker in _ALONE:
            continue
        if marker in _SIZES and not width:
            height, width = struct.unpack_from(">HH", data, at + 3)
        scans += marker == _SCAN
        if scans > MAX_SCANS:
            break
        at += max(2, *struct.unpack_from(">H", data, at))
    raise TooLargeError(f"{name} has more parts than any picture needs; save it again as PNG")
