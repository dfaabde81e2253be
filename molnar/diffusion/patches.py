"""A latent B C H W -> a sequence of its p x p patches, and back; and where each patch lies.

Source: Dosovitskiy et al. 2020, arXiv 2010.11929, section 3.1.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor


def patchify(x: Tensor, patch: int) -> Tensor:
    """Cut Float B C H W, multiples of ``patch``, into Float B (H/p W/p) (C p p), row by row."""
    return rearrange(x, "B C (H p) (W q) -> B (H W) (C p q)", p=patch, q=patch)


def unpatchify(sequence: Tensor, height: int, width: int, patch: int) -> Tensor:
    """Put Float B (H/p W/p) (C p p) together as Float B C H W: undoes `patchify`."""
    return rearrange(
        sequence,
        "B (H W) (C p q) -> B C (H p) (W q)",
        H=height // patch,
        W=width // patch,
        p=patch,
        q=patch,
    )


def centres(length: int, patch: int, device: torch.device) -> Tensor:
    """Place the patches of a side of ``length`` cells, in cells: 0, 1, ... or .5, 2.5, ...

    Counted in cells and not in patches, so that a network sees the same distances with any patch.
    """
    count = length // patch
    return torch.arange(count, device=device, dtype=torch.float32) * patch + (patch - 1) / 2
