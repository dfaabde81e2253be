"""An image in, the raw latent out: one linear map per 8x8 patch, or a small convolutional network.

The linear encoder is fitted in closed form (principal components of patches, `lab/train/vae.py`):
on two CPU cores that is seconds instead of hours, and its latent is as smooth as the picture.

Source: Rombach et al. 2022, arXiv 2112.10752, section 3.1, for the role of the latent;
the convolutional encoder is theirs at a tenth of the size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from molnar.base.nn.conv import Halve, ResidualBlock, conv3


class LinearEncoder(nn.Module):
    """Square patches of pixels times one matrix: Float B 4 H W -> Float B C h w."""

    def __init__(self, image_channels: int, latent_channels: int, downscale: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(image_channels, latent_channels, downscale, stride=downscale)

    def forward(self, image: Tensor) -> Tensor:
        """Encode an image in [-1, 1], H and W multiples of the downscale."""
        raw: Tensor = self.project(image)
        return raw


class ConvEncoder(nn.Module):
    """Halve three times, then project: Float B 4 H W -> Float B C H/8 W/8, kept within +-3."""

    def __init__(
        self, image_channels: int, latent_channels: int, widths: tuple[int, int, int]
    ) -> None:
        super().__init__()
        first, second, third = widths
        self.network = nn.Sequential(
            conv3(image_channels, first),
            Halve(first, first),
            ResidualBlock(first, first),
            Halve(first, second),
            ResidualBlock(second, second),
            Halve(second, third),
            ResidualBlock(third, third),
            ResidualBlock(third, third),
            nn.Conv2d(third, latent_channels, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Encode an image in [-1, 1], H and W multiples of 8."""
        # a soft bound keeps outliers from setting the scale of the whole latent
        return 3.0 * torch.tanh(self.network(image) / 3.0)
