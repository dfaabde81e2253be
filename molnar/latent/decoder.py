"""A raw latent in, the image out: a linear guess per cell, and convolutions that mend its seams.

Source: Conv-SiLU blocks without normalisation, as in the tiny autoencoder TAESD
(https://github.com/madebyollin/taesd): what a cell decodes to depends on its neighbours alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molnar.base.nn.conv import Double, conv3


class PlainBlock(nn.Module):
    """Two 3x3 convolutions with SiLU beside a shortcut; starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv3(channels, channels)
        self.conv2 = conv3(channels, channels)
        for parameter in self.conv2.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Map Float B C H W to the same shape."""
        out: Tensor = x + self.conv2(F.silu(self.conv1(F.silu(x))))
        return out


class Decoder(nn.Module):
    """Latent to pixels, eight times larger.

    Args:
        latent_channels: C.
        image_channels: 4 for premultiplied RGBA.
        widths: channels at 1, 2 and 4 times the latent's size; a pixel shuffle makes it 8.
        blocks: residual blocks at each of these sizes.
    """

    def __init__(
        self,
        latent_channels: int,
        image_channels: int,
        widths: tuple[int, int, int],
        blocks: tuple[int, int, int],
    ) -> None:
        super().__init__()
        first, second, third = widths
        self.guess = nn.ConvTranspose2d(latent_channels, image_channels, 8, stride=8)
        # brings channels of very different size together, so that the network sees the faint ones
        self.balance = nn.Parameter(torch.ones(latent_channels))
        self.coarse = nn.Sequential(
            conv3(latent_channels, first),
            *(PlainBlock(first) for _ in range(blocks[0])),
            Double(first, second),
            *(PlainBlock(second) for _ in range(blocks[1])),
            Double(second, third),
        )
        self.join = conv3(third + 4 * image_channels, third)
        self.fine = nn.Sequential(*(PlainBlock(third) for _ in range(blocks[2])), nn.SiLU())
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.weight.any():
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        self.leave = conv3(third, 4 * image_channels)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(self, raw: Tensor) -> Tensor:
        """Decode Float B C h w to Float B 4 8h 8w, about [-1, 1]; clipping is the caller's."""
        guess: Tensor = self.guess(raw)
        features = self.coarse(raw * self.balance[:, None, None])
        # the guess itself shows where its seams and ringing lie
        features = self.join(torch.cat([features, F.pixel_unshuffle(guess, 2)], dim=1))
        return guess + F.pixel_shuffle(self.leave(self.fine(features)), 2)
