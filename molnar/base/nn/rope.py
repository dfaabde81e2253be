"""Places on a grid in, angles out, by which queries and keys turn: attention sees distances.

A head's width is cut in two, one half for rows and one for columns. In each, pairs of elements
turn by the place times a rate; the product of a turned query and a turned key then depends on the
difference of their places alone.

Source: Su et al. 2021, arXiv 2104.09864, section 3.2; two axes: Heo et al. 2024, arXiv 2403.13298,
section 3.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange
from torch import Tensor

# The slowest wave turns by one radian in BASE cells: a few times the longest side we draw, and no
# slower, since slower waves would tell neighbours apart no better than a constant.
BASE = 100.0


def axial_angles(rows: Tensor, columns: Tensor, width: int, base: float = BASE) -> Tensor:
    """Give the angle of every pair of elements at every place of a grid.

    Args:
        rows: Float H, the places along the height, in cells of the finest grid.
        columns: Float W, likewise along the width.
        width: K, of one head; a multiple of 4.
        base: cells per radian of the slowest wave.

    Returns:
        Float (H W) K/2, radians: rows first, then columns.
    """
    if width % 4:
        raise ValueError(f"got a head width of {width}; two axes of pairs need a multiple of 4")
    steps = torch.arange(width // 4, device=rows.device, dtype=torch.float32) / (width // 4)
    rates = torch.exp(-math.log(base) * steps)
    down = (rows.float()[:, None] * rates)[:, None, :]
    across = (columns.float()[:, None] * rates)[None, :, :]
    height, breadth = rows.shape[0], columns.shape[0]
    both = torch.cat([down.expand(-1, breadth, -1), across.expand(height, -1, -1)], dim=-1)
    return rearrange(both, "H W K -> (H W) K")


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn Float B N L K by Float L K/2 radians: element i together with element i + K/2."""
    first, second = x.float().chunk(2, dim=-1)
    cosine, sine = angles.cos(), angles.sin()
    turned = torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
    return turned.to(x.dtype)
