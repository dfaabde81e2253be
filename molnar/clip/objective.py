"""Logits of all pairs and which of them match -> how wrong they are.

Every pair is a question of its own ("does this text describe this picture?"), so a text may match
several pictures and a picture several texts, and texts that match no picture may be added to make
it harder.

Source: Zhai et al. 2023, arXiv 2303.15343, section 3.2, equation 1.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def pair_loss(logits: Tensor, positives: Tensor) -> Tensor:
    """Give the mean over pictures of the summed log loss of their pairs.

    Args:
        logits: Float B M, pictures by texts.
        positives: Bool B M, True where the text describes the picture.

    Raises:
        ValueError: the shapes differ.
    """
    if logits.shape != positives.shape:
        raise ValueError(
            f"logits are {tuple(logits.shape)}, positives {tuple(positives.shape)}; they must agree"
        )
    signs = positives.to(logits.dtype) * 2 - 1
    return -F.logsigmoid(signs * logits).sum(dim=1).mean()


def retrieved(logits: Tensor, positives: Tensor) -> float:
    """Share of the pictures, 0 to 1, whose best text of the M describes them."""
    best = logits.argmax(dim=1, keepdim=True)
    return float(positives.gather(1, best).float().mean())
