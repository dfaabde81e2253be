"""Pictures as network and decoder leave them, and what a look is, in; a trained finisher out.

A look is a chain of exact filters (`lab/data/looks.py`). The network draws pictures in it, cell by
cell, and leaves the finest of it vague. The finisher learns to do what the filters do, to pictures
as they come out: to some that the network drew again in that look (see `redrawing`), and to some
that went through the autoencoder alone. Where the latter were drawn in a look that it learns, the
true picture is what is to come out.

Source: Johnson et al. 2016, arXiv 1603.08155 (a network in the place of a slow operation on
pictures); that the operations are exact filters, and the pictures a model's own: ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.images import contact_sheet, from_model, premultiply, to_model
from molnar.base.looks import LOOKS, STYLES, told
from molnar.base.rng import generator
from molnar.lab.data import looks
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
_AT_ONCE = 40  # pictures decoded together


@dataclass(frozen=True, kw_only=True)
class FinisherData:
    """What the finisher is shown."""

    seed: int = 0
    redrawing: Redrawing = field(default_factory=lambda: Redrawing(pictures=1600, least=0.3))
    redrawn_p: float = 0.6  # share of pictures that the network drew again in a look
    look_p: float = 0.75  # share of looks among all pictures that are drawn again
    crisp: float = 0.7  # weight of absolute differences and edges beside the squared ones

    def __post_init__(self) -> None:
        if not 0 <= self.redrawn_p <= 1:
            raise ConfigError(f"finisher redrawn_p is {self.redrawn_p}; expected 0 to 1")
        if self.redrawing.invented:
            raise ConfigError("a finisher's pictures are drawn again; set redrawing.invented to 0")


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
            source: Pictures by number, with their plans, some of them in looks.
            autoencoder: Trained, with the decoder that ships; it is not changed.
            latents: Float N C h w of pictures FIRST, FIRST + 1, ... drawn again.
            data: What is shown.
            config: Sizes of the network.

        Raises:
            ConfigError: It is to learn what is no look.
        """
        self.source, self.data = source, data
        self.digest = digest(latents)
        self.autoencoder = autoencoder.eval().requires_grad_(False)
        self.config = config or FinisherConfig()
        unknown = [name for name in self.config.manners if name not in LOOKS]
        if unknown:
            raise ConfigError(f"got the manner {unknown[0]!r}; expected looks, which have filters")
        self.drawn = self._drawn(latents)
        torch.manual_seed(data.seed)
        self.module: nn.Module = Finisher(self.config)

    def describe(self) -> dict[str, Any]:
        """Say what decides the numbers of a run."""
        shown = {**plain(self.data), "latents": self.digest}
        return {"kind": self.name, "config": self.config, "data": shown}

    @torch.no_grad()
    def _drawn(self, latents: Tensor) -> list[tuple[Tensor, str]]:
        """Decode what was drawn again in a look that is learned: (image Half 4 H W, the look)."""
        found: list[tuple[Tensor, str]] = []
        for start in range(0, len(latents), _AT_ONCE):
            part = latents[start : start + _AT_ONCE].float()
            plans = pictures(self.source, FIRST + start, len(part)).plans
            for image, plan in zip(self.autoencoder.decode(part).clamp(-1, 1), plans, strict=True):
                if look := self._look(plan):
                    found.append((image.half(), look))
        return found

    def _look(self, plan: Plan | None) -> str | None:
        """Give the look of a plan, if it is one that is learned."""
        manner = told(plan or (), self.config.manners)
        return None if manner is None else self.config.manners[int(manner.argmax())]

    @torch.no_grad()
    def batch(self, seen: int, size: int) -> dict[str, Tensor]:
        """Give pictures number seen ... seen + size - 1, or as many that were drawn again.

        Half are mirrored, and colours change places, so that few drawings show much.

        Returns:
            image Float B 4 H W in [-1, 1] as decoded, target Float B 4 H W; manner Float B K.
        """
        draw = generator(self.data.seed, STREAM_PICK, seen)
        count = int(draw.binomial(size, self.data.redrawn_p)) if self.drawn else 0
        rows = [self.drawn[int(draw.integers(len(self.drawn)))] for _ in range(count)]
        pairs = [self._pair(draw, image.float(), look) for image, look in rows]
        if count < size:
            true, _, plans = pictures(self.source, seen, size - count)
            coded = self.autoencoder.decode(self.autoencoder.encode(true)).clamp(-1, 1)
            for image, own, plan in zip(coded, true, plans, strict=True):
                if look := self._look(plan):
                    pairs.append((image, own, self._told(look)))
                else:
                    pairs.append(self._pair(draw, image, str(draw.choice(self.config.manners))))
        image, target, manner = (torch.stack(parts) for parts in zip(*pairs, strict=True))
        return {"image": image, "target": target, "manner": manner}

    def _pair(
        self, draw: np.random.Generator, image: Tensor, look: str
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Vary a picture 4 H W, and give it with what the look's filter makes of it."""
        order = [*draw.permutation(3).tolist(), 3]
        image = image[order]
        if draw.random() < 0.5:
            image = image.flip(-1)
        return image, filtered(image, look), self._told(look)

    def _told(self, look: str) -> Tensor:
        return torch.tensor([float(name == look) for name in self.config.manners])

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Compare a finished picture with what is to come out."""
        finished = self.module(batch["image"], batch["manner"])
        found = reconstruction_loss(finished, batch["target"], self.data.crisp)
        before = float((batch["image"] - batch["target"]).abs().mean())
        return found.total, {"absolute": float(found.absolute.detach()), "before": before}

    def sheet(self, module: nn.Module, path: Path) -> None:
        """Save rows of: as it was decoded, finished, what the filter makes of it."""
        rows = self.drawn[:SHEET_PICTURES]
        device = next(module.parameters()).device
        cells: list[Any] = []
        captions: list[str] = []
        for half, look in rows:
            image = half.float()
            with torch.no_grad():
                one = module(image[None].to(device), self._told(look)[None].to(device))[0].cpu()
            shown = (image, one, filtered(image, look))
            cells += [from_model(each[None].numpy())[0] for each in shown]
            captions += [look, "finished", "filtered"]
        if cells:
            path.parent.mkdir(parents=True, exist_ok=True)
            contact_sheet(cells, captions, columns=6, cell=192).save(path)


def filtered(image: Tensor, look: str) -> Tensor:
    """Draw Float 4 H W in [-1, 1], premultiplied, again in a look, by its exact filter."""
    pixels = premultiply(from_model(image[None].numpy())[0])
    return torch.from_numpy(to_model(looks.apply(look, pixels)[None]))[0]
