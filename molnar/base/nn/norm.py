"""Vectors in, the same vectors at length one (per element) out.

Source: Zhang and Sennrich 2019, arXiv 1910.07467, equation 4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPSILON = 1e-6


def rms_normalise(x: Tensor) -> Tensor:
    """Divide Float ... D by its root mean square over D, in float32; the result has x's type."""
    exact = x.float()
    mean_square = exact.square().mean(dim=-1, keepdim=True)
    return (exact * torch.rsqrt(mean_square + EPSILON)).to(x.dtype)


class RMSNorm(nn.Module):
    """Root-mean-square norm over the last axis, with a learned gain per element.

    Example:
        >>> RMSNorm(2)(torch.tensor([[3.0, 4.0]])).square().mean().round(decimals=4).item()
        1.0
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise Float ... D."""
        return rms_normalise(x) * self.gain
