"""Pictures in a look or style, as a network and a decoder leave them -> a trained finisher.

Some of the pictures were drawn again by the network (see `redrawing`), and the true picture, in its
look, is what is to come out; the others are true ones that went through the autoencoder alone, so
that what is fine already stays so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.images import contact_sheet, from_model
from molnar.base.looks import STYLES, told
from molnar.base.rng import generator
from molnar.lab.data.captions import STYLE_WORDS
from molnar.lab.data.world import WorldConfig
from molnar.lab.train.redrawing import FIRST, Redrawing, digest
from molnar.lab.train.settings import plain
from molnar.lab.train.source import Source, pictures
from molnar.latent.autoencoder import Autoencoder
from molnar.latent.finisher import Finisher, FinisherConfig
from molnar.latent.objective import reconstruction_loss
from molnar.plan.items import Plan

STREAM_PICK = 61
SHEET_PICTURES = 8
SHAPES = 0.15  # share of shapes, at most: they have no style, and many kinds of them no look


@dataclass(frozen=True, kw_only=True)
class FinisherData:
    """What the finisher is shown."""

    seed: int = 0
    redrawing: Redrawing = field(default_factory=lambda: Redrawing(pictures=1600, least=0.3))
    true_p: float = 0.25  # share of pictures that went through the autoencoder alone
    look_p: float = 0.75  # share of looks; the others are in a style, or have neither
    crisp: float = 0.7  # weight of absolute differences and edges beside the squared ones

    def __post_init__(self) -> None:
        if not 0 <= self.true_p < 1:
            raise ConfigError(f"finisher true_p is {self.true_p}; expected 0 up to below 1")
        if self.redrawing.invented:
            raise ConfigError("a finisher needs true pictures; set redrawing.invented to 0")


def in_manners(world: WorldConfig, look_p: float) -> WorldConfig:
    """Give a world whose drawings have a look or a style that is said, each style as often."""
    said = [style for style, word in STYLE_WORDS.items() if word in STYLES]
    styles = dict.fromkeys(said, 1 / len(said))
    return replace(world, geometry_p=min(world.geometry_p, SHAPES), look_p=look_p, styles=styles)


class FinisherTask:
    """Teach a finisher: the `Task` of the part "finisher"."""

    name = "finisher"

    def __init__(
        self,
        source: Source,
        autoencoder: Autoencoder,
        latents: Tensor,
        data: FinisherData,
        config: FinisherConfig | None = None,
    ) -> None:
        """Begin with a finisher that changes nothing.

        Args:
            source: Pictures by number, with their plans.
            autoencoder: Trained, with the decoder that ships; it is not changed.
            latents: Float N C h w of pictures FIRST, FIRST + 1, ... drawn again.
            data: What is shown.
            config: Sizes of the network.
        """
        self.source, self.data, self.latents = source, data, latents
        self.autoencoder = autoencoder.eval().requires_grad_(False)
        self.config = config or FinisherConfig()
        torch.manual_seed(data.seed)
        self.module: nn.Module = Finisher(self.config)

    def describe(self) -> dict[str, Any]:
        """Say what decides the numbers of a run."""
        shown = {**plain(self.data), "latents": digest(self.latents)}
        return {"kind": self.name, "config": self.config, "data": shown}

    def batch(self, seen: int, size: int) -> dict[str, Tensor]:
        """Give pictures number seen ... seen + size - 1, or as many that were drawn again.

        Returns:
            image Float B 4 H W in [-1, 1], true; latent Float B C h w as drawn again, and redrawn,
            Bool B, where that counts; manner Float B K.
        """
        draw = generator(self.data.seed, STREAM_PICK, seen)
        count = min(size - int(draw.binomial(size, self.data.true_p)), len(self.latents))
        start = int(draw.integers(len(self.latents) - count + 1))
        parts = [pictures(self.source, FIRST + start, count)] if count else []
        parts += [pictures(self.source, seen, size - count)] if count < size else []
        image = torch.cat([part.images for part in parts])
        again = self.latents[start : start + count].float()
        shape = size - count, *self.latents.shape[1:]
        plans = [plan for part in parts for plan in part.plans]
        return {
            "image": image, "latent": torch.cat([again, again.new_zeros(shape)]),
            "redrawn": torch.arange(size) < count, "manner": self._manners(plans),
        }  # fmt: skip

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Compare a painted picture with the true one."""
        codec = self.autoencoder.to(batch["image"].device)
        with torch.no_grad():
            own = codec.encode(batch["image"])
            latent = torch.where(batch["redrawn"][:, None, None, None], batch["latent"], own)
            image = codec.decode(latent).clamp(-1, 1)
        found = reconstruction_loss(
            self.module(image, batch["manner"]), batch["image"], self.data.crisp
        )
        before = float((image - batch["image"]).abs().mean())
        return found.total, {"absolute": float(found.absolute.detach()), "before": before}

    def sheet(self, module: nn.Module, path: Path) -> None:
        """Save rows of: as it was decoded, painted over, true."""
        count = min(SHEET_PICTURES, len(self.latents))
        images, captions, plans = pictures(self.source, FIRST, count)
        device = next(module.parameters()).device
        with torch.no_grad():
            decoded = self.autoencoder.to(device).decode(self.latents[:count].float().to(device))
            painted = module(decoded.clamp(-1, 1), self._manners(plans).to(device)).cpu()
        cells = [
            from_model(image[None].numpy())[0]
            for row in zip(decoded.cpu(), painted, images, strict=True)
            for image in row
        ]
        named = [name for caption in captions for name in (caption, "finished", "true")]
        path.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(cells, named, columns=6, cell=192).save(path)

    def _manners(self, plans: Sequence[Plan | None]) -> Tensor:
        """Give what pictures are told, Float B K."""
        none = np.zeros((1, len(self.config.manners)), np.float32)
        rows = [told(plan or (), self.config.manners) for plan in plans]
        return torch.from_numpy(np.concatenate([none if row is None else row for row in rows]))
