"""What a latent is: its channels, its size, and what colours it hints at. No torch here.

A latent is float32 B C h w with mean about 0 and variance about 1 over all channels together; one
cell stands for `downscale` x `downscale` pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import ConfigError


def ratio_of(aspect: str) -> float:
    """Read width:height.

    Example:
        >>> ratio_of("3:2")
        1.5
    """
    width, height = aspect.split(":")
    return float(width) / float(height)


@dataclass(frozen=True, kw_only=True)
class LatentFormat:
    """The contract between diffusion, which only sees latents, and the decoder.

    Example:
        >>> LatentFormat(channels=16).shape(height=128, width=192)
        (16, 16, 24)
    """

    channels: int = 16  # C
    downscale: int = 8  # pixels per cell, each way
    multiple: int = 4  # cells: height and width of a latent must divide by it (levels of the U-Net)
    preview: tuple[tuple[float, ...], ...] = ()  # [4][C + 1]: RGBA in [-1, 1] = matrix (latent, 1)

    def __post_init__(self) -> None:
        """Check the preview matrix against the channels."""
        rows = [len(row) for row in self.preview]
        if rows and rows != [self.channels + 1] * 4:
            raise ConfigError(
                f"preview has rows of {rows} and channels is {self.channels}: give 4 rows of C + 1"
            )

    def shape(self, *, height: int, width: int) -> tuple[int, int, int]:
        """Shape (C, h, w) of the latent of a picture of height x width pixels."""
        return self.channels, height // self.downscale, width // self.downscale

    def size_of(self, ratio: float, area: float) -> tuple[int, int]:
        """Give the height and width in pixels that are nearest to a shape and can be drawn.

        Args:
            ratio: width over height.
            area: pixels.
        """
        cell = self.downscale * self.multiple
        height = max(1, round(math.sqrt(area / ratio) / cell)) * cell
        width = max(1, round(math.sqrt(area * ratio) / cell)) * cell
        return height, width

    def preview_of(self, latent: NDArray[Any]) -> NDArray[np.float32]:
        """Guess the picture, one pixel per cell: float B C h w -> float32 B 4 h w in [-1, 1].

        No network runs; it is what a progress bar or a browser shows while a picture is drawn.
        """
        if not self.preview:
            raise ConfigError("this latent format has no preview matrix: train the part vae again")
        matrix = np.asarray(self.preview, np.float32)
        colours = np.einsum("rc,bchw->brhw", matrix[:, :-1], np.asarray(latent, np.float32))
        shifted = colours + matrix[:, -1][None, :, None, None]
        return np.asarray(np.clip(shifted, -1, 1), np.float32)
