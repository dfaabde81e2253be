"""Convolutional blocks that several stages share: residual block, halving, doubling.

Source: He et al. 2015, arXiv 1512.03385 (residual blocks); the scale and shift by a condition are
Dhariwal and Nichol 2021, arXiv 2105.05233, section 3 ("adaptive group normalisation").
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def conv3(channels_in: int, channels_out: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps (stride 1) or halves (stride 2) the size."""
    return nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1)


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation with groups of 16 channels or fewer."""
    return nn.GroupNorm(max(1, channels // 16), channels)


class ResidualBlock(nn.Module):
    """Two normalised 3x3 convolutions beside a shortcut, scaled and shifted by a condition.

    Args:
        channels_in: C of the input.
        channels_out: C of the output; the shortcut is a 1x1 convolution where they differ.
        condition: D of the condition, 0 for none.
    """

    def __init__(self, channels_in: int, channels_out: int, condition: int = 0) -> None:
        super().__init__()
        self.norm1 = group_norm(channels_in)
        self.conv1 = conv3(channels_in, channels_out)
        self.norm2 = group_norm(channels_out)
        self.conv2 = conv3(channels_out, channels_out)
        self.modulation = nn.Linear(condition, 2 * channels_out) if condition else None
        same = channels_in == channels_out
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)
        for parameter in self.conv2.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map Float B C H W (and a condition Float B D) to Float B C' H W."""
        h = self.norm2(self.conv1(F.silu(self.norm1(x))))
        if self.modulation is not None and condition is not None:
            scale, shift = self.modulation(F.silu(condition))[:, :, None, None].chunk(2, dim=1)
            h = h * (1 + scale) + shift
        out: Tensor = self.shortcut(x) + self.conv2(F.silu(h))
        return out


class Halve(nn.Module):
    """Half the height and width by a strided convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = conv3(channels_in, channels_out, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map Float B C H W to Float B C' H/2 W/2."""
        out: Tensor = self.conv(x)
        return out


class Double(nn.Module):
    """Twice the height and width: nearest neighbours, then a convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = conv3(channels_in, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map Float B C H W to Float B C' 2H 2W."""
        out: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out
