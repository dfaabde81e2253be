"""A reconstruction and the true picture in, how far apart they are out.

No pretrained network is asked: squared and absolute differences of premultiplied RGBA, and of its
edges at three sizes, which is where a small autoencoder fails on drawings.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from molnar.base.nn.edges import edge_difference

# Absolute terms keep edges crisp, and drown the squared one if they weigh more: after 75 seconds
# of training, 28.2 dB on held-out drawings with squares alone, 27.2 dB with absolutes in front.
CRISP = 0.01


class ReconstructionLoss(NamedTuple):
    """Scalars; images are in [-1, 1]."""

    total: Tensor
    squared: Tensor  # mean squared difference
    absolute: Tensor
    edges: Tensor


def reconstruction_loss(
    predicted: Tensor, truth: Tensor, crisp: float = CRISP
) -> ReconstructionLoss:
    """Compare two images Float B 4 H W; `crisp` weighs absolute differences and edges."""
    difference = (predicted - truth).float()
    squared, absolute = difference.square().mean(), difference.abs().mean()
    edges = edge_difference(difference)
    return ReconstructionLoss(squared + crisp * (absolute + edges), squared, absolute, edges)
