"""Pictures that a client sends in, names of the history out: files, data: URLs, our own addresses.

Nothing is fetched: an address is taken only where it is one that this server gave out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from molnar.app.references import is_reference
from molnar.app.server.openai.errors import RefusedError
from molnar.app.server.openai.sizes import LEAST, MOST
from molnar.app.server.uploads import from_base64, read_picture

if TYPE_CHECKING:
    from molnar.app.server.hub import Hub

Pixels = NDArray[np.uint8]
_OWN = re.compile(r"/files/([A-Za-z0-9.]{2,40}?)\.(?:png|jpe?g|webp)")
CLEAR = 128  # alpha below which a mask says "here"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A picture that came with a call: its pixels, or which one of the history it is."""

    name: str  # of the field, for messages
    pixels: Pixels | None = None  # H W 3, or H W 4 with straight alpha
    prompt: str = ""  # what its file says it shows
    reference: str = ""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A picture that orders can name."""

    picture: str
    width: int
    height: int
    prompt: str = ""


async def of_file(name: str, data: bytes) -> Sent:
    """Read an uploaded file.

    Raises:
        UploadError: It is no picture that is taken.
    """
    found = await read_picture(data, name)
    return Sent(name=name, pixels=found.pixels, prompt=found.prompt)


async def of_value(name: str, value: Any, host: str) -> Sent:
    """Read a picture of a JSON body: {"image_url": ...}, {"file_id": ...} or the text itself.

    Args:
        name: Of the field, for messages.
        value: As it came.
        host: Under which the client knows this server, e.g. "127.0.0.1:8000".

    Raises:
        RefusedError: There is none.
        UploadError: It is none that is taken, or would have to be fetched.
    """
    if isinstance(value, Mapping):
        value = value.get("image_url") or value.get("file_id") or value.get("url")
    if isinstance(value, Mapping):  # {"image_url": {"url": ...}}, as chats have it
        value = value.get("url")
    if not isinstance(value, str) or not value:
        raise RefusedError(
            f"{name} has no picture; expected image_url: data:image/png;base64,...", name
        )
    own = reference_of(value, host)
    if own is not None:
        return Sent(name=name, reference=own)
    return await of_file(name, from_base64(value, name))


def reference_of(text: str, host: str) -> str | None:
    """Give the reference of a picture that this server has told a client of; None if it has not.

    Example:
        >>> reference_of("http://localhost:8000/files/k7.2.png", "localhost:8000")
        'k7.2'
        >>> reference_of("http://elsewhere/files/k7.2.png", "localhost:8000")
    """
    if is_reference(text):
        return text
    try:
        address = urlsplit(text)
    except ValueError:
        return None
    found = _OWN.fullmatch(address.path)
    ours = address.scheme in ("http", "https") and address.netloc == host
    return found[1] if ours and found and is_reference(found[1]) else None


async def keep(hub: Hub, sent: Sent) -> Kept:
    """Put a picture into the history, where it is not there; too large or small, resized.

    Raises:
        RefusedError: There is no such picture.
    """
    if sent.reference:
        known = await hub.store(lambda store: store.picture(sent.reference))
        return Kept(
            picture=known.reference, width=known.width, height=known.height, prompt=known.prompt
        )
    assert sent.pixels is not None
    pixels = fitted(sent.pixels)
    name = await hub.store(lambda store: store.put_input(pixels))
    height, width = pixels.shape[:2]
    return Kept(picture=f"sha256:{name}", width=width, height=height, prompt=sent.prompt)


def fitted(pixels: Pixels) -> Pixels:
    """Resize a picture that is larger or smaller than what can be drawn on.

    Example:
        >>> fitted(np.zeros((3000, 4000, 3), np.uint8)).shape
        (1536, 2048, 3)
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, MOST / max(height, width))
    if min(height, width) * scale < LEAST:
        scale = min(LEAST / min(height, width), MOST / max(height, width))
    if scale == 1:
        return pixels
    from PIL import Image

    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(resized)


def clear_somewhere(sent: Sent) -> bool:
    """Tell whether a picture is its own mask: there is a place to fill in it."""
    if sent.pixels is None or sent.pixels.shape[-1] != 4:
        return False
    return bool((sent.pixels[..., 3] < CLEAR).any())


def masked(picture: Sent, kept: Kept, mask: Sent) -> Pixels:
    """Turn OpenAI's mask, clear where the picture may change, into ours, white there.

    Args:
        picture: What the mask is for.
        kept: The same, as it is in the history.
        mask: Of the picture's size, with alpha.

    Returns:
        uint8 H W 3, of the size of what is kept.

    Raises:
        RefusedError: It has no alpha, is clear nowhere, or is of another size.
    """
    if mask.pixels is None:
        raise RefusedError(
            "the mask is a picture of the history; expected a file or data: URL", "mask"
        )
    if mask.pixels.shape[-1] != 4:
        raise RefusedError(
            "the mask has no transparency; expected a PNG whose alpha is 0 where the picture is "
            "to change",
            "mask",
        )
    (high, wide), (height, width) = mask.pixels.shape[:2], (kept.height, kept.width)
    if picture.pixels is not None:
        height, width = picture.pixels.shape[:2]
    if (high, wide) != (height, width):
        raise RefusedError(
            f"the mask is {wide} x {high} and the picture {width} x {height}; expected the same "
            "size",
            "mask",
        )
    here = mask.pixels[..., 3] < CLEAR
    if not clear_somewhere(mask):
        raise RefusedError(
            "the mask is clear nowhere; expected alpha 0 where the picture is to change", "mask"
        )
    white = np.repeat(np.where(here, 255, 0).astype(np.uint8)[..., None], 3, axis=-1)
    fit = fitted(white)
    return np.where(fit > 127, 255, 0).astype(np.uint8)


def one(sent: Sequence[Sent]) -> Sent:
    """Take the picture that a call is about.

    Raises:
        RefusedError: There is none, or there are more: the model starts from one.
    """
    if not sent:
        raise RefusedError("image is missing; expected the picture to start from", "image")
    if len(sent) > 1:
        raise RefusedError(
            f"got {len(sent)} images; expected one: this model starts from one picture", "image"
        )
    return sent[0]
