"""Pictures as the world has them (uint8) <-> as models have them (float, premultiplied).

Outside: uint8 H W C, red green blue alpha, straight. Inside: float32 B 4 H W in [-1, 1], where
colour has been multiplied by alpha, so that what is transparent has no colour to get wrong.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from molnar.base.errors import DataError, one_line
from molnar.base.screening import TooLargeError, claim

MAX_FILE_BYTES = 20_000_000
MAX_PIXELS = 16_000_000
FORMATS = ("PNG", "JPEG", "WEBP")

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def premultiply(image: Bytes) -> Bytes:
    """Multiply colour by alpha: uint8 [..., 4] straight -> uint8 [..., 4] premultiplied."""
    wide = image.astype(np.uint16)
    colour = (wide[..., :3] * wide[..., 3:] + 127) // 255
    return np.concatenate([colour.astype(np.uint8), image[..., 3:]], axis=-1)


def unpremultiply(image: Bytes) -> Bytes:
    """Divide colour by alpha: uint8 [..., 4] premultiplied -> uint8 [..., 4] straight.

    Where alpha is 0 there is no colour to recover and the result is black, transparent.
    """
    wide = image.astype(np.uint32)
    alpha = np.maximum(wide[..., 3:], 1)
    colour = np.minimum((wide[..., :3] * 255 + alpha // 2) // alpha, 255)
    colour[wide[..., 3] == 0] = 0
    return np.concatenate([colour.astype(np.uint8), image[..., 3:]], axis=-1)


def to_model(images: Bytes) -> NDArray[np.float32]:
    """Turn uint8 B H W 4, premultiplied, into float32 B 4 H W in [-1, 1]."""
    scaled = images.astype(np.float32) * np.float32(2 / 255) - np.float32(1)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def from_model(images: NDArray[Any]) -> Bytes:
    """Turn float B 4 H W in [-1, 1], premultiplied, into uint8 B H W 4 with straight alpha.

    Values outside the range are clipped, and colour is never brighter than its alpha allows.
    """
    unit = np.clip(np.asarray(images, np.float32) * 0.5 + 0.5, 0, 1).transpose(0, 2, 3, 1)
    # Alpha is rounded first: colour must be divided by the alpha that is stored.
    alpha = np.round(unit[..., 3:] * 255)
    straight = np.minimum(unit[..., :3] * 255 / np.maximum(alpha, 1), 1)
    colour = np.where(alpha > 0, np.round(straight * 255), 0)
    both: Bytes = np.concatenate([colour, alpha], axis=-1).astype(np.uint8)
    return both


def contact_sheet(
    images: Sequence[Bytes | Image.Image],
    captions: Sequence[str] = (),
    columns: int = 4,
    cell: int = 128,
) -> Image.Image:
    """Lay pictures out in rows, each with its caption below; transparency shows as white.

    Args:
        images: uint8 H W 3 or 4 (straight alpha), or Pillow images.
        captions: One per picture; may be shorter or empty.
        columns: Pictures in a row.
        cell: Side of a cell in pixels; pictures are fitted into it.
    """
    columns = max(1, min(columns, len(images) or 1))
    line = 14 if any(captions) else 0
    rows = max(1, -(-len(images) // columns))
    sheet = Image.new("RGB", (columns * cell, rows * (cell + line)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(10)
    for k, image in enumerate(images):
        left, top = k % columns * cell, k // columns * (cell + line)
        fitted = _fitted(image, cell)
        place = (left + (cell - fitted.width) // 2, top + (cell - fitted.height) // 2)
        sheet.paste(fitted, place, fitted)
        if k < len(captions):
            text = _shortened(one_line(captions[k]), cell - 4, font)
            draw.text((left + 2, top + cell), text, fill="black", font=font)
    return sheet


def open_picture(source: str | os.PathLike[str] | bytes) -> Image.Image:
    """Open a PNG, JPEG or WebP that someone else made, upright, as RGB or RGBA.

    The header decides, before anything is decoded: at most 20 MB and 16 megapixels.

    Raises:
        DataError: If the file is missing, too large, of another kind, animated, or broken.
    """
    name, data = read_file(source)
    return upright(name, still(name, checked(name, data)))


def still(name: str, image: Image.Image) -> Image.Image:
    """Return a picture just opened, if it does not move.

    Raises:
        DataError: It does.
    """
    # A phone's JPEG may hold more pictures (MPO), e.g. one for brighter screens: the first counts.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise DataError(f"{name} moves; expected a still picture: save one frame of it as PNG")
    return image


def upright(name: str, image: Image.Image) -> Image.Image:
    """Decode a picture just opened, turned as its EXIF says, to RGB or RGBA.

    Raises:
        DataError: If it is broken.
    """
    try:
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode.startswith("I"):
            image = _eight_bits(image)
        transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
        mode = "RGBA" if transparent else "RGB"
        image.load()
        return image if image.mode == mode else image.convert(mode)
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise anything on broken data
        raise _broken(name, error) from None


def _eight_bits(image: Image.Image) -> Image.Image:
    """Bring grey of 16 bits, which Pillow would cut off at 255, to 8; one value may be clear."""
    values = np.asarray(image)
    grey = Image.fromarray((values >> 8).astype(np.uint8))
    clear = image.info.get("transparency")
    if clear is not None:
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return grey


def read_file(source: str | os.PathLike[str] | bytes) -> tuple[str, bytes]:
    """Return a name for messages and the bytes of a file of at most 20 MB.

    Raises:
        DataError: If the file cannot be read or is too large.
    """
    if isinstance(source, bytes):
        name, size, data = "the picture", len(source), source
    else:
        path = Path(source)
        name = one_line(path)
        try:
            size = path.stat().st_size
            data = path.read_bytes() if size <= MAX_FILE_BYTES else b""
        except OSError as error:
            raise DataError(f"{name} cannot be read: {one_line(error.strerror)}") from None
    if size > MAX_FILE_BYTES:
        raise TooLargeError(
            f"{name} has {size / 1e6:.1f} MB; expected at most {MAX_FILE_BYTES // 10**6} MB: "
            "make it smaller"
        )
    return name, data


def checked(name: str, data: bytes) -> Image.Image:
    """Return the picture in `data`, its header checked and its pixels not yet decoded.

    Raises:
        DataError: If it is not a PNG, JPEG or WebP of at most 16 megapixels.
    """
    claimed = claim(name, data)
    _check_size(name, claimed.width, claimed.height)
    try:
        with warnings.catch_warnings():
            # Pillow's own size warning comes later and lower than our refusal.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception as error:  # noqa: BLE001 - Pillow's parsers raise anything on broken data
        raise _broken(name, error) from None
    _check_size(name, image.width, image.height)
    return image


def _check_size(name: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise TooLargeError(
            f"{name} is {width} x {height} pixels; expected at most "
            f"{MAX_PIXELS // 10**6} megapixels: make it smaller"
        )


def _broken(name: str, error: Exception) -> DataError:
    kind = type(error).__name__
    return DataError(f"{name} is not a readable PNG, JPEG or WebP ({kind}); save it again as PNG")


def _fitted(image: Bytes | Image.Image, cell: int) -> Image.Image:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture = picture.convert("RGBA")
    scale = cell / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BOX)


def _shortened(text: str, width: int, font: Any) -> str:
    while text and font.getlength(text) > width:
        text = text[:-1]
    return text


def fit(image: Floats, height: int, width: int) -> Floats:
    """Resize a picture so that it covers a size, and cut off what stands over, evenly.

    Args:
        image: 1 4 H W, premultiplied, in [-1, 1].
        height: Pixels.
        width: Pixels.
    """
    _, _, have_height, have_width = image.shape
    if (have_height, have_width) == (height, width):
        return image
    scale = min(have_height / height, have_width / width)  # pixels had per pixel wanted
    over_x, over_y = have_width - width * scale, have_height - height * scale
    box = (over_x / 2, over_y / 2, have_width - over_x / 2, have_height - over_y / 2)
    # Whole factors are plain means of the pixels inside; anything else needs a wider filter.
    how = Image.Resampling.BOX if scale >= 1 and scale == round(scale) else Image.Resampling.LANCZOS
    return _resized(image, (width, height), how, box)


def resized(image: Floats, height: int, width: int) -> Floats:
    """Resize a picture 1 C H W in [-1, 1] to a size, whatever its shape: nothing is cut off."""
    smaller = height <= image.shape[2] and width <= image.shape[3]
    how = Image.Resampling.BOX if smaller else Image.Resampling.LANCZOS
    return _resized(image, (width, height), how)


def squeeze(image: Floats, side: int) -> Floats:
    """Resize a picture to a square, whatever its shape: nothing of it is cut off.

    Args:
        image: 1 4 H W, premultiplied, in [-1, 1].
        side: Pixels.
    """
    return _resized(image, (side, side), Image.Resampling.BOX)


def _resized(
    image: Floats,
    size: tuple[int, int],
    how: Image.Resampling,
    box: tuple[float, float, float, float] | None = None,
) -> Floats:
    planes = [np.asarray(Image.fromarray(plane).resize(size, how, box)) for plane in image[0]]
    resized: Floats = np.clip(np.stack(planes)[None], -1, 1)
    return resized


def on_paper(image: Bytes) -> Bytes:
    """Lay a picture uint8 H W 3 or 4, straight alpha, on white: uint8 H W 3."""
    if image.shape[-1] == 3:
        return image
    alpha = image[..., 3:].astype(np.float32) / 255
    laid: Bytes = np.round(image[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return laid


def on_white(image: Floats) -> Floats:
    """Lay a premultiplied picture 1 4 H W in [-1, 1] on white; the result is opaque."""
    colour, alpha = image[:, :3], image[:, 3:]
    # In [0, 1]: colour + (1 - alpha); in [-1, 1] the ones work out as below.
    return np.concatenate([colour + 1 - alpha, np.ones_like(alpha)], axis=1)
