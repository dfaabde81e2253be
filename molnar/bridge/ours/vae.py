"""Image <-> latent: molnar's autoencoder as a diffusers model."""

from __future__ import annotations

from typing import Any

from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor

from molnar.latent.autoencoder import Autoencoder, AutoencoderConfig


class MolnarVAE(ModelMixin, ConfigMixin):
    """Encodes and decodes pictures; no caller ever scales a latent."""

    @register_to_config
    def __init__(self, sizes: dict[str, Any]) -> None:
        super().__init__()
        self.network = Autoencoder(AutoencoderConfig(**sizes))

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """Load it as any other model, but whole: its decoder looks at its own fresh weights."""
        return super().from_pretrained(*args, **{**kwargs, "low_cpu_mem_usage": False})

    @apply_forward_hook
    def encode(self, image: Tensor) -> Tensor:
        """Turn Float B 4 H W in [-1, 1], premultiplied, into a latent Float B C H/8 W/8."""
        return self.network.encode(image)

    @apply_forward_hook
    def decode(self, latent: Tensor) -> Tensor:
        """Turn a latent Float B C h w into Float B 4 8h 8w, about [-1, 1], premultiplied."""
        return self.network.decode(latent)

    def preview(self, latent: Tensor) -> Tensor:
        """Guess the picture, one pixel per cell: Float B C h w -> Float B 4 h w."""
        matrix = self.network.preview.to(latent)
        colours = (matrix[None, :, :-1, None, None] * latent[:, None]).sum(dim=2)
        return (colours + matrix[None, :, -1, None, None]).clamp(-1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Encode and decode again."""
        return self.decode(self.encode(image))
