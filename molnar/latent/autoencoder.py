"""Image <-> latent: encoder and decoder with the normalisation that belongs to them.

No caller ever multiplies by a latent factor: `encode` gives what diffusion wants (mean 0, variance
about 1), `decode` takes it back. Pictures are premultiplied RGBA, so that transparency is just one
more channel.

Source: Rombach et al. 2022, arXiv 2112.10752, section 3.1; nothing is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.latent.decoder import Decoder
from molnar.latent.encoder import ConvEncoder, LinearEncoder


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """Sizes of an :class:`Autoencoder`."""

    image_channels: int = 4  # premultiplied RGBA
    latent_channels: int = 20  # C
    downscale: int = 8  # pixels per cell, each way
    encoder: Literal["linear", "conv"] = "linear"  # linear: fitted in closed form; conv: trained
    encoder_widths: tuple[int, int, int] = (64, 128, 256)  # conv encoder only
    decoder_widths: tuple[int, int, int] = (128, 64, 32)  # at 1, 2 and 4 times the latent's size
    decoder_blocks: tuple[int, int, int] = (3, 2, 2)

    def __post_init__(self) -> None:
        """Check that encoder and decoder meet."""
        if self.downscale != 8:
            raise ConfigError(
                f"downscale is {self.downscale}, and the decoder enlarges by 8: set it to 8"
            )


class Autoencoder(nn.Module):
    """Encode pictures to latents and back.

    Example:
        >>> net = Autoencoder(AutoencoderConfig(latent_channels=8))
        >>> latent = net.encode(torch.zeros(1, 4, 64, 64))
        >>> tuple(latent.shape), tuple(net.decode(latent).shape)
        ((1, 8, 8, 8), (1, 4, 64, 64))
    """

    shift: Tensor
    scale: Tensor
    preview: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        """Build both halves with fresh weights and an identity normalisation."""
        super().__init__()
        self.config = config
        channels, images = config.latent_channels, config.image_channels
        if config.encoder == "linear":
            self.encoder: nn.Module = LinearEncoder(images, channels, config.downscale)
        else:
            self.encoder = ConvEncoder(images, channels, config.encoder_widths)
        self.decoder = Decoder(channels, images, config.decoder_widths, config.decoder_blocks)
        self.register_buffer("shift", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))
        self.register_buffer(
            "preview", torch.zeros(images, channels + 1)
        )  # see LatentFormat.preview

    def encode(self, image: Tensor) -> Tensor:
        """Map Float B 4 H W in [-1, 1] to a latent Float B C H/8 W/8."""
        raw: Tensor = self.encoder(image)
        return (raw - self.shift[:, None, None]) / self.scale[:, None, None]

    def decode(self, latent: Tensor) -> Tensor:
        """Map a latent Float B C h w to Float B 4 8h 8w, about [-1, 1]."""
        out: Tensor = self.decoder(latent * self.scale[:, None, None] + self.shift[:, None, None])
        return out

    def forward(self, image: Tensor) -> Tensor:
        """Encode and decode again."""
        return self.decode(self.encode(image))
