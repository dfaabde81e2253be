"""A picture too large for memory -> overlapping tiles through a function -> one picture, seamless.

Decoder and upscaler share it. Where tiles overlap, each one's weight falls linearly to its edge and
the weights of all are divided out, so a function that treats every place alike leaves no seam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from molnar.base.arrays import empty, like
from molnar.base.errors import ConfigError
from molnar.base.types import Array


class Tile(NamedTuple):
    """A rectangle: first row and column, and how many of each."""

    top: int
    left: int
    height: int
    width: int


def tiles(*, height: int, width: int, size: int, overlap: int) -> Iterator[Tile]:
    """Cover height x width with squares of side `size` that overlap by at least `overlap`.

    A side shorter than `size` is covered by one tile of that length.

    Raises:
        ConfigError: If `overlap` is negative or not below `size`.
    """
    if not 0 <= overlap < size:
        raise ConfigError(
            f"tile size is {size} and overlap {overlap}; expected 0 <= overlap < size"
        )
    for top, rows in _spans(height, size, overlap):
        for left, columns in _spans(width, size, overlap):
            yield Tile(top, left, rows, columns)


def tiled(
    apply: Callable[[Array], Array], x: Array, *, size: int, overlap: int, scale: int = 1
) -> Array:
    """Apply a function tile by tile and blend the results.

    Args:
        apply: B C h w -> B C' (scale h) (scale w), on any h, w up to `size`.
        x: B C H W.
        size: Side of a tile, in cells of x.
        overlap: Cells of x shared by neighbouring tiles; at least the reach of `apply`.
        scale: Cells of the result per cell of x.

    Returns:
        B C' (scale H) (scale W), of x's kind.

    Raises:
        ConfigError: If `overlap` is negative or not below `size`.
    """
    height, width = int(x.shape[2]), int(x.shape[3])
    if height <= size and width <= size:
        return apply(x)
    out: Array = None
    total = np.zeros((height * scale, width * scale), np.float32)
    for top, left, rows, columns in tiles(height=height, width=width, size=size, overlap=overlap):
        part = apply(x[:, :, top : top + rows, left : left + columns])
        if out is None:
            out = empty((*part.shape[:2], height * scale, width * scale), part)
            out[...] = 0
        down = _ramp(top, rows, height, overlap, scale)
        across = _ramp(left, columns, width, overlap, scale)
        weight = down[:, None] * across[None, :]
        vertical = slice(top * scale, (top + rows) * scale)
        horizontal = slice(left * scale, (left + columns) * scale)
        out[:, :, vertical, horizontal] += part * like(weight, part)
        total[vertical, horizontal] += weight
    return out / like(total, out)


def wrapped(
    apply: Callable[[Array], Array],
    x: NDArray[np.float32],
    *,
    margin: int | tuple[int, int],
    scale: int,
) -> Array:
    """Apply a function to a picture whose opposite edges meet.

    Args:
        apply: B C h w -> B C' (scale h) (scale w).
        x: B C H W.
        margin: Cells of x that are repeated around it, at least the reach of `apply`; of rows and
            of columns, where these differ.
        scale: Cells of the result per cell of x.

    Returns:
        B C' (scale H) (scale W): laid beside itself, it goes on without a seam.
    """
    down, across = (margin, margin) if isinstance(margin, int) else margin
    around = np.pad(x, ((0, 0), (0, 0), (down, down), (across, across)), mode="wrap")
    down, across = down * scale, across * scale
    return apply(around)[:, :, down:-down, across:-across]


def _spans(length: int, size: int, overlap: int) -> list[tuple[int, int]]:
    if length <= size:
        return [(0, length)]
    count = -(-(length - overlap) // (size - overlap))
    # Spread evenly, so that the last tile is as large as the others.
    return [(round(k * (length - size) / (count - 1)), size) for k in range(count)]


def _ramp(start: int, size: int, length: int, overlap: int, scale: int) -> NDArray[np.float32]:
    """Return weights in (0, 1] along one side: rising inwards, but flat at the picture's border."""
    weight = np.ones(size * scale, np.float32)
    reach = overlap * scale
    if reach == 0:
        return weight
    rise = ((np.arange(reach) + 0.5) / reach).astype(np.float32)
    if start > 0:
        weight[:reach] *= rise
    if start + size < length:
        weight[-reach:] *= rise[::-1]
    return weight
