"""Stride-1 3x3 convolutions by Winograd's minimal filtering: the same sums, fewer products.

Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308), section 4:
`Y = A^T [(G g G^T) * (B^T d B)] A`, where `d` are overlapping patches of the input, `g` is the
kernel and `*` multiplies entry by entry; summed over the input channels, each of the entries is a
matrix product. F(4x4, 3x3) needs 36 products where the sum itself has 144; F(2x2, 3x3) 16 for 36.

Layout: channels last, so that gathering patches copies whole runs of channels, and the two-sided
transforms are one product with the Kronecker square of their matrix. The work is cut in blocks of
patches that stay in the processor's cache. Rounding differs from the plain sum by some 1e-6 of
the largest value (F(4x4)), well under a 1/255 step of a picture.
"""

from __future__ import annotations

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


def transformed(weight: Tensor, size: int, out: Tensor | None = None) -> Tensor:
    """Kernels ready for `convolve`.

    Args:
        weight: float32 [C_out, C, 3, 3].
        size: 2 or 4, the `Tile`.
        out: float32 [(size + 2)**2, C_out, C] to write into, or none for a new one.

    Returns:
        float32 [(size + 2)**2, C_out, C].
    """
    many, (C_out, C) = (size + 2) ** 2, weight.shape[:2]
    flat = None if out is None else out.view(many, -1)
    nine = weight.reshape(C_out * C, 9).t()
    return torch.mm(tile(size).kernel, nine, out=flat).view(many, C_out, C)


def convolve(x: Tensor, kernels: Tensor, bias: Tensor | None) -> Tensor:
    """The 3x3 convolution of stride 1 and zero padding 1.

    Args:
        x: float32 [B, C, H, W], of any layout; channels last is the fast one.
        kernels: `transformed(weight, size)`.
        bias: [C_out] or none.

    Returns:
        float32 [B, C_out, H, W] in channels-last layout.
    """
    B, C, H, W = x.shape
    size = 4 if len(kernels) == 36 else 2
    high, wide = -(-H // size), -(-W // size)
    out = torch.empty(B, high * size, wide * size, kernels.shape[1])
    rows = max(1, BLOCK // (len(kernels) * wide * max(C, kernels.shape[1])))
    if rows >= high:  # small pictures: as many of the batch at once as fit
        many = max(1, rows // high)
        for b in range(0, B, many):
            _block(x[b : b + many], 0, high, kernels, bias, out[b : b + many])
    else:
        for b in range(B):
            for row in range(0, high, rows):
                _block(x[b : b + 1], row, min(rows, high - row), kernels, bias, out[b : b + 1])
    if out.shape[1:3] != (H, W):
        out = out[:, :H, :W].contiguous()
    return out.permute(0, 3, 1, 2)


def _block(
    x: Tensor, first: int, rows: int, kernels: Tensor, bias: Tensor | None, out: Tensor
) -> None:
    """Rows of tiles `first` to `first + rows` of `out` [B, H, W, C_out]."""
    B, C, H, W = x.shape
    many, C_out, _ = kernels.shape
    form = tile(4 if many == 36 else 2)
    size, side = form.size, form.size + 2
    wide = out.shape[2] // size
    above, tiles = first * size, B * rows * wide

    padded = buffer("padded", (B, rows * size + 2, wide * size + 2, C))
    top, low = max(above - 1, 0), min(above + rows * size + 1, H)
    at = top - (above - 1)
    padded[:, :at].zero_()
    padded[:, at + low - top :].zero_()
    padded[:, :, 0].zero_()
    padded[:, :, W + 1 :].zero_()
    padded[:, at : at + low - top, 1 : W + 1].copy_(x[:, :, top:low].permute(0, 2, 3, 1))

    b, r, c, _ = padded.stride()
    patches = buffer("patches", (side, side, B, rows, wide, C))
    patches.copy_(
        padded.as_strided((side, side, B, rows, wide, C), (r, c, b, size * r, size * c, 1))
    )
    ready = buffer("ready", (many, tiles, C))
    torch.mm(form.image, patches.view(many, -1), out=ready.view(many, -1))
    products = buffer("products", (many, tiles, C_out))
    torch.bmm(ready, kernels.transpose(1, 2), out=products)
    back = buffer("patches", (size * size, tiles * C_out))
    torch.mm(form.back, products.view(many, -1), out=back)
    pieces = back.view(size, size, B, rows, wide, C_out).permute(2, 3, 0, 4, 1, 5)
    target = out[:, above : above + rows * size].view(B, rows, size, wide, size, C_out)
    if bias is None:
        target.copy_(pieces)
    else:
        torch.add(pieces, bias, out=target)
