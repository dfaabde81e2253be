"""Stride-1 3x3 convolutions by Winograd's minimal filtering: the same sums, fewer products.

Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308), section 4:
`Y = A^T [(G g G^T) * (B^T d B)] A`, where `d` are overlapping patches of the input, `g` is the
kernel and `*` multiplies entry by entry; summed over the input channels, each of the entries is a
matrix product. F(4x4, 3x3) needs 36 products where the sum itself has 144; F(2x2, 3x3) 16 for 36.

Layout: channels last, so that gathering patches copies whole runs of channels, and the two-sided
transforms are one product with the Kronecker square of their matrix. The work is cut in blocks of
patches, and those in pieces of kernels, so that what one product writes is still in the
processor's cache when the next one reads it; transforming kernels anew at each call then costs
less than keeping them would, which are four times as large. Rounding differs from the plain sum
by some 1e-5 of the largest value (F(4x4)), well under a 1/255 step of a picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch

from molnar.bridge.fast.buffers import buffer

if TYPE_CHECKING:
    from torch import Tensor

# Floats of one block of transformed patches. Larger re-reads the kernels less often, smaller stays
# nearer to the processor: 24 MB measured best on 32 MB of third-level cache.
BLOCK = 6 << 20
# Weights of one tap that are transformed at a time, to 36 times as many floats: half of them makes
# products too narrow, and more than twice as many no longer stay in the cache.
PIECE = 1 << 17


@dataclass(frozen=True)
class Tile:
    """The matrices of one F(m x m, 3x3), two-sided transforms as one product each.

    Shapes, with `a = m + 2`: `image` [a*a, a*a], `kernel` [a*a, 9], `back` [m*m, a*a].
    """

    size: int  # m: rows and columns of output that one patch gives
    image: Tensor
    kernel: Tensor
    back: Tensor


@cache
def tile(size: int) -> Tile:
    """F(2x2, 3x3) or F(4x4, 3x3), as in Lavin & Gray, equations 9 to 12 and section 4.3.

    Example:
        >>> tile(4).image.shape
        torch.Size([36, 36])
    """
    image: list[list[float]]
    kernel: list[list[float]]
    back: list[list[float]]
    if size == 2:
        image = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]
        kernel = [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]]
        back = [[1, 1, 1, 0], [0, 1, -1, -1]]
    else:
        image = [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ]
        kernel = [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ]
        back = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]

    def square(rows: list[list[float]]) -> Tensor:
        matrix = torch.tensor(rows, dtype=torch.float64)
        return torch.kron(matrix, matrix).float()

    return Tile(size, square(image), square(kernel), square(back))


def laid(weight: Tensor) -> Tensor:
    """Give a kernel [C_out, C, 3, 3] the layout that `convolve` reads: tap after tap.

    Example:
        >>> laid(torch.ones(2, 5, 3, 3)).stride()
        (5, 1, 30, 10)
    """
    return weight.permute(2, 3, 0, 1).contiguous().permute(2, 3, 0, 1)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, size: int = 4) -> Tensor:
    """The 3x3 convolution of stride 1 and zero padding 1.

    Args:
        x: float32 [B, C, H, W], of any layout; channels last is the fast one.
        weight: [C_out, C, 3, 3] in float32 or 16 bits, best `laid` out.
        bias: float32 [C_out] or none.
        size: 2 or 4, the `Tile`.

    Returns:
        float32 [B, C_out, H, W] in channels-last layout.
    """
    B, C, H, W = x.shape
    form, nine, C_out = tile(size), taps(weight), len(weight)
    high, wide = -(-H // size), -(-W // size)
    out = torch.empty(B, high, size, wide, size, C_out)
    many = max(16, min(C_out, PIECE // C) // 16 * 16)  # output channels of a piece
    whole = _kernels(nine, form) if many >= C_out else None
    for some, first, rows in _blocks(B, high, len(form.image) * wide * C):
        ready = _patches(x[some], first, rows, form)
        target = out[some, first : first + rows]
        for start in range(0, C_out, many):
            part = slice(start, start + many)
            kernels = _kernels(nine[:, part], form) if whole is None else whole
            _sums(ready, kernels, form, None if bias is None else bias[part], target[..., part])
    out = out.view(B, high * size, wide * size, C_out)
    if out.shape[1:3] != (H, W):
        out = out[:, :H, :W].contiguous()
    return out.permute(0, 3, 1, 2)


def summed(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The same convolution tap by tap, for pictures so small that there is nothing to filter.

    Args and result as of `convolve`.
    """
    B, C, H, W = x.shape
    padded = torch.zeros(B, H + 2, W + 2, C)
    padded[:, 1:-1, 1:-1] = x.permute(0, 2, 3, 1)
    shape = (B * H * W, len(weight))
    out = torch.zeros(shape) if bias is None else bias.expand(shape).clone()
    for k, tap in enumerate(taps(weight)):
        row, column = divmod(k, 3)
        moved = padded[:, row : row + H, column : column + W].reshape(-1, C)
        out.addmm_(moved, _wide("tap", tap).t())
    return out.view(B, H, W, -1).permute(0, 3, 1, 2)


def taps(weight: Tensor) -> Tensor:
    """See a kernel [C_out, C, 3, 3] as [9, C_out, C]; a copy unless it is `laid` out."""
    return weight.permute(2, 3, 0, 1).reshape(9, *weight.shape[:2])


def _blocks(B: int, high: int, row: int) -> Iterator[tuple[slice, int, int]]:
    """Cut pictures of `high` rows of tiles, `row` floats each: which of the batch, first, rows."""
    rows = max(1, BLOCK // row)
    if rows >= high:  # small pictures: as many of the batch at once as fit
        many = rows // high
        yield from ((slice(b, b + many), 0, high) for b in range(0, B, many))
        return
    for b in range(B):
        for first in range(0, high, rows):
            yield slice(b, b + 1), first, min(rows, high - first)


def _patches(x: Tensor, first: int, rows: int, form: Tile) -> Tensor:
    """Rows of tiles `first` to `first + rows` of x [B, C, H, W], transformed: [a*a, tiles, C]."""
    B, C, H, W = x.shape
    size, side = form.size, form.size + 2
    wide, above = -(-W // size), first * size
    padded = buffer("padded", (B, rows * size + 2, wide * size + 2, C))
    top, low = max(above - 1, 0), min(above + rows * size + 1, H)
    at = top - (above - 1)
    padded[:, :at].zero_()
    padded[:, at + low - top :].zero_()
    padded[:, :, 0].zero_()
    padded[:, :, W + 1 :].zero_()
    padded[:, at : at + low - top, 1 : W + 1].copy_(x[:, :, top:low].permute(0, 2, 3, 1))

    b, r, c, _ = padded.stride()
    shape = (side, side, B, rows, wide, C)
    patches = buffer("patches", shape)
    patches.copy_(padded.as_strided(shape, (r, c, b, size * r, size * c, 1)))
    ready = buffer("ready", (side * side, B * rows * wide, C))
    torch.mm(form.image, patches.view(side * side, -1), out=ready.view(side * side, -1))
    return ready


def _kernels(nine: Tensor, form: Tile) -> Tensor:
    """Transform kernels [9, C_out, C]: float32 [a*a, C_out, C]."""
    nine = _wide("taps", nine)
    kernels = buffer("kernels", (len(form.kernel), *nine.shape[1:]))
    torch.mm(form.kernel, nine.reshape(9, -1), out=kernels.view(len(form.kernel), -1))
    return kernels


def _sums(ready: Tensor, kernels: Tensor, form: Tile, bias: Tensor | None, out: Tensor) -> None:
    """Multiply and transform back into `out` [B, rows, m, wide, m, C_out]."""
    B, rows, size, wide, _, C_out = out.shape
    products = buffer("products", (len(ready), ready.shape[1], C_out))
    torch.bmm(ready, kernels.transpose(1, 2), out=products)
    back = buffer("patches", (size * size, ready.shape[1] * C_out))
    torch.mm(form.back, products.view(len(ready), -1), out=back)
    pieces = back.view(size, size, B, rows, wide, C_out).permute(2, 3, 0, 4, 1, 5)
    if bias is None:
        out.copy_(pieces)
    else:
        torch.add(pieces, bias, out=out)


def _wide(name: str, weight: Tensor) -> Tensor:
    """Give numbers in float32: themselves, or a copy in a buffer."""
    return weight if weight.dtype == torch.float32 else buffer(name, weight.shape).copy_(weight)
