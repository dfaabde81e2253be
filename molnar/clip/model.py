"""Pictures and sentences in, unit vectors out that are close where the two fit.

The text tower is the frozen text encoder of the bundle: only a projection of its sentence vector
is learned, and the picture's tower learns to meet it.

Source: Radford et al. 2021, arXiv 2103.00020, section 2.3; locked text with the roles of LiT
exchanged: Zhai et al. 2022, arXiv 2111.07991, section 3; scale and bias: Zhai et al. 2023, arXiv
2303.15343, section 3.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.clip.vision import Vision, VisionConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class CLIPConfig:
    """Sizes of a `CLIP`."""

    vision: VisionConfig = field(default_factory=VisionConfig)
    pooled_width: int = 384  # P of the text encoder's sentence vector
    width: int = 384  # D of the space where the two meet
    scale: float = 10.0  # of the cosine at the start of training
    bias: float = -2.7  # of the logits at the start: about 1 in 16 pairs is taken for a match

    def __post_init__(self) -> None:
        """Check that the towers end in the same space."""
        if self.vision.width != self.width:
            raise ConfigError(
                f"vision.width {self.vision.width} and width {self.width} differ; give one value"
            )
        if self.scale <= 0:
            raise ConfigError(f"scale is {self.scale}; it must be above 0")


class CLIP(nn.Module):
    """How well pictures and sentences fit.

    Example:
        >>> clip = CLIP(CLIPConfig(vision=VisionConfig(channels=(8, 8)), pooled_width=16))
        >>> image = clip.image_features(torch.zeros(2, 4, 64, 64))
        >>> text = clip.text_features(torch.randn(3, 16))
        >>> clip.similarity(image, text).shape
        torch.Size([2, 3])
    """

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.config = config
        self.vision = Vision(config.vision)
        self.text = nn.Linear(config.pooled_width, config.width, bias=False)
        nn.init.orthogonal_(
            self.text.weight
        )  # keeps the distances that the text encoder has learned
        self.log_scale = nn.Parameter(torch.tensor(math.log(config.scale)))
        self.bias = nn.Parameter(torch.tensor(config.bias))

    def image_features(self, image: Tensor) -> Tensor:
        """Map premultiplied RGBA Float B 4 H W in [-1, 1] to unit vectors Float B D."""
        return F.normalize(self.vision(image).float(), dim=-1)

    def text_features(self, pooled: Tensor) -> Tensor:
        """Map the text encoder's sentence vectors Float B P to unit vectors Float B D."""
        return F.normalize(self.text(pooled).float(), dim=-1)

    def similarity(self, image: Tensor, text: Tensor) -> Tensor:
        """Compare features of pictures B D and of texts M D: cosines Float B M in [-1, 1]."""
        return image @ text.T

    def forward(self, image: Tensor, pooled: Tensor) -> Tensor:
        """Give the logits Float B M of "this text describes this picture" for all pairs."""
        cosines = self.similarity(self.image_features(image), self.text_features(pooled))
        return cosines * self.log_scale.exp() + self.bias
