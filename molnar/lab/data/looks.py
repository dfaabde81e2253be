"""A picture and the name of a look -> the picture in that look, by exact image operations.

A look is a short chain of filters, so that "a dog face, pixel art" is true by construction. Every
length is a fraction of the shorter side and every texture comes from one fixed table: a look is the
same at 128 and at 1024 pixels. Objects stay where they are, so their masks stay right.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from molnar.base.errors import DataError
from molnar.base.looks import LOOKS

Array = NDArray[Any]

_PIXELS = 32  # cells of pixel art along the shorter side
_TILES = 22  # tiles of a mosaic along the shorter side
_DOTS = 26  # halftone dots along a slanted line as long as the shorter side
_RULES = 12  # lines of plan paper along the shorter side
# the one source of all irregularity: [2, 256, 256] in 0..1
_TABLE = np.random.Generator(np.random.PCG64(1912)).random((2, 256, 256), dtype=np.float32)


def _rgb(*values: float) -> Array:
    return np.array(values, np.float32).reshape(3, 1, 1)


_WHITE, _INK, _GROUT = _rgb(1, 1, 1), _rgb(0.09, 0.09, 0.11), _rgb(0.46, 0.45, 0.43)
_BLUE, _CHALK = _rgb(0.09, 0.28, 0.62), _rgb(0.95, 0.97, 1)
_NIGHT, _LAMP = _rgb(0.035, 0.03, 0.075), _rgb(0.86, 0.84, 1)


def apply(name: str, image: Array) -> Array:
    """Draw a picture again in another look.

    Args:
        name: one of `LOOKS`.
        image: uint8 [H, W, 4], premultiplied, sides of 32 to 1024 pixels; it is not changed.

    Returns:
        uint8 [H, W, 4], premultiplied. What was transparent stays so, but for the glow of "neon",
        the shadow of "paper cut" and the cells of "pixel art": 4 % of the side and a pixel at most.

    Raises:
        DataError: there is no such look, or the picture is not one of this kind.
    """
    if name not in _DRAW:
        raise DataError(f"got the look {name!r}; expected one of: {', '.join(LOOKS)}")
    known = image.dtype == np.uint8 and image.shape[2:] == (4,)
    if not known or min(image.shape[:2]) < 32 or max(image.shape[:2]) > 1024:
        got = f"got a picture of {image.dtype} {image.shape}"
        raise DataError(f"{got}; expected uint8 (H, W, 4) with sides of 32 to 1024 pixels")
    return _DRAW[name](image)


def _planes(pixels: Array) -> Array:
    """Give [H, W] or [C, H, W] from bytes [H, W] or [H, W, C]."""
    planes = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))
    return planes.astype(np.float32) * np.float32(1 / 255)


def _bytes(planes: Array) -> Array:
    """Undo `_planes`."""
    pixels = (np.clip(planes, 0.0, 1.0) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(1, 2, 0))


def _split(image: Array) -> tuple[Array, Array]:
    """Give straight colours [3, H, W] and alpha [H, W]."""
    planes = _planes(image)
    return planes[:3] / np.maximum(planes[3], 1 / 255), planes[3]


def _join(colour: Array, alpha: Array) -> Array:
    """Give premultiplied bytes [H, W, 4] from straight colours and alpha."""
    return _bytes(np.concatenate([np.clip(colour, 0.0, 1.0) * alpha, alpha[None]]))


def _mix(first: Array, second: Array, share: Array | float) -> Array:
    """Give `first` where `share` is 0, `second` where it is 1."""
    return np.asarray(first + (second - first) * share)


def _ramp(value: Array, low: float, high: float) -> Array:
    """Give 0 below `low`, 1 above `high`, and a smooth step between."""
    x = np.clip((value - low) * (1.0 / (high - low)), 0.0, 1.0)
    return np.asarray(x * x * (3.0 - 2.0 * x))


def _blur(pixels: Array, sigma: float) -> Array:
    """Blur bytes, each channel for itself; `sigma` is a fraction of the shorter side."""
    radius = sigma * min(pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def _resize(pixels: Array, shape: tuple[int, ...], how: str = "BILINEAR") -> Array:
    """Resize [H, W] or [H, W, C]; colours are premultiplied already, so mode RGBa."""
    image = Image.fromarray(pixels)
    if image.mode == "RGBA":
        image = Image.frombytes("RGBa", image.size, pixels.tobytes())
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling[how]))


def _cells(shape: tuple[int, ...], count: int) -> tuple[int, int]:
    """Give rows and columns of a grid that has `count` cells along the shorter side."""
    side = min(shape[:2])
    return round(count * shape[0] / side), round(count * shape[1] / side)


def _reduced(pixels: Array, count: int) -> Array:
    """Give the picture with at most `count` pixels along its shorter side."""
    cells = _cells(pixels.shape, count)
    return _resize(pixels, cells, "BOX") if cells[0] < len(pixels) else pixels


def _widest(planes: Array, reach: int, extreme: Callable[[Array, Array], Array]) -> Array:
    """Give the extreme (np.maximum or np.minimum) of 2 reach + 1 rows around each [H, W]."""
    wide = np.pad(planes, ((reach, reach), (0, 0)), mode="edge")
    for start in range(2 * reach + 1):
        planes = extreme(planes, wide[start : start + len(planes)])
    return planes


def _ground(image: Array) -> Array:
    """Give the premultiplied colour behind everything, the median of the border: [4], 0..1."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return np.asarray(np.median(border, axis=0) / 255.0, np.float32)


@lru_cache(maxsize=12)
def _noise(height: int, width: int, count: int, plane: int = 0) -> Array:
    """Give smooth noise in -1..1, [H, W], `count` bumps along the shorter side."""
    rows, columns = _cells((height, width), count)
    grid = _TABLE[plane][np.ix_(np.arange(rows) % 256, np.arange(columns) % 256)]
    smooth = _resize(grid, (height, width), "BICUBIC" if rows < height else "BOX")
    return np.asarray(np.clip(smooth * np.float32(2) - np.float32(1), -1.0, 1.0))


def _steps(image: Array) -> Array:
    """Give how much colour or alpha changes across each pixel: [H, W], 0..about 1."""
    height, width = image.shape[:2]
    reach = max(1, round(min(height, width) / 128))
    planes = np.ascontiguousarray(_blur(image, 0.0045).transpose(2, 0, 1)).astype(np.int16)
    wide = np.pad(planes, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    across = (wide[:, reach:-reach, 2 * reach :] - wide[:, reach:-reach, :width]).astype(np.float32)
    down = (wide[:, 2 * reach :, reach:-reach] - wide[:, :height, reach:-reach]).astype(np.float32)
    return np.asarray(np.sqrt((across * across + down * down).max(axis=0)) * np.float32(1 / 255))


def _lines(image: Array) -> Array:
    """Give where a line is drawn, [H, W] in 0..1: edges between colours, and rims."""
    step = _steps(image)
    reach = max(1, round(min(step.shape) / 100))
    crest = _widest(_widest(step, reach, np.maximum).T, reach, np.maximum).T
    line = _ramp(step / np.maximum(crest, 0.01), 0.4, 0.75) * _ramp(crest, 0.08, 0.16)
    alpha = image[..., 3]
    if alpha.min() < 255:  # the half of a rim that lies outside is lost: widen the inner one
        line = np.maximum(line, 1.0 - _ramp(_planes(_blur(alpha, 0.010)), 0.72, 0.95))
    return line


def _spots(image: Array) -> Array:
    """Give what is dark and small both ways, such as pupils: [H, W] in 0..1."""
    bright = image[..., :3].max(axis=-1) + (255 - image[..., 3])
    small = _resize(bright, _cells(bright.shape, 96), "BOX")
    tall, broad = (_widest(_widest(s, 6, np.maximum), 6, np.minimum) for s in (small, small.T))
    around, value = _planes(_resize(np.minimum(tall, broad.T), bright.shape)), _planes(bright)
    return _ramp(around - value, 0.3, 0.5) * _ramp(1.0 - value, 0.5, 0.7)


def _line_drawing(image: Array) -> Array:
    drawn = np.maximum(_lines(image), _spots(image))
    return _join(_mix(_WHITE, _INK, drawn), _planes(image[..., 3]))


def _blueprint(image: Array) -> Array:
    side = min(image.shape[:2])
    places = [(np.arange(n, dtype=np.float32) + 0.5) * (_RULES / side) for n in image.shape[:2]]
    away = np.minimum.outer(*(abs(place - np.floor(place) - 0.5) for place in places))
    ruled = np.clip(0.5 + (0.004 - away / _RULES) * side, 0.0, min(1.0, 0.008 * side)) * 0.16
    drawn = np.maximum(np.maximum(_lines(image), _spots(image)), ruled)
    return _join(_mix(_BLUE, _CHALK, drawn), _planes(image[..., 3]))


def _neon(image: Array) -> Array:
    colour, alpha = _split(image)
    tube, lit = _lines(image) * alpha, _lamps(image)
    near = _blur(_bytes(lit * tube), 0.010)
    far = _planes(_resize(_blur(_reduced(near, 64), 0.03), alpha.shape)) * alpha
    dark = (_NIGHT + colour * np.float32(0.07)) * alpha
    light = 1.0 - (1.0 - dark) * (1.0 - np.clip(_planes(near) + far * 1.2, 0.0, 1.0))
    light = _mix(light, _mix(lit, _WHITE, 0.25), tube)
    shine = np.maximum(alpha, light.max(axis=0))
    return _join(light / np.maximum(shine, 1 / 255), shine)


def _lamps(image: Array) -> Array:
    """Give the colour of the nearest object as a lamp would have it: [3, H, W]."""
    small = _reduced(image, 64)
    colour, alpha = _split(small)
    away = abs(_planes(small) - _ground(image).reshape(4, 1, 1)).max(axis=0)
    weight = np.maximum(_ramp(away, 0.05, 0.4), 0.02) * np.maximum(alpha, 0.02)
    near = _planes(_blur(_bytes(np.concatenate([colour * weight, weight[None]])), 0.014))
    tint = near[:3] / np.maximum(near[3], 1 / 255)
    top = np.maximum(tint.max(axis=0), 0.02)
    vivid = tint / top
    vivid -= (1.0 - vivid) * vivid.min(axis=0) * 0.8
    lamp = _mix(_LAMP, vivid, _ramp(top, 0.15, 0.4))  # no lamp is black
    return _planes(_resize(_bytes(lamp), image.shape))


def _pixel_art(image: Array) -> Array:
    rows, columns = _cells(image.shape, _PIXELS)
    fine = _resize(image, (rows * 4, columns * 4), "BOX")
    parts = fine.reshape(rows, 4, columns, 4, 4).swapaxes(1, 2).reshape(rows, columns, 16, 4)
    middle = np.partition(parts, (7, 8), axis=2)[:, :, 7:9]  # a mean would smear edges
    colour, alpha = _split(middle.mean(axis=2).astype(np.uint8))
    papers = _papers(colour[:, alpha >= min(0.5, alpha.max())], 14, 0.008)
    flat = papers.T[:, _away(colour, papers).argmin(axis=0)]
    return _resize(_join(flat, np.round(alpha)), image.shape, "NEAREST")


def _halftone(image: Array) -> Array:
    colour, alpha = _split(image)
    pitch = min(alpha.shape) / _DOTS
    y, x = ((np.arange(n, dtype=np.float32) + 0.5) / (pitch * 2**0.5) for n in alpha.shape)
    u, v = x + y[:, None], x - y[:, None]  # a screen at 45 degrees
    away = np.hypot(u - np.round(u), v - np.round(v))
    area = (1.0 - colour.min(axis=0)) ** 0.65  # between few dots of pure ink and a thin wash
    ink = 1.0 - (1.0 - colour) / np.maximum(area, 0.05)
    cover = np.clip((np.sqrt(area) * 0.55 - away) * pitch + 0.5, 0.0, 1.0) * _ramp(area, 0.1, 0.25)
    return _join(_mix(_WHITE, ink, cover), alpha)


def _mosaic(image: Array) -> Array:
    label, heart, joint, shade = _tiles(*image.shape[:2])  # a tile has the colour of its heart
    sums = np.stack([np.bincount(label, heart * image[..., c].ravel()) for c in range(4)])
    mean = (sums[:3] / np.maximum(sums[3], 1e-6)).astype(np.float32)
    stone = (mean * shade[: mean.shape[1]])[:, label].reshape(3, *joint.shape)
    return _join(_mix(stone, _mix(stone * 0.5, _GROUT, 0.5), joint), _planes(image[..., 3]))


@lru_cache(maxsize=4)
def _tiles(height: int, width: int) -> tuple[Array, Array, Array, Array]:
    """Give each pixel's tile and its weight there [HW], the grout [H, W], the tiles' shades [N]."""
    rows, columns = _cells((height, width), _TILES)
    y = ((np.arange(height, dtype=np.float32) + 0.5) * (rows / height))[:, None]
    x = ((np.arange(width, dtype=np.float32) + 0.5) * (columns / width))[None, :]
    best = np.full((height, width), 9.0, np.float32)
    second = best.copy()
    label: NDArray[Any] = np.zeros((height, width), np.int64)
    for down, right in np.ndindex(3, 3):  # a border of one cell all round: no index is negative
        row, column = (y + down).astype(np.int64), (x + right).astype(np.int64)
        jitter = _TABLE[:, row % 256, column % 256] * 0.5 - 0.75
        away = np.hypot(row + jitter[0] - y, column + jitter[1] + 0.5 * (row % 2) - 0.25 - x)
        second = np.minimum(second, np.maximum(best, away))
        label = np.where(away < best, row * (columns + 2) + column, label)
        best = np.minimum(best, away)
    gap = (second - best) * 0.6 - 0.06  # about the way to the tile's edge, in tiles
    joint = np.clip(0.5 - gap * (height / rows), 0.0, 1.0)
    shade = 1.05 - 0.16 * np.resize(_TABLE, (rows + 2) * (columns + 2))
    return label.ravel(), np.exp(-10.0 * best * best).ravel(), joint, shade


def _watercolor(image: Array) -> Array:
    height, width = image.shape[:2]
    reach = 0.01 * min(height, width)  # no edge is drawn with a ruler
    row = np.arange(height)[:, None] + np.rint(reach * _noise(height, width, 12)).astype(np.int64)
    column = np.arange(width) + np.rint(reach * _noise(height, width, 12, 1)).astype(np.int64)
    bent = image[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    wet = _ramp(_noise(height, width, 7), -0.1, 0.7) * np.float32(0.6)
    paint = _mix(_planes(_blur(bent, 0.005)), _planes(_blur(bent, 0.02)), wet)
    pigment = 1.0 - paint[:3] / np.maximum(paint[3], 1 / 255)
    grain, pool = _noise(height, width, 96, 1), _noise(height, width, 5, 1)
    wash = 0.81 + 0.17 * pool + 0.09 * _noise(height, width, 16) + 0.9 * _steps(bent)
    pigment = pigment * (wash * (1.0 + 0.10 * grain)) + 0.015 * (1.0 + grain)
    return _join(1.0 - pigment, np.minimum(paint[3], _planes(image[..., 3])))


def _paper_cut(image: Array) -> Array:
    side, ground = min(image.shape[:2]), _ground(image)
    colour, alpha = _split(image)
    papers = _papers(_calm(image), 10, 0.012)
    away = _away(colour, papers)
    masks = (away <= away.min(axis=0)) * np.uint8(255)
    share = np.stack([_blur(mask, 0.007) for mask in masks])  # contours as scissors leave them
    share = np.exp(share * np.float32(max(6.0, 0.07 * side) / 255))
    share /= share.sum(axis=0)
    lift = np.sqrt(((papers - ground[:3]) ** 2).sum(axis=1) + (1.0 - ground[3]) ** 2) / 2.0
    level = np.tensordot(lift, share, 1) * alpha
    drop = max(1, round(0.012 * side))
    above = np.pad(_bytes(level), ((drop, 0), (drop, 0)), mode="edge")[:-drop, :-drop]
    shadow = _ramp(_planes(_blur(above, 0.008)) - level, 0.0, 0.15) * np.float32(0.5)
    total = alpha + (1.0 - alpha) * shadow
    light = (1.0 - shadow) * alpha / np.maximum(total, 1 / 255)
    return _join(np.tensordot(papers.T, share, 1) * light, total)


def _calm(image: Array) -> Array:
    """Give the colours of pixels away from any edge: [3, N]."""
    small = _reduced(image, 96)
    colour, alpha = _split(small)
    calm = (alpha > 0.9) & (_steps(small) < 0.12)
    return colour[:, calm if calm.any() else alpha == alpha.max()]


def _papers(colours: Array, count: int, least: float) -> Array:
    """Choose up to `count` of the colours [3, N], squared distance `least` apart: [K, 3]."""
    chosen, owner = [colours[:, 0]], np.zeros(colours.shape[1], np.int64)
    away = _away(colours, colours[:, :1].T)[0]
    while len(chosen) < count and away.max() > least:
        chosen.append(colours[:, away.argmax()])
        mine = _away(colours, chosen[-1][None])[0]
        owner[mine < away] = len(chosen) - 1
        away = np.minimum(away, mine)
    sums = np.stack([np.bincount(owner, plane, len(chosen)) for plane in colours], axis=1)
    members = np.bincount(owner, minlength=len(chosen))[:, None]
    return np.where(members, sums / np.maximum(members, 1), chosen).astype(np.float32)


def _away(colours: Array, papers: Array) -> Array:
    """Give the squared distances of colours [3, ...] from each of the papers [K, 3]: [K, ...]."""
    flat = colours.reshape(3, -1)
    square = np.einsum("cn,cn->n", flat, flat) + (papers * papers).sum(axis=1)[:, None]
    return np.asarray(square - 2.0 * (papers @ flat)).reshape(-1, *colours.shape[1:])


_DRAW: dict[str, Callable[[Array], Array]] = dict(
    zip(LOOKS, (_pixel_art, _line_drawing, _halftone, _mosaic,
                _watercolor, _blueprint, _neon, _paper_cut), strict=True)
)  # fmt: skip
