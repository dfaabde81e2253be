"""Token ids in, embeddings out: molnar's text encoder as a diffusers model."""

from __future__ import annotations

from typing import Any

from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from molnar.text.embeddings import TextEncoder, TextEncoderConfig


class MolnarTextEncoder(ModelMixin, ConfigMixin):
    """Embeds texts."""

    @register_to_config
    def __init__(self, sizes: dict[str, Any]) -> None:
        super().__init__()
        self.network = TextEncoder(TextEncoderConfig(**sizes))

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Embed ids int64 B L, mask Bool B L, as tokens Float B L 2D and pooled Float B P."""
        found: tuple[Tensor, Tensor] = self.network(ids, mask)
        return found
