"""A picture's height and width in, what tells its cells apart by place out: slow waves.

Convolutions learn where they are only from the picture's edge, through all the noise in between;
at the noisy end of the path, where it is decided what goes where, that is too little.

Source: Liu et al. 2018, arXiv 1807.03247 (coordinates as input); as waves: Tancik et al. 2020,
arXiv 2006.10739, section 4.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange
from torch import Tensor

HALF_TURNS = (1, 2, 4)  # of each wave, from one side of the picture to the other
FEATURES = 4 * len(HALF_TURNS)  # cosine and sine, along rows and columns


def places(x: Tensor) -> Tensor:
    """Describe the place of every cell of B C H W: Float (H W) FEATURES, in [-1, 1].

    Places are shares of the side, so that "left" is the left of a picture of any size.
    """
    down, across = (_waves(x.shape[side], x) for side in (2, 3))
    height, width = down.shape[0], across.shape[0]
    both = torch.cat(
        [down[:, None].expand(-1, width, -1), across[None].expand(height, -1, -1)], dim=-1
    )
    return rearrange(both, "H W F -> (H W) F")


def _waves(cells: int, like: Tensor) -> Tensor:
    """Waves over `cells` centres: Float cells FEATURES/2."""
    numbers = torch.arange(cells, device=like.device, dtype=torch.float32)
    angles = (numbers + 0.5)[:, None] / cells * like.new_tensor(HALF_TURNS).float() * math.pi
    return torch.cat([angles.cos(), angles.sin()], dim=-1)
