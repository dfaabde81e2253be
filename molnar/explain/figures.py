"""Arrays in, pictures that fit into a page out: uint8 H W 3 or 4, and PNG in a data: address."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: Of a map, dark to light: nothing to everything. Lightness rises all the way, so that it can be
#: read in grey and by every eye. Over a picture, dark parts hide it and light ones show it through.
RAMP = np.array(
    [(15, 10, 48), (74, 21, 100), (150, 38, 102), (222, 73, 83), (250, 141, 60), (252, 226, 130)],
    np.float32,
)
VEIL = (0.86, 0.52)  # opacity of a map where it is 0, and where it is 1
GRAY = 2.5  # a channel's values from minus to plus this become black to white


def address(image: Bytes) -> str:
    """Give a picture as PNG in a data: address."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def small(image: Bytes, side: int) -> Bytes:
    """Shrink a picture so that its longer side is at most `side` pixels."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    picture = Image.fromarray(np.ascontiguousarray(image))
    # In mode RGBa Pillow weighs by alpha: the colour of clear pixels must not bleed in.
    weighed = picture.convert("RGBa") if picture.mode == "RGBA" else picture
    return np.asarray(weighed.resize(size, Image.Resampling.BOX).convert(picture.mode))


def heat(plane: Floats) -> Bytes:
    """Colour a map H W in [0, 1] to lie over a picture: H W 4.

    Example:
        >>> heat(np.zeros((2, 3), np.float32)).shape
        (2, 3, 4)
    """
    value = np.clip(plane, 0, 1)
    at = value * (len(RAMP) - 1)
    low = np.minimum(at.astype(int), len(RAMP) - 2)
    part = (at - low)[..., None]
    colour = RAMP[low] * (1 - part) + RAMP[low + 1] * part
    alpha = 255 * (VEIL[0] + (VEIL[1] - VEIL[0]) * value)
    return np.round(np.concatenate([colour, alpha[..., None]], axis=-1)).astype(np.uint8)


def channels(latent: Floats, columns: int = 5) -> Bytes:
    """Lay the channels of a latent C h w side by side in grey, row by row: H W 3."""
    count, height, width = latent.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, 3), 255, np.uint8)
    grey = np.clip((latent / GRAY + 1) / 2, 0, 1) * 255
    for k, plane in enumerate(grey):
        top, left = k // columns * (height + 1), k % columns * (width + 1)
        sheet[top : top + height, left : left + width] = np.round(plane)[..., None]
    return sheet


def grid(plane: Floats, side: int = 32) -> str:
    """Shrink a map to `side` rows and columns of bytes, as base64: what a click looks up."""
    image = Image.fromarray(np.asarray(plane, np.float32))
    small_plane = np.asarray(image.resize((side, side), Image.Resampling.BOX))
    return base64.b64encode(np.round(np.clip(small_plane, 0, 1) * 255).astype(np.uint8)).decode()
