"""A finished network in, what another one learns of it out: guidance in one estimate, a few steps.

Source: Meng et al. 2023, arXiv 2210.03142, section 3.1 (guidance in one estimate) and 3.2 (fewer
steps); told where a step ends: Boffi et al. 2024, arXiv 2406.07507.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.types import TextEmbedding
from molnar.diffusion.flow import add_noise, velocity
from molnar.diffusion.objective import first_rows, guided_velocity, mean_velocity
from molnar.lab.train.workspace import load_weights


class Lesson(NamedTuple):
    """One batch as it is taught."""

    x: Tensor  # noisy latents, Float B C H W
    text: TextEmbedding  # what the network is told of them
    target: Tensor  # the velocity that it is to give, Float B C H W


class Teacher:
    """A finished network, frozen, and how its knowledge is passed on."""

    def __init__(self, like: nn.Module, weights: str, scale: float) -> None:
        """Read its weights.

        Args:
            like: a network of the same sizes.
            weights: a safetensors file.
            scale: of its guidance; 1 = off.

        Raises:
            TrainingError: the weights are of another network.
        """
        self.network: Any = copy.deepcopy(like).eval().requires_grad_(False)
        self.scale = scale
        load_weights(self.network, Path(weights))

    @torch.no_grad()
    def lesson(
        self,
        x0: Tensor,
        noise: Tensor,
        t: Tensor,
        text: TextEmbedding,
        null: TextEmbedding,
        legs: Tensor | None = None,
    ) -> Lesson:
        """Say what to learn of a batch.

        Args:
            x0: latents, Float B C H W.
            noise: the same shape, standard normal.
            t: Float B.
            text: what they show.
            null: the embedding of nothing, B rows of the same length.
            legs: large steps (see `flowmap.legs`), Float N K, that the first N rows learn; the
                others then learn the pictures' velocity. None = all learn the guided velocity.
        """
        x, network = add_noise(x0, noise, t), self.network.to(x0.device)
        if legs is None:
            return Lesson(x, text, guided_velocity(network, x, t, text, null, self.scale))
        count = len(legs)
        some, nothing = first_rows(text, count), first_rows(null, count)
        mean = mean_velocity(network, x[:count], legs, some, nothing, self.scale)
        told = replace(text, until=torch.cat([legs[:, -1], t[count:]]))
        return Lesson(x, told, torch.cat([mean, velocity(x0, noise)[count:]]))


def check_few(few: Sequence[int], share: float, taught: bool, mapped: bool) -> None:
    """Refuse few steps that nobody teaches, or that the network cannot learn.

    Args:
        few: numbers of steps.
        share: of a batch that learns them.
        taught: is there a teacher?
        mapped: has the network a flow map?

    Raises:
        ConfigError: they cannot be learned.
    """
    if few and not (taught and mapped):
        lacking = "a network with flow_map=true" if taught else "a teacher"
        raise ConfigError(f"few is {tuple(few)} without {lacking}; give both, or no few")
    if few and (min(few) < 2 or not 0 < share <= 1):
        raise ConfigError(
            f"few is {tuple(few)} and few_p {share}; expected 2 steps or more, and above 0 to 1"
        )
