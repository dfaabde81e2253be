"""Queries, keys and values in, a mixture of the values out; self- and cross-attention with QK-norm.

Source: Vaswani et al. 2017, arXiv 1706.03762, section 3.2;
QK-norm: Henry et al. 2020, arXiv 2010.04245.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mix values by the likeness of queries and keys.

    Args:
        q: Float B N Lq K.
        k: Float B N Lk K.
        v: Float B N Lk K.
        mask: Bool B Lk, True where a key may be looked at; every row needs at least one True.

    Returns:
        Float B Lq (N K).
    """
    allowed = None if mask is None else mask[:, None, None, :]
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
    return rearrange(mixed, "B N L K -> B L (N K)")


class HeadNorm(nn.Module):
    """Root-mean-square norm over the width of one head, in float32, with a learned gain."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise Float B N L K over K."""
        scale = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + 1e-6)
        return (x * scale.to(x.dtype)) * self.gain


class Attention(nn.Module):
    """Multi-head attention of a sequence to itself, or to a context of another width.

    Args:
        width: D of the queries and of the output.
        heads: N; must divide ``width``.
        context: D of the keys' source; None attends to the sequence itself.
    """

    def __init__(self, width: int, heads: int, context: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(context or width, 2 * width, bias=False)
        self.query_norm = HeadNorm(width // heads)
        self.key_norm = HeadNorm(width // heads)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Map Float B L D (and a context B M E with its mask Bool B M) to Float B L D."""
        source = x if context is None else context
        q = rearrange(self.query(x), "B L (N K) -> B N L K", N=self.heads)
        k, v = rearrange(
            self.key_value(source), "B L (two N K) -> two B N L K", two=2, N=self.heads
        )
        out: Tensor = self.out(attend(self.query_norm(q), self.key_norm(k), v, mask))
        return out
