"""What is planned for every cell in, features that a velocity network adds to its own out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Planned(nn.Module):
    """Read what is planned for every cell, with a look at its neighbours.

    Without biases: a map of zeros says nothing, and changes nothing.

    Source: Park et al. 2019, arXiv 1903.07291, section 3.1 (a layout steers every place by its own
    convolution), here added once instead of at every normalisation.
    """

    def __init__(self, features: int, width: int, channels: int) -> None:
        super().__init__()
        self.read = nn.Conv2d(features, width, 1, bias=False)
        self.mix = nn.Conv2d(width, channels, 3, padding=1, bias=False)
        self.leave = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        nn.init.zeros_(self.leave.weight)

    def forward(self, plan: Tensor) -> Tensor:
        """Map Float B F H W to Float B C H W."""
        h = F.silu(self.mix(F.silu(self.read(plan))))
        out: Tensor = self.leave(h)
        return out
