"""A picture B 4 H W in, one vector per picture out: a small convolutional network.

The picture is laid on white and shrunk to one size. The last feature map is flattened instead of
averaged, since "left of" is lost in an average.

Source: He et al. 2015, arXiv 1512.03385 (residual blocks).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.nn.conv import Halve, ResidualBlock, conv3, group_norm


@dataclass(frozen=True, kw_only=True, slots=True)
class VisionConfig:
    """Sizes of a `Vision`. The default has 3.6 million parameters."""

    image_size: int = 64  # pixels, each side of what the network sees
    channels: tuple[int, ...] = (
        48,
        96,
        192,
        256,
    )  # per level; the first works at half the image size
    blocks: int = 1  # residual blocks per level
    width: int = 384  # of the vector

    def __post_init__(self) -> None:
        """Check that the image can be halved as often as there are levels."""
        if not self.channels or min(self.channels) < 1:
            raise ConfigError(
                f"channels {self.channels} must hold at least one level of at least 1"
            )
        if self.image_size % 2 ** len(self.channels):
            raise ConfigError(
                f"image_size {self.image_size} cannot be halved {len(self.channels)} times for "
                f"channels {self.channels}; "
                f"give a multiple of {2 ** len(self.channels)}"
            )


class Vision(nn.Module):
    """One vector per picture.

    Example:
        >>> import torch
        >>> Vision(VisionConfig(channels=(8, 16), width=12))(torch.zeros(2, 4, 128, 128)).shape
        torch.Size([2, 12])
    """

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.channels
        layers: list[nn.Module] = [conv3(3, widths[0], stride=2)]
        for level, width in enumerate(widths):
            layers += [Halve(widths[level - 1], width)] if level else []
            layers += [ResidualBlock(width, width) for _ in range(config.blocks)]
        layers += [group_norm(widths[-1]), nn.SiLU(), nn.Flatten()]
        side = config.image_size // 2 ** len(widths)
        self.features = nn.Sequential(*layers)
        self.out = nn.Linear(widths[-1] * side**2, config.width)

    def forward(self, image: Tensor) -> Tensor:
        """Describe pictures.

        Args:
            image: Float B 4 H W, premultiplied RGBA in [-1, 1]; square, of any size.

        Returns:
            Float B D, not normalised.
        """
        seen = shrink(on_white(image), self.config.image_size)
        vector: Tensor = self.out(self.features(seen))
        return vector


def on_white(image: Tensor) -> Tensor:
    """Lay premultiplied RGBA Float B 4 H W on white: Float B 3 H W, both in [-1, 1].

    In [0, 1] the result is colour + (1 - alpha); in [-1, 1] the same sum comes out.
    """
    return image[:, :3] + 1 - image[:, 3:]


def shrink(image: Tensor, size: int) -> Tensor:
    """Bring Float B C H W to ``size`` by the area average: thin lines stay; also enlarges."""
    return image if image.shape[-2:] == (size, size) else F.adaptive_avg_pool2d(image, size)
