"""Two large images B 4 H W, ours and the true one -> how far apart they are.

Absolute differences of the pixels, and of their steps to the right and downwards at three sizes.
The steps are what the eye calls an edge, and they are what a smooth enlargement gets wrong. Alpha
counts like a colour, and so do the colours as they look on white: premultiplied colours are those
on black, and where they err one way and alpha the other, a rim shows on white alone.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from molnar.base.nn.edges import edge_difference

EDGES = 1.0  # weight of the steps beside the pixels


class UpscaleLoss(NamedTuple):
    """What `upscale_loss` found: scalars, in the units of the image, [-1, 1]."""

    total: Tensor
    pixels: Tensor
    edges: Tensor


def upscale_loss(predicted: Tensor, truth: Tensor) -> UpscaleLoss:
    """Compare two images B C H W in [-1, 1]; four channels are RGBA, premultiplied.

    Raises:
        ValueError: the shapes differ.
    """
    if predicted.shape != truth.shape:
        raise ValueError(
            f"predicted is {tuple(predicted.shape)}, truth is {tuple(truth.shape)}; they must agree"
        )
    difference = (predicted - truth).float()
    if difference.shape[1] == 4:  # laid on white: colour + 1 - alpha
        difference = torch.cat([difference, difference[:, :3] - difference[:, 3:]], dim=1)
    pixels = difference.abs().mean()
    edges = edge_difference(difference)
    return UpscaleLoss(pixels + EDGES * edges, pixels, edges)
