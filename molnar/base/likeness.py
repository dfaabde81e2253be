"""Pictures -> vectors whose nearness says how alike they look, without a network.

A fixed descriptor of one object: colour at three scales, silhouette, gradient directions; read at
several small shifts and sizes, so that an object moved by a pixel stays itself. The judge of the
evaluation and the list of sources of a picture both use it.

Source: Dalal and Triggs 2005, "Histograms of oriented gradients for human detection", section 6,
for the gradient part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.base.cielab import delta_e, lab

Pixels = NDArray[np.uint8]
Vectors = NDArray[np.float32]

VERSION = 1  # of the descriptor: vectors of two versions cannot be compared
#: Ratio of the distances to the two nearest drawings below which a picture counts as a copy.
#: The rule of arXiv 2505.16959.
COPY = 1 / 3
_SIDE = 32  # of a normalised crop
_APART = 12.0  # CIELAB distance from the ground's colour beyond which a pixel is not ground
_EVEN = 0.9  # share of the rim that has one colour where the ground is even
_SHIFTS = (  # (across, down) in half sides of the object, and size
    (0.0, 0.0, 1.0), (0.06, 0.0, 1.0), (-0.06, 0.0, 1.0), (0.0, 0.06, 1.0), (0.0, -0.06, 1.0),
    (0.0, 0.0, 0.92), (0.0, 0.0, 1.08),
)  # fmt: skip


def looks(image: Pixels) -> list[Pixels]:
    """Cut the object out of a picture, at several small shifts and sizes: uint8 32 32 3 each.

    Args:
        image: uint8 H W 3, or H W 4 with straight alpha, which is laid on white.
    """
    flat = on_white(image)
    left, top, right, bottom = object_box(image)
    half = max(right - left, bottom - top, 2) / 2 * 1.06
    x, y = (left + right) / 2, (top + bottom) / 2
    picture = Image.fromarray(flat)
    cut = []
    for dx, dy, scale in _SHIFTS:
        reach = half * scale
        cx, cy = x + dx * half, y + dy * half
        cut.append(_crop(picture, (cx - reach, cy - reach, 2 * reach)))
    return cut


def object_box(image: Pixels) -> tuple[int, int, int, int]:
    """Find what is not background (left, top, right, bottom) in uint8 H W 3|4.

    By alpha if there is any, else by distance from the rim's colour.
    """
    if image.shape[2] == 4 and int(image[..., 3].min()) < 128:
        inside = image[..., 3] >= 128
    else:
        colours = lab(on_white(image))
        inside = _opened(delta_e(colours, np.median(_rim(colours), axis=0)) > _APART)
    rows, columns = np.nonzero(inside)
    if not len(rows):
        return 0, 0, image.shape[1], image.shape[0]
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def on_white_ground(image: Pixels) -> Pixels | None:
    """Paint the even ground of a picture white, as that of the drawings is.

    Args:
        image: uint8 H W 3, or H W 4 with straight alpha.

    Returns:
        uint8 H W 3; None if the ground is transparent, uneven or white already.
    """
    if image.shape[2] == 4 and int(image[..., 3].min()) < 128:
        return None
    flat = on_white(image)
    colours = lab(flat)
    rim = _rim(colours)
    ground = np.median(rim, axis=0)
    if delta_e(ground, lab(np.full(3, 255))) <= _APART:
        return None
    if (delta_e(rim, ground) <= _APART).mean() < _EVEN:
        return None
    painted = flat.copy()
    painted[delta_e(colours, ground) <= _APART] = 255
    return painted


def describe_by_rule(images: Sequence[Pixels]) -> Vectors:
    """Describe pictures by colour, silhouette and gradients: unit vectors float32 N D.

    A picture of 32 x 32 is taken as an object already cut out (``looks``); any other is cut out
    first.
    """
    return np.stack([_vector(image) for image in images])


def copy_ratio(first: float, second: float) -> float:
    """Compare the distances to the two nearest drawings, nearest first; 1 where both are 0."""
    return first / second if second > 0 else 1.0


def _vector(image: Pixels) -> Vectors:
    crop = image if image.shape == (_SIDE, _SIDE, 3) else looks(image)[0]
    colours = lab(crop).astype(np.float32)
    ground = np.median(np.concatenate([colours[0], colours[-1]]), axis=0)
    shape = np.clip(delta_e(colours, ground) / 30, 0, 1)
    parts = [
        _pooled(colours - np.float32(60) * np.array([1, 0, 0], np.float32), size)
        for size in (16, 8, 4)
    ]
    parts += [_pooled(shape[..., None] - 0.5, 16), _gradients(colours[..., 0])]
    weights = (0.7, 0.8, 0.6, 0.7, 1.0)
    joined = np.concatenate(
        [
            weight * part / (np.linalg.norm(part) + 1e-6)
            for weight, part in zip(weights, parts, strict=True)
        ]
    )
    return np.asarray(joined / (np.linalg.norm(joined) + 1e-6), np.float32)


def _pooled(values: NDArray[Any], size: int) -> Vectors:
    cell = _SIDE // size
    blocks = values.reshape(size, cell, size, cell, -1)
    return np.asarray(blocks.mean((1, 3)).ravel(), np.float32)


def _gradients(light: Vectors, cells: int = 8, bins: int = 6) -> Vectors:
    """Sum gradient strength by cell and direction (half circle): cells * cells * bins values."""
    down, across = np.gradient(light)
    strength = np.hypot(down, across)
    angle = (np.arctan2(down, across) % np.pi) / np.pi * bins
    table = np.zeros((cells, cells, bins), np.float32)
    rows, columns = np.indices(light.shape) * cells // _SIDE
    np.add.at(table, (rows, columns, np.minimum(angle.astype(int), bins - 1)), strength)
    return np.asarray(np.sqrt(table).ravel(), np.float32)


def _crop(picture: Image.Image, square: tuple[float, float, float]) -> Pixels:
    """Read a square (left, top, side) at 32 x 32; outside is the corner's colour."""
    left, top, side = square
    frame = round(side)
    canvas = Image.new("RGB", (frame, frame), picture.getpixel((0, 0)))
    canvas.paste(picture, (-round(left), -round(top)))
    return np.asarray(canvas.resize((_SIDE, _SIDE), Image.Resampling.BOX), np.uint8)


def _rim(colours: NDArray[Any]) -> NDArray[Any]:
    """Give the uppermost and lowest two rows of H W 3 as N 3."""
    return np.concatenate([colours[:2].reshape(-1, 3), colours[-2:].reshape(-1, 3)])


def on_white(image: Pixels) -> Pixels:
    """Composite uint8 ``H W 4`` (straight alpha) on white; three channels pass through."""
    if image.shape[2] == 3:
        return image
    alpha = image[..., 3:].astype(np.float32) / 255
    return (image[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)


def _opened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop specks: keep the crosses of five pixels that fit inside a bool H W mask."""
    kept: NDArray[np.bool_] = np.logical_and.reduce(_cross(mask))
    filled: NDArray[np.bool_] = np.logical_or.reduce(_cross(kept))
    return filled


def _cross(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Give a mask and its four neighbours; outside is False."""
    wide = np.pad(mask, 1)
    return [mask, wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]]
