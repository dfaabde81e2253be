"""Text hidden in the lowest bits of a picture's pixels, as NovelAI and an A1111 extension do it.

Bit after bit, down the columns: 15 bytes that name the kind, 32 bits with the length of what
follows in bits, and the text, plain or gzipped. In the alpha channel one bit a pixel, in RGB three.

Source: https://github.com/neggles/sd-webui-stealth-pnginfo (layout only).
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_KINDS = {
    b"stealth_pnginfo": ("A", False),
    b"stealth_pngcomp": ("A", True),
    b"stealth_rgbinfo": ("RGB", False),
    b"stealth_rgbcomp": ("RGB", True),
}
_NAME_BYTES = 15
_START_BITS = (_NAME_BYTES + 4) * 8
_MOST_BYTES = 4_000_000  # of text, unpacked


def hidden_text(image: Image.Image) -> str | None:
    """Return the text hidden in a picture, None if there is none.

    Args:
        image: Decoded, in any mode; only RGB and RGBA can hide something.
    """
    if image.mode not in ("RGB", "RGBA"):
        return None
    for channels in ("A", "RGB"):
        if channels == "A" and image.mode == "RGB":
            continue
        start = _bits(image, channels, _START_BITS)
        name, size = start[:_NAME_BYTES], int.from_bytes(start[_NAME_BYTES:], "big")
        place, packed = _KINDS.get(name, ("", False))
        if place == channels:
            body = _bits(image, channels, _START_BITS + min(size, 8 * _MOST_BYTES))
            return _unpacked(body[_NAME_BYTES + 4 :], packed)
    return None


def _bits(image: Image.Image, channels: str, count: int) -> bytes:
    """Return the first `count` hidden bits, as bytes."""
    each = len(channels)
    columns = min(-(-count // (image.height * each)), image.width)
    pixels: NDArray[np.uint8] = np.asarray(image.crop((0, 0, columns, image.height)))
    planes = pixels[..., 3:] if channels == "A" else pixels[..., :3]
    low = planes.transpose(1, 0, 2).reshape(-1)[:count] & 1
    return np.packbits(low).tobytes()


def _unpacked(body: bytes, packed: bool) -> str | None:
    if packed:
        try:
            body = zlib.decompressobj(wbits=31).decompress(body, _MOST_BYTES)
        except zlib.error:
            return None
    return body.decode("utf-8", "replace")
