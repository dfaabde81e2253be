"""A text in, a plan of what goes where out, and what it says of every cell of the latent."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from molnar.base.rng import PLANNING, generator
from molnar.base.types import Plan
from molnar.plan.items import spread
from molnar.plan.paint import paint
from molnar.plan.planner import Planner, PlannerConfig
from molnar.plan.writing import write
from molnar.text.mentions import said_of


class MolnarPlanner(ModelMixin, ConfigMixin):
    """Writes plans, number by number."""

    @register_to_config
    def __init__(self, sizes: dict[str, Any]) -> None:
        super().__init__()
        self.network = Planner(PlannerConfig(**sizes))

    def forward(
        self, written: Tensor, tokens: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Rate the next number: int64 B S so far -> logits of names, colours and bins, B K each."""
        found: tuple[Tensor, Tensor, Tensor] = self.network(written, tokens, mask)
        return found

    def plan(
        self, tokens: Tensor, mask: Tensor, seed: int, cells: tuple[int, int], said: str = ""
    ) -> Plan:
        """Decide what there will be, in which colour and in which box.

        Args:
            tokens: Of one text, Float 1 L D.
            mask: Bool 1 L.
            seed: Decides what the text leaves open.
            cells: Rows and columns of the latent.
            said: The text itself: names that it says word for word lead.
        """

        def ask(numbers: Any) -> list[Any]:
            rated = self(torch.from_numpy(numbers).to(tokens.device), tokens, mask)
            return [logits.float().cpu().numpy() for logits in rated]

        names, rng = tuple(self.network.config.names), generator(seed, PLANNING)
        return spread(write(ask, names, rng, said=said_of(said, names)), *cells)

    def paint(self, plan: Plan, cells: tuple[int, int]) -> Tensor:
        """Tell every cell of a latent what is planned there: Float 1 F H W."""
        vectors = self.network.vectors
        named = np.asarray(vectors.float().cpu())
        names = dict(zip(self.network.config.names, named, strict=True))
        painted = torch.from_numpy(paint(plan, names, cells, named.shape[1]))
        return painted[None].to(vectors)
