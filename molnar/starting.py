"""A picture and a mask in, what drawing starts from out: a latent, and what of it must stay.

The frame is the picture that is asked for, with the old one in it: fitted to it, or at its place
with room around it. Inside the model everything happens at its own size; what must stay is laid
back into the finished frame pixel by pixel, so that outside the mask nothing changes at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from molnar.base.errors import RequestError
from molnar.base.images import (
    fit,
    from_model,
    on_paper,
    open_picture,
    premultiply,
    resized,
    to_model,
)
from molnar.base.request import Request, pixels_sha256
from molnar.canvas import Canvas

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
REMEMBERED = 16  # pictures that requests named, at most 64 MB each
Library = Callable[[str], Bytes]
"""The name of a picture, as a request has it -> its pixels, uint8 H W 3 or 4."""

SCHEME = "sha256:"
OPAQUE = 255
CORNER = 1.5  # a blur of radius r reaches r sqrt(2) into a corner: less than this times r
SEEN = 0.005  # share of a cell that must be new for the cell to be drawn anew


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a picture is drawn from, and over."""

    latent: Floats  # 1 C h w, of the frame at the model's own size
    fresh: Floats | None  # 1 1 h w: 1 where a cell is drawn anew, 0 where it stays; None = all
    frame: Bytes  # H W 4, straight alpha: the old picture at its place
    blend: Floats | None  # H W in [0, 1]: share of the new picture in each pixel; None = all new


def name_of(pixels: Bytes) -> str:
    """Name a picture by what it shows."""
    return SCHEME + pixels_sha256(pixels)


def remembered(name: str, seen: dict[str, Bytes], library: Library) -> str:
    """Read a picture that a request names, unless it was read before; give its hash.

    Args:
        name: As the request has it; empty stays empty.
        seen: Pictures by their hash, the latest last; the oldest of more than 16 is forgotten.
        library: Finds a picture by its name.
    """
    if not name:
        return name
    if name in seen:
        seen[name] = seen.pop(name)  # the latest is forgotten last
        return name
    pixels = library(name)
    while len(seen) >= REMEMBERED:
        seen.pop(next(iter(seen)))
    seen[name_of(pixels)] = pixels
    return name_of(pixels)


def from_files(name: str) -> Bytes:
    """Read a picture from a file: the library of Python and the command line.

    Raises:
        DataError: it cannot be read.
        RequestError: it is a hash, and files have names.
    """
    if name.startswith(SCHEME):
        raise RequestError(
            f"no picture {name[:19]}... is at hand; expected one that was drawn or used here: "
            "give the file"
        )
    return np.asarray(open_picture(name))


def begin(
    request: Request,
    inputs: Mapping[str, Bytes],
    shape: Canvas,
    encode: Callable[[Floats], Any],
) -> Start | None:
    """Prepare what a request starts from; None if it starts from noise alone.

    Args:
        request: Resolved.
        inputs: The pictures it names.
        shape: What the model draws for it.
        encode: Image float32 1 4 H W in [-1, 1], premultiplied -> latent.
    """
    if not request.image:
        return None
    frame = framed(rgba(inputs[request.image]), request)
    blend = None
    as_it_is = request.strength == 0 and inputs[request.image].shape[:2] == inner(request)[2:]
    if request.mask or any(request.outpaint) or as_it_is:
        mask = inputs[request.mask] if request.mask else None
        blend = share(mask, request)
    latent = np.asarray(encode(within(as_seen(frame), shape)))
    fresh = None
    if blend is not None:
        rows, columns = latent.shape[2:]
        fresh = _cells(within(blend[None, None], shape), (rows, columns))
    return Start(latent=latent, fresh=fresh, frame=frame, blend=blend)


def as_seen(pixels: Bytes) -> Floats:
    """Turn a picture uint8 H W 3 or 4 into what models take: float32 1 4 H W, premultiplied."""
    return to_model(premultiply(rgba(pixels))[None])


def rgba(pixels: Bytes) -> Bytes:
    """Give a picture an alpha channel, if it has none."""
    if pixels.shape[-1] == 4:
        return pixels
    return np.concatenate([pixels, np.full_like(pixels[..., :1], OPAQUE)], axis=-1)


def transparent(pixels: Bytes) -> bool:
    """Tell whether anything can be seen through a picture."""
    return pixels.shape[-1] == 4 and bool((pixels[..., 3] < OPAQUE).any())


def check_mask(mask: Bytes, picture: Bytes) -> None:
    """Check that a mask has the size of its picture.

    Raises:
        RequestError: It has another one.
    """
    check_same_size(mask.shape, picture.shape)


def check_same_size(mask: tuple[int, ...], picture: tuple[int, ...]) -> None:
    """As `check_mask`, of shapes alone: each begins with a height and a width."""
    (rows, columns), (height, width) = mask[:2], picture[:2]
    if (rows, columns) != (height, width):
        raise RequestError(
            f"the mask is {columns} x {rows} pixels and the picture {width} x {height}; "
            "expected the same size: draw the mask over the picture"
        )


def inner(request: Request) -> tuple[int, int, int, int]:
    """Give the place of the old picture in the frame: top, left, height, width.

    Raises:
        RequestError: what is added leaves no room for it.
    """
    left, top, right, bottom = request.outpaint
    height, width = request.height - top - bottom, request.width - left - right
    if height < 1 or width < 1:
        raise RequestError(
            f"outpaint adds {left + right} x {top + bottom} pixels and the size is "
            f"{request.width} x {request.height}; expected a size that counts them too"
        )
    return top, left, height, width


def framed(pixels: Bytes, request: Request) -> Bytes:
    """Lay a picture H W 4 at its place in the frame; its edges are drawn out into what is new.

    A picture of the size of its place keeps every pixel.
    """
    top, left, height, width = inner(request)
    if pixels.shape[:2] != (height, width):
        pixels = from_model(fit(as_seen(pixels), height, width))[0]
    below, right = request.height - top - height, request.width - left - width
    return np.pad(pixels, ((top, below), (left, right), (0, 0)), mode="edge")


def share(mask: Bytes | None, request: Request) -> Floats:
    """Say how much of each pixel of the frame is drawn anew: H W in [0, 1].

    Around the mask new pixels fade into old ones; what is added around the old picture fades into
    its drawn-out edge, so that there every old pixel stays.

    Args:
        mask: Of the old picture, of its size, white = anew where it is opaque; None = none of it.
        request: Says what is added, and how far pixels fade.
    """
    top, left, height, width = inner(request)
    old = np.zeros((request.height, request.width), np.float32)
    old[top : top + height, left : left + width] = 1
    new = 1 - feathered(old, request.feather)
    if mask is None:
        return new
    seen = rgba(mask).astype(np.float32)
    light = seen[..., :3].mean(axis=-1) * seen[..., 3] / OPAQUE
    plane = (light * (2 / OPAQUE) - 1)[None, None]
    inside = np.zeros_like(old)
    inside[top : top + height, left : left + width] = fit(plane, height, width)[0, 0] > 0
    return np.asarray(np.maximum(new, feathered(inside, request.feather)), np.float32)


def feathered(new: Floats, reach: int) -> Floats:
    """Let new pixels fade into old ones, outside the mask and never farther than `reach` from it.

    Args:
        new: H W, 1 or 0.
        reach: Pixels.
    """
    radius = int(reach / CORNER)
    if radius < 1:
        return new
    image = Image.fromarray((new * OPAQUE).astype(np.uint8))
    blurred = np.asarray(image.filter(ImageFilter.BoxBlur(radius)), np.float32) / OPAQUE
    # A straight edge is blurred to one half where it was: all new inside, nothing at the reach.
    return np.asarray(np.maximum(new, np.minimum(2 * blurred, 1)), np.float32)


def within(image: Floats, shape: Canvas) -> Floats:
    """Bring a frame 1 C H W to the size the model draws, which may stand over it on two sides.

    The exact reverse of how the drawing is cut to the frame; what stands over repeats the edge.
    """
    height, width = image.shape[2:]
    scale = min(shape.height / height, shape.width / width)
    high, wide = min(round(height * scale), shape.height), min(round(width * scale), shape.width)
    small = resized(image, high, wide)
    top, left = (shape.height - high) // 2, (shape.width - wide) // 2
    over = ((0, 0), (0, 0), (top, shape.height - high - top), (left, shape.width - wide - left))
    return np.pad(small, over, mode="edge")


def laid_back(pixels: Bytes, start: Start) -> Bytes:
    """Put back what must stay: H W 3 or 4 drawn, and the old pixels exactly where none are new."""
    if start.blend is None:
        return pixels
    old = start.frame if pixels.shape[-1] == 4 else on_paper(start.frame)
    part = start.blend[..., None]
    if pixels.shape[-1] == 4:
        mixed = _mixed(pixels, old, part)
    else:
        mixed = np.round(part * pixels + (1 - part) * old).astype(np.uint8)
    kept: Bytes = np.where(part == 0, old, mixed)
    return kept


def _mixed(new: Bytes, old: Bytes, part: Floats) -> Bytes:
    """Mix with alpha: colours count as much as they are opaque."""
    a, b = (as_seen(picture) for picture in (new, old))
    weight = part.transpose(2, 0, 1)[None]
    both: Bytes = from_model(weight * a + (1 - weight) * b)[0]
    return both


def _cells(new: Floats, cells: tuple[int, int]) -> Floats:
    """Say of each cell whether it is drawn anew: 1 1 H W -> 1 1 h w, 1 or 0."""
    rows, columns = cells
    height, width = new.shape[2:]
    blocks = new.reshape(1, 1, rows, height // rows, columns, width // columns)
    anew: Floats = (blocks.mean(axis=(3, 5)) > SEEN).astype(np.float32)
    return anew
