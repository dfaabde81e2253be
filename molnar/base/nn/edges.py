"""The difference of two images in, how much of it lies in their edges out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

SCALES = 3  # full, half and quarter size


def edge_difference(difference: Tensor) -> Tensor:
    """Mean absolute step, right and down, of a difference image B C H W, over `SCALES` sizes.

    Steps are linear, so the difference of the steps is the step of the difference. It is what the
    eye calls an edge, and what a smooth reconstruction gets wrong.
    """
    total = difference.new_zeros(())
    for scale in range(SCALES):
        small = F.avg_pool2d(difference, 2**scale) if scale else difference
        right = (small[..., :, 1:] - small[..., :, :-1]).abs().mean()
        down = (small[..., 1:, :] - small[..., :-1, :]).abs().mean()
        total = total + right + down
    return total / SCALES
