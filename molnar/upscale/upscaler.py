"""Image B 4 H W -> the same image B 4 4H 4W, sharp.

A plain stack of 3x3 convolutions works at the small size, where pixels are cheap, and only its
last layer speaks of the large one: it gives, for each small pixel, the 4x4 large pixels as a
correction to a smooth enlargement. It draws nothing at random and reads no prompt.

Source: Wang et al. 2021, arXiv 2107.10833 (Real-ESRGAN; the compact variant of its code release);
Shi et al. 2016, arXiv 1609.05158, section 3.2 (pixel shuffle).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from molnar.base.errors import ConfigError

# A slope and not a learned PReLU: ONNX Runtime fuses it into the convolution, training is faster.
SLOPE = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class UpscalerConfig:
    """Shape of an `Upscaler`. The default costs 2.5 GFLOP from 128 to 512 pixels."""

    channels: int = 4  # of the picture: premultiplied RGBA
    width: int = 32  # feature channels
    blocks: int = 8  # convolutions, the first and the last included
    scale: int = 4  # pixels out per pixel in, along each side

    def __post_init__(self) -> None:
        for name in ("channels", "width", "scale"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"upscaler {name} is {getattr(self, name)}; it must be at least 1"
                )
        if self.blocks < 2:
            raise ConfigError(
                f"upscaler blocks is {self.blocks}; at least 2 are needed, one in and one out"
            )
        if self.width < self.channels:
            raise ConfigError(
                f"upscaler width {self.width} is less than channels {self.channels}; "
                "raise width, or the picture does not fit through the network"
            )


class Upscaler(nn.Module):
    """Enlarge pictures without changing what is on them.

    Example:
        >>> import torch
        >>> upscaler = Upscaler(UpscalerConfig(width=8, blocks=2))
        >>> upscaler(torch.zeros(1, 4, 16, 24)).shape
        torch.Size([1, 4, 64, 96])
    """

    def __init__(self, config: UpscalerConfig) -> None:
        super().__init__()
        self.config = config
        outputs = config.channels * config.scale**2
        self.first = nn.Conv2d(config.channels, config.width, 3, padding=1)
        self.middle = nn.ModuleList(
            nn.Conv2d(config.width, config.width, 3, padding=1) for _ in range(config.blocks - 2)
        )
        self.last = nn.Conv2d(config.width, outputs, 3, padding=1)
        self._start()

    def _start(self) -> None:
        """Start as the smooth enlargement: the correction is zero, the rest keeps its variance."""
        for layer in (self.first, *self.middle):
            nn.init.kaiming_normal_(layer.weight, a=SLOPE)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """Enlarge.

        Args:
            image: B C H W, premultiplied RGBA in [-1, 1]; any H and W.

        Returns:
            B C scale*H scale*W. May leave [-1, 1] by a little; whoever writes pixels clips.
        """
        features = F.leaky_relu(self.first(image), SLOPE)
        for convolution in self.middle:
            features = F.leaky_relu(convolution(features), SLOPE)
        correction = F.pixel_shuffle(self.last(features), self.config.scale)

        return enlarge(image, self.config.scale) + correction


def enlarge(image: Tensor, scale: int) -> Tensor:
    """Enlarge B C H W smoothly, bilinear: torch and ONNX Runtime compute it alike."""
    return F.interpolate(image, scale_factor=float(scale), mode="bilinear", align_corners=False)
