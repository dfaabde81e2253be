"""A small picture in, the same one enlarged out: molnar's upscaler as a diffusers model."""

from __future__ import annotations

from typing import Any

from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from molnar.upscale.upscaler import Upscaler, UpscalerConfig


class MolnarUpscaler(ModelMixin, ConfigMixin):
    """Enlarges pictures."""

    @register_to_config
    def __init__(self, sizes: dict[str, Any]) -> None:
        super().__init__()
        self.network = Upscaler(UpscalerConfig(**sizes))

    @property
    def scale(self) -> int:
        """Pixels out per pixel in, along each side."""
        return self.network.config.scale

    def forward(self, image: Tensor) -> Tensor:
        """Enlarge Float B 4 H W, premultiplied, in [-1, 1]."""
        large: Tensor = self.network(image)
        return large
