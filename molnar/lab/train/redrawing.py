"""Training pictures in, their latents as a trained network leaves them out.

A decoder that has met only the latents of true pictures shows every small error of a network as
noise, stains and fringes. So pictures are noised most of the way and drawn again from there: what
is where stays, what is fine becomes the network's own, and the true picture is still known.

Source: Meng et al. 2022, arXiv 2108.01073, section 3 (noise a picture and draw it again).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.rng import generator
from molnar.base.types import TextEmbedding
from molnar.diffusion.flow import add_noise, denoiser
from molnar.diffusion.objective import guided_velocity
from molnar.diffusion.samplers import dpmpp_2m
from molnar.lab.train.checkpoint import replace_durably
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
    invented: int = 0  # more pictures, drawn from noise alone in twice the steps ...
    insistence: float = 1.5  # ... with as much more guidance, at most: what no true picture shows

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.most < 1:
            raise ConfigError(
                f"redrawing from t = {self.least} to {self.most}; expected 0 < least <= most < 1"
            )
        if self.pictures < 1 or self.steps < 1:
            raise ConfigError(
                f"redrawing {self.pictures} pictures in {self.steps} steps; expected 1 or more"
            )
        if self.invented < 0:
            raise ConfigError(f"{self.invented} invented pictures; expected 0 or more")


@torch.no_grad()
def redrawn(task: DiffusionTask, how: Redrawing) -> Tensor:
    """Draw the pictures number FIRST, FIRST + 1, ... of a task again.

    Args:
        task: Its module is trained; it drops no captions and shows square pictures.
        how: How many, and from where.

    Returns:
        Float16 N C h w, on the CPU: latents in the order of the pictures, those that are drawn from
        noise alone last.
    """
    network = task.module.eval()
    device = next(network.parameters()).device
    found: list[Tensor] = []
    runs = [(at, min(_BATCH, how.pictures - at)) for at in range(0, how.pictures, _BATCH)]
    whole = how.pictures + how.invented
    runs += [(at, min(_BATCH, whole - at)) for at in range(how.pictures, whole, _BATCH)]
    for start, size in runs:
        batch = {key: value.to(device) for key, value in task.batch(FIRST + start, size).items()}
        x0 = task.autoencoder.to(device).encode(batch["image"])
        text = task.embedded(batch["ids"], batch["mask"], batch.get("plan"))
        null = task.texts([""] * size, device, text.mask.shape[1])
        if text.plan is not None:
            null = replace(null, plan=torch.zeros_like(text.plan))

        chance = generator(task.data.seed, STREAM_SPAN, start)
        t, steps, scale = float(chance.uniform(how.least, how.most)), how.steps, how.guidance
        if start >= how.pictures:
            t, steps, scale = 1.0, 2 * steps, scale + how.insistence * float(chance.random())
        guided = partial(_guided, network, null, scale)
        x = add_noise(x0, batch["noise"], torch.full((size,), t, device=device))
        times = torch.linspace(t, 0, steps + 1)  # of single precision: autocast knows no other
        for step in dpmpp_2m(denoiser(guided, text), x, times):
            x = step.x
        found.append(x.float().cpu())
    return torch.cat(found).half()


def _guided(
    network: nn.Module, null: TextEmbedding, scale: float, x: Tensor, t: Tensor, told: TextEmbedding
) -> Tensor:
    return guided_velocity(network, x, t, told, null, scale)


def digest(latents: Tensor) -> str:
    """Give 16 digits of the sha256 of latents: what is trained on others is another run."""
    return hashlib.sha256(latents.contiguous().numpy().tobytes()).hexdigest()[:16]


def kept(path: Path, make: Callable[[], Tensor]) -> Tensor:
    """Read latents from a file, or make them and keep them there: minutes on a CPU."""
    if path.is_file():
        return torch.as_tensor(load_file(path)["latents"])
    sys.stderr.write("letting the trained network draw pictures again: minutes on a CPU\n")
    latents = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_durably(path, save({"latents": latents}))
    return latents
