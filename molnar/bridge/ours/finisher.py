"""A picture and its plan in, the same one with its look's surface out, as a diffusers model."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from molnar.base.looks import told
from molnar.base.types import Plan
from molnar.latent.finisher import Finisher, FinisherConfig


class MolnarFinisher(ModelMixin, ConfigMixin):
    """Paints over pictures whose plan says how all of them is drawn."""

    @register_to_config
    def __init__(self, sizes: dict[str, Any]) -> None:
        super().__init__()
        self.network = Finisher(FinisherConfig(**sizes | {"manners": tuple(sizes["manners"])}))

    def forward(self, image: Tensor, plan: Plan) -> Tensor:
        """Paint over Float 1 4 H W, premultiplied, in [-1, 1], if the plan asks for it."""
        manner = told(plan, self.network.config.manners)
        if manner is None:
            return image
        painted: Tensor = self.network(image, torch.from_numpy(manner).to(image))
        return painted
