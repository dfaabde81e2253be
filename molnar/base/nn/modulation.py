"""A condition (time, pooled text) in, a shift, scale and gate for every branch of a network out.

One network serves all blocks; each block adds a small learned table of its own to what it says.

Source: Peebles and Xie 2022, arXiv 2212.09748, section 3.2 (adaLN-Zero); Chen et al. 2023, arXiv
2310.00426, section 2.3 (adaLN-single: the shared network and the tables).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


class Modulation(NamedTuple):
    """What a condition does to one residual branch; each Float B 1 D."""

    shift: Tensor
    scale: Tensor
    gate: Tensor

    def enter(self, x: Tensor) -> Tensor:
        """Scale and shift the normalised Float B L D on its way into the branch."""
        return x * (1 + self.scale) + self.shift

    def leave(self, branch: Tensor) -> Tensor:
        """Open or close the Float B L D that the branch would add."""
        return self.gate * branch


class SharedModulation(nn.Module):
    """What a condition says to all blocks alike: Float B D -> Float B (branches 3 D).

    Starts as zero, so that training starts from the tables.
    """

    def __init__(self, width: int, branches: int) -> None:
        super().__init__()
        self.network = nn.Linear(width, branches * 3 * width)
        nn.init.zeros_(self.network.weight)
        nn.init.zeros_(self.network.bias)

    def forward(self, condition: Tensor) -> Tensor:
        """Map a condition Float B D."""
        shared: Tensor = self.network(F.silu(condition))
        return shared


class ModulationTable(nn.Module):
    """One block's own modulations, added to the shared ones; starts as the identity, gates open."""

    def __init__(self, width: int, branches: int) -> None:
        super().__init__()
        self.branches = branches
        start = torch.zeros(branches, 3, width)
        start[:, 2] = 1.0
        self.table = nn.Parameter(start)

    def forward(self, shared: Tensor) -> list[Modulation]:
        """Map Float B (branches 3 D) to a modulation for each branch."""
        own = rearrange(self.table, "branches part D -> (branches part D)")
        parts = rearrange(shared + own, "B (parts D) -> parts B 1 D", parts=3 * self.branches)
        return [Modulation(*parts[3 * i : 3 * i + 3].unbind()) for i in range(self.branches)]
