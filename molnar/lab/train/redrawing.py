"""Training pictures in, their latents as a trained network leaves them out.

A decoder that has met only the latents of true pictures shows every small error of a network as
noise, stains and fringes. So pictures are noised most of the way and drawn again from there: what
is where stays, what is fine becomes the network's own, and the true picture is still known.

Source: Meng et al. 2022, arXiv 2108.01073, section 3 (noise a picture and draw it again).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from molnar.base.errors import ConfigError
from molnar.base.rng import generator
from molnar.base.types import TextEmbedding
from molnar.diffusion.flow import add_noise, denoiser
from molnar.diffusion.objective import guided_velocity
from molnar.diffusion.samplers import dpmpp_2m
from molnar.lab.train.diffusion import DiffusionTask

#: Number of the first picture that is drawn again: far beyond any that the network was trained on.
FIRST = 3_000_000_000
STREAM_SPAN = 51
_BATCH = 40  # pictures drawn again together, from the same time


@dataclass(frozen=True, kw_only=True, slots=True)
class Redrawing:
    """How pictures are drawn again."""

    pictures: int = 2400
    least: float = 0.4  # times, from which ...
    most: float = 0.9  # ... to which they are noised; 1 = no trace is left of the picture
    steps: int = 4
    guidance: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.most < 1:
            raise ConfigError(
                f"redrawing from t = {self.least} to {self.most}; expected 0 < least <= most < 1"
            )
        if self.pictures < 1 or self.steps < 1:
            raise ConfigError(
                f"redrawing {self.pictures} pictures in {self.steps} steps; expected 1 or more"
            )


@torch.no_grad()
def redrawn(task: DiffusionTask, how: Redrawing) -> Tensor:
    """Draw the pictures number FIRST, FIRST + 1, ... of a task again.

    Args:
        task: Its module is trained; it drops no captions and shows square pictures.
        how: How many, and from where.

    Returns:
        Float16 N C h w, on the CPU: latents in the order of the pictures.
    """
    network = task.module.eval()
    device = next(network.parameters()).device
    found: list[Tensor] = []
    for start in range(0, how.pictures, _BATCH):
        size = min(_BATCH, how.pictures - start)
        batch = {key: value.to(device) for key, value in task.batch(FIRST + start, size).items()}
        x0 = task.autoencoder.to(device).encode(batch["image"])
        text = task.embedded(batch["ids"], batch["mask"], batch.get("plan"))
        null = task.texts([""] * size, device, text.mask.shape[1])
        if text.plan is not None:
            null = replace(null, plan=torch.zeros_like(text.plan))

        def guided(x: Tensor, t: Tensor, told: TextEmbedding, null: TextEmbedding = null) -> Tensor:
            return guided_velocity(network, x, t, told, null, how.guidance)

        t = float(generator(task.data.seed, STREAM_SPAN, start).uniform(how.least, how.most))
        x = add_noise(x0, batch["noise"], torch.full((size,), t, device=device))
        for step in dpmpp_2m(denoiser(guided, text), x, np.linspace(t, 0, how.steps + 1)):
            x = step.x
        found.append(x.half().cpu())
    return torch.cat(found)
