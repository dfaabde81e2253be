"""Spec -> premultiplied pixels and one mask per thing, at any size, on the CPU.

Shapes are distances evaluated in their own box, so edges are exact at every size. Stickers are
resized from the cached sprite, or drawn anew when the picture asks for more pixels than it has.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.base.errors import DataError
from molnar.lab.data import looks, places, wearing
from molnar.lab.data.places import Place
from molnar.lab.data.shapes import MARKS, SHAPES
from molnar.lab.data.spec import Background, Rendered, Spec, Thing
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.tinting import main_of, tinted

Layer = tuple[int, int, NDArray[Any], NDArray[Any]]  # left, top, colour float H W 3, alpha H W


def render(
    spec: Spec,
    size: int,
    stickers: Stickers | None = None,
    shape: tuple[int, int] | None = None,
) -> Rendered:
    """Draw a spec.

    Args:
        spec: what to draw.
        size: shorter side of the picture in pixels, 8 or more.
        stickers: where drawings come from; needed if the spec holds a sticker.
        shape: height and width in pixels of a spec that is `framed`; None = a square.

    Raises:
        DataError: a drawing is missing, or cannot wear what it should.
    """
    height, width = shape or (size, size)
    canvas = background(spec.background, height, width, spec.place)
    masks = np.zeros((len(spec.things), height, width), dtype=np.uint8)
    for index, thing in enumerate(spec.things):
        _lay(canvas, masks, index, _layer(thing, size, stickers))
        for worn in _worn(thing, stickers):
            _lay(canvas, masks, index, wearing.layer(worn, size))
    if spec.place is not None and spec.place.weather is not None:
        veil = places.overlay(spec.place, height=height, width=width)
        canvas = canvas * (1.0 - veil[..., 3:] / 255.0) + veil
    image = (canvas + 0.5).astype(np.uint8)
    return Rendered(image if spec.look is None else looks.apply(spec.look, image), masks)


def _lay(canvas: NDArray[Any], masks: NDArray[Any], index: int, layer: Layer) -> None:
    """Lay a layer of thing `index` over what is there; it belongs to that thing's mask."""
    _, _, colour, alpha = layer
    rows, columns, part = inside(layer, canvas.shape[0], canvas.shape[1])
    cover = alpha[part]
    if not cover.size:
        return
    here = canvas[rows, columns]
    here *= (1.0 - cover)[..., None]
    here[..., :3] += colour[part]
    here[..., 3] += cover * 255.0
    coverage = (cover * 255.0 + 0.5).astype(np.uint8)
    if index:  # what is drawn later hides what was there
        behind = masks[:index, rows, columns]
        if behind.any():
            behind[...] = (behind * (1.0 - cover) + 0.5).astype(np.uint8)
    own = masks[index, rows, columns]
    own[...] = np.maximum(own, coverage)


def inside(layer: Layer, height: int, width: int) -> tuple[slice, slice, tuple[slice, slice]]:
    """Tell which rows and columns of a picture a layer covers, and with which part of itself."""
    left, top, _, alpha = layer
    y0, x0 = max(top, 0), max(left, 0)
    y1 = max(min(top + alpha.shape[0], height), y0)
    x1 = max(min(left + alpha.shape[1], width), x0)
    part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    return slice(y0, y1), slice(x0, x1), part


def _worn(thing: Thing, stickers: Stickers | None) -> list[wearing.Worn]:
    if not thing.accessories or stickers is None or thing.style is None:
        return []
    aspect = stickers.sprite(thing.name, thing.style).aspect
    return [wearing.placed(thing, accessory, aspect) for accessory in thing.accessories]


def background(
    ground: Background, height: int, width: int, place: Place | None = None
) -> NDArray[Any]:
    """Give the empty canvas: float32 H W 4, premultiplied, 0..255."""
    if place is not None:
        return places.paint(place, height=height, width=width)
    canvas = np.zeros((height, width, 4), dtype=np.float32)
    if not ground.transparent:
        canvas[...] = (*ground.rgb, 255)
    return canvas


def _layer(thing: Thing, size: int, stickers: Stickers | None) -> Layer:
    if thing.kind != "sticker":
        return _drawn(thing, size)
    if stickers is None or thing.style is None:
        raise DataError(f"the spec holds the sticker {thing.name!r}; give stickers to draw it")
    return _pasted(thing, size, stickers)


@lru_cache(maxsize=64)
def _grid(size: int) -> tuple[NDArray[Any], NDArray[Any]]:
    centres = np.arange(size, dtype=np.float32) + 0.5
    return centres[None, :], centres[:, None]


def distance(thing: Thing, x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Give the signed distance to a shape or mark, in units of half its size.

    `x` and `y` are relative to its centre, in the same unit, and broadcast together.
    """
    if thing.kind == "shape":
        return SHAPES[thing.name](x, y)  # type: ignore[no-any-return]
    turn = math.radians(thing.angle)
    along, across = math.cos(turn) * x + math.sin(turn) * y, math.cos(turn) * y - math.sin(turn) * x
    return MARKS[thing.name](along, across, thing.thickness)  # type: ignore[no-any-return]


def _drawn(thing: Thing, size: int) -> Layer:
    half = thing.size * size / 2.0
    reach = half * (math.sqrt(2.0) if thing.kind == "mark" else 1.0) + 1.0
    centre_x, centre_y = thing.x * size, thing.y * size
    left, top = math.floor(centre_x - reach), math.floor(centre_y - reach)
    side = math.ceil(2.0 * reach) + 1
    across, down = _grid(side)
    unit = np.float32(1.0 / half)
    x, y = (across + (left - centre_x)) * unit, (down + (top - centre_y)) * unit
    alpha = np.clip(0.5 - distance(thing, x, y) * half, 0.0, 1.0).astype(np.float32, copy=False)
    rgb = np.array(thing.rgb, dtype=np.float32)
    return left, top, alpha[..., None] * rgb, alpha


def _pasted(thing: Thing, size: int, stickers: Stickers) -> Layer:
    assert thing.style is not None
    sprite = stickers.sprite(thing.name, thing.style)
    pixels, box = sprite.pixels, sprite.box
    longest = max(box[2] - box[0], box[3] - box[1])
    wanted = thing.size * size
    ratio = wanted / longest
    if ratio > 1.0:  # more pixels than the sprite has: draw it anew
        scale = min(16, math.ceil(ratio))
        pixels = stickers.raster(thing.name, thing.style, stickers.size * scale)
        box = (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale)
        ratio /= scale
    image = Image.fromarray(pixels, "RGBA").crop(box)
    image = Image.frombytes("RGBa", image.size, image.tobytes())
    if thing.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if thing.angle:
        image = image.rotate(-thing.angle, Image.Resampling.BILINEAR, expand=True)
    width, height = (max(1, round(side * ratio)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BILINEAR)
    values = np.asarray(small).astype(np.float32)
    if thing.rgb is not None:
        values = tinted(values, main_of(sprite)[0], thing.rgb)
    left, top = round(thing.x * size - width / 2.0), round(thing.y * size - height / 2.0)
    return left, top, values[..., :3], values[..., 3] * np.float32(1.0 / 255.0)
