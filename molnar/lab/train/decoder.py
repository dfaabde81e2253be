"""A trained autoencoder and network in, a decoder that mends what the network draws out.

The encoder stays as it is, and so do latents: only what is made of them changes. Some of the
latents are those of true pictures, so that pictures that people bring come back as they were; the
others were drawn again by the network (see `redrawing`), and the decoder learns to give the true
picture for these, too: plain backgrounds, flat colours, clean edges.

Source: a decoder trained once more under a fixed encoder, so that latents stay what they are: the
autoencoders published as sd-vae-ft-ema and sd-vae-ft-mse (Stability AI, 2022). On the network's own
latents: ours. That what is kept lies between the weights before and after, so that what was rare in
training does not break: Wortsman et al. 2022, arXiv 2109.01903, section 3.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.images import contact_sheet, from_model
from molnar.base.rng import generator
from molnar.lab.train.redrawing import FIRST, Redrawing, digest
from molnar.lab.train.settings import plain
from molnar.lab.train.source import Source, pictures
from molnar.latent.autoencoder import Autoencoder
from molnar.latent.objective import reconstruction_loss

STREAM_PICK, STREAM_NOISE = 31, 32
SHEET_PICTURES = 6


@dataclass(frozen=True, kw_only=True)
class DecoderData:
    """What the decoder is shown."""

    seed: int = 0
    redrawing: Redrawing = field(default_factory=Redrawing)
    redrawn_p: float = 0.65  # share of pictures drawn again; the others are true
    crop: int = 80  # pixels, each side, at most the picture; multiple of 8
    latent_noise: float = 0.05  # standard deviation added to the latents of true pictures
    share: float = 1.0  # of what was learned that is kept; below 1: weights between old and new
    crisp: float = 0.7  # weight of absolute differences and edges beside the squared ones

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigError(f"decoder share is {self.share}; expected above 0, up to 1")
        if self.crop < 8 or self.crop % 8:
            raise ConfigError(f"decoder crop is {self.crop}; expected a multiple of 8")


class DecoderTask:
    """Teach a decoder to mend: the `Task` of the part "decoder"."""

    name = "decoder"

    def __init__(
        self,
        source: Source,
        autoencoder: Autoencoder,
        latents: Tensor,
        data: DecoderData,
        vae: str = "",
    ) -> None:
        """Begin with a trained decoder.

        Args:
            source: Pictures by number.
            autoencoder: Trained; it is not changed.
            latents: Float N C h w: those of pictures FIRST, FIRST + 1, ... drawn again.
            data: What is shown.
            vae: sha256 of the autoencoder's weights: this decoder belongs to no other.
        """
        self.source, self.data, self.latents, self.vae = source, data, latents, vae
        self.before = copy.deepcopy(autoencoder.decoder).requires_grad_(False)
        self.module: nn.Module = copy.deepcopy(autoencoder).train()
        assert isinstance(self.module, Autoencoder)
        self.module.encoder.requires_grad_(False)
        self.config = autoencoder.config
        self.cells = min(data.crop // self.config.downscale, *latents.shape[2:])

    def describe(self) -> dict[str, Any]:
        """Say what decides the numbers of a run."""
        shown = {**plain(self.data), "latents": digest(self.latents), "vae": self.vae}
        return {"kind": "vae", "config": self.config, "data": shown}

    def batch(self, seen: int, size: int) -> dict[str, Tensor]:
        """Give crops number seen ... seen + size - 1 and their latents.

        Returns:
            image Float B 4 c c in [-1, 1]; latent Float B C c/8 c/8 as drawn again, and redrawn
            Bool B, which of these count; noise Float B C c/8 c/8 for the others.
        """
        cell, cells = self.config.downscale, self.cells
        draw = generator(self.data.seed, STREAM_PICK, seen)
        count = min(int(draw.binomial(size, self.data.redrawn_p)), len(self.latents))
        start = int(draw.integers(len(self.latents) - count + 1))
        shown = [pictures(self.source, FIRST + start, count).images] if count else []
        shown += [pictures(self.source, seen, size - count).images] if count < size else []
        images, latents = [], []
        for number, image in enumerate(torch.cat(shown)):
            top, left = (int(draw.integers(side // cell - cells + 1)) for side in image.shape[1:])
            images.append(_cut(image, top * cell, left * cell, cells * cell))
            # of a true picture, any will do: it does not count
            latent = self.latents[start + number if number < count else 0]
            latents.append(_cut(latent.float(), top, left, cells))
        draw = generator(self.data.seed, STREAM_NOISE, seen)
        drawn = torch.stack(latents)
        noise = draw.standard_normal(tuple(drawn.shape), dtype=np.float32)
        return {
            "image": torch.stack(images),
            "latent": drawn,
            "redrawn": torch.arange(size) < count,
            "noise": torch.from_numpy(noise),
        }

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Compare what is decoded with the true picture."""
        module, again = self.module, batch["redrawn"]
        assert isinstance(module, Autoencoder)
        with torch.no_grad():
            own = module.encode(batch["image"]) + self.data.latent_noise * batch["noise"]
        decoded = module.decode(torch.where(again[:, None, None, None], batch["latent"], own))
        found = reconstruction_loss(decoded, batch["image"], self.data.crisp)
        error = (decoded.detach().float() - batch["image"]).square().mean(dim=(1, 2, 3))
        return found.total, {
            "redrawn": _decibels(error[again]), "true": _decibels(error[~again]),
        }  # fmt: skip

    def exported(self, module: nn.Module) -> nn.Module:
        """Give the autoencoder with a decoder between that before and that after training.

        A network's black can be blacker than any that training shows, and a decoder after training
        took some of it for nothing at all (alpha near 0). Weights six tenths of the way did not,
        but lost 3.8 dB on true pictures (docs/log.md): a remedy to be measured, not the default.
        """
        assert isinstance(module, Autoencoder)
        with torch.no_grad():
            for own, old in zip(module.decoder.parameters(), self.before.parameters(), strict=True):
                own.copy_(torch.lerp(old.to(own), own, self.data.share))
        return module

    def sheet(self, module: nn.Module, path: Path) -> None:
        """Save rows of: true picture, what the network left of it (a linear guess), mended."""
        assert isinstance(module, Autoencoder) and isinstance(self.module, Autoencoder)
        count = min(SHEET_PICTURES, len(self.latents))
        images, captions, _ = pictures(self.source, FIRST, count)
        device = next(module.parameters()).device
        with torch.no_grad():
            latents = self.latents[:count].float().to(device)
            mended = module.decode(latents).cpu()
            raw = latents * module.scale[:, None, None] + module.shift[:, None, None]
            before = module.decoder.guess(raw).cpu()
        cells = [
            from_model(image[None].numpy())[0]
            for row in zip(images, before, mended, strict=True)
            for image in row
        ]
        named = [name for caption in captions for name in (caption, "drawn again", "mended")]
        path.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(cells, named, columns=3, cell=192).save(path)

    def compile(self) -> None:
        """Compile the decoder: the loss does not call the module itself."""
        assert isinstance(self.module, Autoencoder)
        self.module.decoder.compile()


def _cut(image: Tensor, top: int, left: int, side: int) -> Tensor:
    return image[:, top : top + side, left : left + side]


def _decibels(error: Tensor) -> float:
    """Give the peak signal-to-noise ratio of mean squared errors of images in [-1, 1]."""
    return float(-10 * torch.log10(error.mean().clamp(min=1e-12) / 4)) if len(error) else 0.0
