"""Pictures in, a trained autoencoder out.

The linear encoder is fitted in closed form from the first pictures of the source: principal
components of 8x8 patches. Its channels are scaled by the square root of their standard deviation,
half-way to whitening, so that diffusion settles large shapes before fine detail. What is then
trained by descent is the decoder alone; a convolutional encoder is trained with it.

Source: principal components: Pearson 1901; the 0.1 noise on latents in training makes the decoder
forgive the small errors of diffusion.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from molnar.base.images import contact_sheet, from_model
from molnar.base.rng import generator
from molnar.lab.train.source import Source, pictures
from molnar.latent.autoencoder import Autoencoder, AutoencoderConfig
from molnar.latent.encoder import LinearEncoder
from molnar.latent.objective import reconstruction_loss

STREAM_CROP, STREAM_NOISE = 11, 12
SHEET_FIRST = 2_000_000_000  # pictures of the sample sheet: beyond any number seen in training
SHEET_PICTURES = 6


@dataclass(frozen=True, kw_only=True)
class VaeData:
    """How the autoencoder is shown pictures."""

    seed: int = 0
    fit_pictures: int = (
        2000  # pictures the closed-form encoder (and any normalisation) is fitted on
    )
    crop: int = 64  # pixels, each side; multiple of 8
    latent_noise: float = 0.05  # standard deviation added to the latent before decoding


class VaeTask:
    """Teach an autoencoder: the `Task` of the part "vae"."""

    name = "vae"

    def __init__(
        self, source: Source, config: AutoencoderConfig | None = None, data: VaeData | None = None
    ) -> None:
        """Fit what has a closed form; the rest is left to training."""
        self.source = source
        self.config = config or AutoencoderConfig()
        self.data = data or VaeData()
        torch.manual_seed(self.data.seed)
        module = Autoencoder(self.config)
        if isinstance(module.encoder, LinearEncoder):
            self._fit(module)
            module.encoder.requires_grad_(False)
        self.module: nn.Module = module

    def describe(self) -> dict[str, Any]:
        """Say what decides the numbers of a run."""
        return {"kind": self.name, "config": self.config, "data": self.data}

    def batch(self, seen: int, size: int) -> dict[str, Tensor]:
        """Give crops number seen ... seen + size - 1 and the noise their latents get.

        Returns:
            image Float B 4 c c in [-1, 1]; noise Float B C c/8 c/8.
        """
        images = pictures(self.source, seen, size).images
        crop, cells = self.data.crop, self.data.crop // self.config.downscale
        room = images.shape[-1] - crop + 1
        cut = []
        for number, image in enumerate(images):
            places = generator(self.data.seed, STREAM_CROP, seen + number).integers(
                room, size=(2, 2)
            )
            choices = [image[:, top : top + crop, left : left + crop] for top, left in places]
            # of two places the busier one: flat crops teach nothing
            cut.append(max(choices, key=lambda part: float(part.var(dim=(1, 2)).sum())))
        draw = generator(self.data.seed, STREAM_NOISE, seen)
        noise = draw.standard_normal(
            (size, self.config.latent_channels, cells, cells), dtype=np.float32
        )
        return {"image": torch.stack(cut), "noise": torch.from_numpy(noise)}

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Compare what comes back from the latent with what went in."""
        module = self.module
        assert isinstance(module, Autoencoder)
        latent = module.encode(batch["image"]) + self.data.latent_noise * batch["noise"]
        found = reconstruction_loss(module.decode(latent), batch["image"])
        psnr = float(-10 * torch.log10(found.squared.detach() / 4))
        return found.total, {"psnr": psnr, "edges": float(found.edges.detach())}

    def exported(self, module: nn.Module) -> nn.Module:
        """Give the autoencoder with its latent normalised and its preview fitted."""
        assert isinstance(module, Autoencoder)
        if not isinstance(module.encoder, LinearEncoder):
            normalise(module, self._pictures())
        fit_preview(module, self._pictures()[:256])
        return module

    def sheet(self, module: nn.Module, path: Path) -> None:
        """Save rows of: picture, what came back."""
        images, captions, _ = pictures(self.source, SHEET_FIRST, SHEET_PICTURES)
        device = next(module.parameters()).device
        with torch.no_grad():
            back = module(images.to(device)).cpu()
        cells = [
            from_model(image[None].numpy())[0]
            for pair in zip(images, back, strict=True)
            for image in pair
        ]
        named = [name for caption in captions for name in (caption, "decoded")]
        path.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(cells, named, columns=4, cell=192).save(path)

    def compile(self) -> None:
        """Compile the decoder: the loss does not call the module itself."""
        assert isinstance(self.module, Autoencoder)
        self.module.decoder.compile()

    def _pictures(self) -> Tensor:
        return pictures(self.source, 0, self.data.fit_pictures).images

    def _fit(self, module: Autoencoder) -> None:
        fit_linear(module, self._pictures())


def fit_linear(module: Autoencoder, images: Tensor) -> float:
    """Set a linear encoder, the decoder's guess and the normalisation by principal components.

    Args:
        module: its encoder is linear.
        images: Float B 4 H W in [-1, 1].

    Returns:
        Share of the variance of patches that the latent keeps, 0 to 1.
    """
    config = module.config
    cell = config.downscale
    patches = rearrange(images, "b c (h p) (w q) -> (b h w) (c p q)", p=cell, q=cell).double()
    mean = patches.mean(0)
    variances, directions = torch.linalg.eigh(torch.cov((patches - mean).T))
    variances, directions = variances.flip(0), directions.flip(1)[:, : config.latent_channels]
    kept = variances[: config.latent_channels]

    shape = (config.latent_channels, config.image_channels, cell, cell)
    assert isinstance(module.encoder, LinearEncoder) and module.encoder.project.bias is not None
    assert module.decoder.guess.bias is not None
    with torch.no_grad():
        module.encoder.project.weight.copy_(directions.T.reshape(shape))
        module.encoder.project.bias.copy_(-(mean @ directions))
        module.decoder.guess.weight.copy_(directions.T.reshape(shape))
        # a transposed convolution has one bias per channel; the rest of the mean is near zero
        module.decoder.guess.bias.copy_(mean.reshape(config.image_channels, -1).mean(1))
        module.decoder.balance.copy_(0.3 * kept.rsqrt())
        half_white = kept.sqrt().sqrt()
        # total variance C over C channels: unit variance on average, more in the coarse ones
        module.scale.copy_(half_white * (half_white.square().mean()).sqrt())
        module.shift.zero_()
    return float(kept.sum() / variances.sum())


def normalise(module: Autoencoder, images: Tensor) -> None:
    """Set shift and scale so that every channel of the latent has mean 0 and variance 1."""
    with torch.no_grad():
        raw = module.encoder(images.to(module.shift.device))
        module.shift.copy_(raw.mean(dim=(0, 2, 3)))
        module.scale.copy_(raw.std(dim=(0, 2, 3)).clamp_min(1e-4))


def fit_preview(module: Autoencoder, images: Tensor) -> None:
    """Fit the matrix that guesses one RGBA pixel per cell from the latent, by least squares."""
    with torch.no_grad():
        latent = module.encode(images.to(module.shift.device))
        pixels = torch.nn.functional.avg_pool2d(images.to(latent), module.config.downscale)
        inputs = rearrange(latent, "b c h w -> (b h w) c")
        inputs = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1).double()
        targets = rearrange(pixels, "b c h w -> (b h w) c").double()
        # normal equations in float64: the same to the last bit of float32, run after run
        fitted = torch.linalg.solve(inputs.T @ inputs, inputs.T @ targets)
        module.preview.copy_(fitted.T)
