"""Vectors in, vectors out, each by itself: the gated network inside a transformer block.

Source: Shazeer 2020, arXiv 2002.05202, equation 6 (SwiGLU).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SwiGLU(nn.Module):
    """One linear map opens and closes another, a third leads back; starts as zero.

    Args:
        width: D of input and output.
        hidden: D between; at 8/3 of ``width`` it costs as much as a plain network of 4 times.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.open = nn.Linear(width, 2 * hidden, bias=False)
        self.out = nn.Linear(hidden, width, bias=False)
        nn.init.xavier_uniform_(self.open.weight)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map Float ... D to Float ... D."""
        gate, value = self.open(x).chunk(2, dim=-1)
        out: Tensor = self.out(F.silu(gate) * value)
        return out
