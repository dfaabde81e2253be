"""A decoded picture and its look in, the same picture with the surface of that look out.

What makes some looks is fine: the corners of pixels, the grain of paper, the seams between tiles.
Cells of 8x8 pixels hardly hold it, and a network that draws in such cells leaves it vague. So a
small stack of convolutions paints over the picture, told by name how all of it is drawn. Grain and
tiles lie where they always lie, which convolutions cannot know: planes of texture are learned, too.

Source: Dumoulin et al. 2017, arXiv 1610.07629, section 2.2 (one network of many styles: a scale
and a shift of its features each); Karras et al. 2019, arXiv 1812.04948, section 2 (learned planes
as input).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.looks import FINE
from molnar.base.nn.conv import conv3


@dataclass(frozen=True, kw_only=True)
class FinisherConfig:
    """Sizes of a :class:`Finisher`. The default costs 1 GFLOP for 128 pixels."""

    image_channels: int = 4  # premultiplied RGBA
    width: int = 40  # feature channels, at half the picture's size
    blocks: int = 4
    textures: int = 12  # learned planes
    period: int = 64  # rows and columns of a plane; beyond, it is mirrored
    manners: tuple[str, ...] = FINE  # K names of plans, in the order of the input

    def __post_init__(self) -> None:
        """Check that it can be told anything, and has room for the picture."""
        if not self.manners or len(set(self.manners)) != len(self.manners):
            raise ConfigError("a finisher needs names of looks, each once")
        for name in ("width", "blocks", "period"):
            if getattr(self, name) < 1:
                raise ConfigError(f"finisher {name} is {getattr(self, name)}; expected 1 or more")


class Finisher(nn.Module):
    """Paint over pictures.

    Example:
        >>> finisher = Finisher(FinisherConfig(width=8, blocks=1))
        >>> manner = torch.eye(4)[:1]
        >>> finisher(torch.zeros(1, 4, 32, 48), manner).shape
        torch.Size([1, 4, 32, 48])
    """

    def __init__(self, config: FinisherConfig) -> None:
        """Begin with weights that leave every picture as it is."""
        super().__init__()
        self.config = config
        pixels = 4 * config.image_channels
        self.textures = nn.Parameter(_planes(config.textures, config.period))
        self.enter = conv3(pixels + config.textures, config.width)
        self.blocks = nn.ModuleList(
            _Block(config.width, len(config.manners)) for _ in range(config.blocks)
        )
        self.leave = conv3(config.width, pixels)
        nn.init.kaiming_normal_(self.enter.weight, nonlinearity="relu")
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(self, image: Tensor, manner: Tensor) -> Tensor:
        """Paint over a picture.

        Args:
            image: Float B 4 H W in [-1, 1], premultiplied; H and W are even.
            manner: Float B K, 1 for what it is to be, else 0.

        Returns:
            Float B 4 H W, about [-1, 1]; clipping is the caller's.
        """
        small = F.pixel_unshuffle(image, 2)
        rows, columns = (
            self._mirrored(torch.arange(n, device=image.device)) for n in small.shape[2:]
        )
        plane = self.textures[:, rows][:, :, columns]
        plane = plane.to(small).expand(small.shape[0], *plane.shape)
        features = self.enter(torch.cat([small, plane], dim=1))
        for block in self.blocks:
            features = block(features, manner)
        correction: Tensor = F.pixel_shuffle(self.leave(F.silu(features)), 2)
        return image + correction

    def _mirrored(self, places: Tensor) -> Tensor:
        """Give the rows of a plane that lie at places 0, 1, ...: to its end, and back again."""
        last = self.config.period - 1
        return last - (last - places % max(1, 2 * last)).abs()


def _planes(count: int, period: int) -> Tensor:
    """Begin with which rows and which columns are even, as far as there is room, and faint noise.

    Large pixels begin at even ones. Where noise is not faint, less is learned.
    """
    planes = 0.1 * torch.randn(count, period, period)
    even = 1.0 - 2.0 * (torch.arange(period) % 2)
    planes[:1], planes[1:2] = even[:, None], even[None, :]
    return planes


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut, scaled and shifted by what the picture is to be."""

    def __init__(self, channels: int, manners: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv3(channels, channels), conv3(channels, channels)
        self.modulation = nn.Linear(manners, 2 * channels)
        nn.init.zeros_(self.modulation.bias)
        nn.init.kaiming_normal_(self.conv1.weight, nonlinearity="relu")
        for parameter in self.conv2.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, manner: Tensor) -> Tensor:
        """Map Float B C H W and Float B K to Float B C H W."""
        scale, shift = self.modulation(manner)[:, :, None, None].chunk(2, dim=1)
        h = self.conv1(F.silu(x)) * (1 + scale) + shift
        out: Tensor = x + self.conv2(F.silu(h))
        return out
