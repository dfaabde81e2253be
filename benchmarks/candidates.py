"""The networks and objectives that `experiments.py` compares, at equal operations per picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from molnar.base.nn.conv import Double, Halve, ResidualBlock, conv3, group_norm
from molnar.base.nn.modulation import SharedModulation
from molnar.base.nn.rope import axial_angles
from molnar.base.nn.time import TimeEmbedding
from molnar.diffusion.networks import build, kind_of
from molnar.diffusion.patches import centres
from molnar.diffusion.planned import Planned
from molnar.diffusion.transformer import JointBlock, TransformerConfig
from molnar.diffusion.unet import UNetConfig
from molnar.lab.train.diffusion import DiffusionTask

GIVEN = {"latent_channels": 20, "text_width": 512, "pooled_width": 384, "plan": 405}
UNET = UNetConfig(
    channels=(64, 112, 112), blocks=(2, 2, 1), context=128, condition=128, layout=32,
    plan_width=48, **GIVEN,
)  # fmt: skip
WIDE = TransformerConfig(width=192, depth=8, heads=4, hidden=512, plan_width=48, **GIVEN)
FINE = TransformerConfig(patch=1, width=128, depth=6, heads=4, hidden=344, plan_width=48, **GIVEN)
QUICK = replace(WIDE, depth=6)
ALIGNED = 0.5  # weight of the alignment's loss (REPA, arXiv 2410.06940, section 4)
NEAR = 0.05  # least time that a picture's estimate is divided by (arXiv 2511.13720, section 4)


class Hybrid(nn.Module):
    """Convolutions at the latent's size, a transformer over 64 tokens and the words inside.

    Source: Bao et al. 2022, arXiv 2209.12152 (long skips around a transformer); Hoogeboom et al.
    2023, arXiv 2301.11093, section 3.4 (convolutions outside, attention inside).
    """

    def __init__(
        self, channels: int = 64, blocks: int = 2, width: int = 160, depth: int = 6
    ) -> None:
        super().__init__()
        self.config = replace(WIDE, width=width, depth=depth, heads=4, hidden=width * 8 // 3)
        self.time = TimeEmbedding(width)
        self.pooled_in = nn.Linear(GIVEN["pooled_width"], width)
        self.text_in = nn.Linear(GIVEN["text_width"], width)
        self.enter = conv3(GIVEN["latent_channels"], channels)
        self.planned = Planned(GIVEN["plan"], 48, channels)
        self.down = nn.ModuleList(ResidualBlock(channels, channels, width) for _ in range(blocks))
        self.shrink = Halve(channels, width)
        self.modulation = SharedModulation(width, branches=2)
        self.blocks = nn.ModuleList(JointBlock(self.config) for _ in range(depth))
        self.grow = Double(width, channels)
        self.up = nn.ModuleList(ResidualBlock(2 * channels, channels, width) for _ in range(blocks))
        self.leave_norm = group_norm(channels)
        self.leave = conv3(channels, GIVEN["latent_channels"])
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(
        self, x: Tensor, t: Tensor, tokens: Tensor, mask: Tensor, pooled: Tensor, plan: Tensor
    ) -> Tensor:
        """Estimate ``noise - x0``; shapes as of `UNet.forward`."""
        condition = self.time(t) + self.pooled_in(pooled * pooled.shape[-1] ** 0.5)
        h = self.enter(x) + self.planned(plan)
        kept = []
        for block in self.down:
            h = block(h, condition)
            kept.append(h)
        h = self.shrink(h)
        rows, columns = h.shape[2:]
        length = tokens.shape[1]
        sequence = torch.cat([self.text_in(tokens), rearrange(h, "B D H W -> B (H W) D")], dim=1)
        half = self.config.width // self.config.heads
        places = axial_angles(centres(rows, 1, x.device), centres(columns, 1, x.device), half)
        angles = torch.cat([places.new_zeros(length, half // 2), places])
        allowed = torch.cat([mask, mask.new_ones(mask.shape[0], rows * columns)], dim=1)
        shared = self.modulation(condition)
        for block in self.blocks:
            sequence = block(sequence, shared, angles, allowed)
        h = h + rearrange(sequence[:, length:], "B (H W) D -> B D H W", H=rows)
        h = self.grow(h)
        for block in self.up:
            h = block(torch.cat([h, kept.pop()], dim=1), condition)
        velocity: Tensor = self.leave(F.silu(self.leave_norm(h)))
        return velocity


class PictureFirst(nn.Module):
    """A network that estimates the picture, seen as one that estimates the velocity.

    Source: Li and He 2025, arXiv 2511.13720, section 4 (x-prediction, loss on the velocity).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, t: Tensor, *text: Tensor) -> Tensor:
        """Estimate ``noise - x0`` = (x_t - x0) / t."""
        out: Tensor = (x - self.network(x, t, *text)) / t.clamp(min=NEAR)[:, None, None, None]
        return out


class AlignedTask(DiffusionTask):
    """Also tell a layer in the middle which thing covers each of its cells, by the exact masks.

    Source: Yu et al. 2024, arXiv 2410.06940, section 3.2 (alignment of a middle layer), with true
    labels in the place of another network's features.
    """

    def prepare(self) -> None:
        """Add the map from the layer's channels to names, and keep what the layer says."""
        module: Any = self.module
        module.say = nn.Conv2d(module.config.channels[1], GIVEN["pooled_width"], 1)
        module.down[1][-1].register_forward_hook(lambda _, __, out: setattr(self, "said", out))

    def batch(self, seen: int, size: int) -> dict[str, Tensor]:
        """Add labels Float B P 8 8: the name's vector of what covers a cell, by coverage."""
        found = super().batch(seen, size)
        labels = [self._labels(self.source.sample(number)) for number in range(seen, seen + size)]
        return {**found, "labels": torch.from_numpy(np.stack(labels))}

    def _labels(self, sample: Any) -> Any:
        side = sample.masks.shape[1] // 8
        covers = sample.masks.reshape(-1, 8, side, 8, side).mean((2, 4)) / 255
        told = np.zeros((GIVEN["pooled_width"], 8, 8), np.float32)
        for thing, cover in zip(sample.spec.things, covers, strict=True):
            if thing.name in self.names:
                told += self.names[thing.name][:, None, None] * cover
        return told

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Add the cosine distance of cells that something covers."""
        total, extras = super().loss(batch)
        if "labels" not in batch:
            return total, extras
        module: Any = self.module
        labels = batch["labels"]
        cosine = F.cosine_similarity(module.say(self.said), labels, dim=1)  # type: ignore[attr-defined]
        covered = (labels.norm(dim=1) > 0.3).float()
        distance = ((1 - cosine) * covered).sum() / covered.sum().clamp(min=1)
        return total + ALIGNED * distance, {**extras, "distance": float(distance.detach())}


@dataclass(frozen=True)
class Variant:
    """One thing to try: a network, and how it is taught."""

    network: Callable[[], nn.Module]
    aligned: bool = False


def _built(config: Any) -> Callable[[], nn.Module]:
    return lambda: build(kind_of(config), config)


VARIANTS = {
    "unet": Variant(_built(UNET)),
    "transformer": Variant(_built(WIDE)),  # as many operations as the U-Net
    "transformer-quick": Variant(_built(QUICK)),  # as many milliseconds as the U-Net
    "tokens-256": Variant(_built(FINE)),
    "hybrid": Variant(Hybrid),
    "picture": Variant(lambda: PictureFirst(build("unet", UNET))),
    "aligned": Variant(_built(UNET), aligned=True),
}
