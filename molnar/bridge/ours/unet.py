"""A noisy latent, a time, a text and a plan in, the velocity of the flow out: a diffusers model."""

from __future__ import annotations

from typing import Any

from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from molnar.diffusion.unet import UNet, UNetConfig


class MolnarUNet(ModelMixin, ConfigMixin):
    """Estimates `noise - x0`."""

    @register_to_config
    def __init__(self, sizes: dict[str, Any]) -> None:
        super().__init__()
        self.network = UNet(UNetConfig(**sizes))

    def forward(
        self, sample: Tensor, t: Tensor, text: tuple[Tensor, Tensor, Tensor], plan: Tensor | None
    ) -> Tensor:
        """Estimate the velocity at sample Float B C H W and t Float B, 0 = data, 1 = noise.

        Args:
            sample: The noisy latent.
            t: Its time.
            text: Tokens Float B L D, mask Bool B L and pooled Float B P.
            plan: What is planned for each cell, Float B F H W; None = nothing.
        """
        velocity: Tensor = self.network(sample, t, *text, plan)
        return velocity
