"""A time in [0, 1] in, a vector that a network can use out.

Source: Vaswani et al. 2017, arXiv 1706.03762, section 3.5 (sinusoids); t is scaled by 1000 as in
Ho et al. 2020, arXiv 2006.11239, so that the slowest and fastest waves both move over [0, 1].
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def sinusoids(t: Tensor, width: int, slowest: float = 10_000.0) -> Tensor:
    """Map times Float B in [0, 1] to Float B ``width``: cosines, then sines, in float32."""
    half = width // 2
    rates = torch.exp(
        -math.log(slowest) * torch.arange(half, device=t.device, dtype=torch.float32) / half
    )
    angles = 1000.0 * t.float()[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class TimeEmbedding(nn.Module):
    """Sinusoids of t through a two-layer network: Float B -> Float B ``width``."""

    def __init__(self, width: int, features: int = 128) -> None:
        super().__init__()
        self.features = features
        self.network = nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor) -> Tensor:
        """Embed times in [0, 1]."""
        embedded: Tensor = self.network(sinusoids(t, self.features))
        return embedded


class Stride(TimeEmbedding):
    """What a network is told of how far a step goes; begins as nothing.

    Source: Frans et al. 2024, arXiv 2410.12557, section 3.1 (the size of a step as an input).
    """

    def __init__(self, width: int, features: int = 128) -> None:
        super().__init__(width, features)
        for parameter in self.network[-1].parameters():
            nn.init.zeros_(parameter)

    def between(self, t: Tensor, until: Tensor | None) -> Tensor:
        """Embed a step from t to `until`, Float B each; None = no step at all."""
        embedded: Tensor = self(t - (t if until is None else until))
        return embedded
