"""The world drawn at 512 and its 128-pixel shadow -> a trained upscaler.

What the upscaler meets in use is not a clean small picture but one that came out of the latent
decoder, so half of its pairs go through that decoder (from latents as the network leaves them,
where there is a network), and a quarter is softened or over-sharpened by hand. A picture is drawn
once and cut into several crops, since drawing at 512 is what costs time.

Source: Wang et al. 2021, arXiv 2107.10833, section 3 (train on what the input will look like).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.images import contact_sheet, from_model, to_model
from molnar.base.rng import generator
from molnar.lab.data.spec import Rendered, Spec
from molnar.lab.train.redrawing import FIRST, Redrawing, digest
from molnar.lab.train.settings import plain
from molnar.upscale.objective import upscale_loss
from molnar.upscale.upscaler import Upscaler, UpscalerConfig

# Streams of random numbers, so that one draw more in one place moves nothing elsewhere.
STREAM_SIZE, STREAM_PICTURE, STREAM_CROP = 1, 2, 3
# Pictures of the sample sheet: far beyond any number of images seen in training.
SHEET_FIRST = 2_000_000_000
SHEET_PICTURES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class UpscalerData:
    """How pairs of a small and a large picture are made."""

    seed: int = 0
    size: int = 512  # pixels, each side of the true picture
    crop_least: int = 48  # small pixels; one size per batch, a multiple of 8
    crop_most: int = 64
    crops: int = 4  # taken from one picture
    clean_p: float = 0.25  # area average alone
    rough_p: float = (
        0.25  # softened or over-sharpened; the rest goes through the autoencoder, if there is one
    )
    rough_most: float = 1.0  # 1 = a whole binomial blur, and as much ringing on the other side
    latent_noise_most: float = (
        0.15  # added to latents of unit variance: the diffusion model is never exact
    )
    # Where given, and a network is trained: what goes through the autoencoder it has drawn again.
    redrawing: Redrawing | None = None

    def __post_init__(self) -> None:
        if self.crop_least > self.crop_most:
            raise ConfigError(
                f"crop_least {self.crop_least} is more than crop_most {self.crop_most}; swap them"
            )
        if self.clean_p + self.rough_p > 1:
            raise ConfigError(
                f"clean_p {self.clean_p} + rough_p {self.rough_p} exceeds 1; lower one of them"
            )


class World(Protocol):
    """What is needed of a world."""

    def spec(self, index: int) -> Spec:
        """Draw spec `index`."""
        ...

    def render(self, spec: Spec, size: int) -> Rendered:
        """Draw a spec at `size` pixels."""
        ...


class Codec(Protocol):
    """What is needed of an autoencoder."""

    def encode(self, image: Tensor) -> Tensor:
        """Map Float B 4 H W in [-1, 1] to a latent of unit variance."""
        ...

    def decode(self, latent: Tensor) -> Tensor:
        """Map a latent back to Float B 4 H W."""
        ...


class UpscalerTask:
    """Teach an upscaler: the `Task` that `molnar.lab.train` runs for the part "upscaler"."""

    name = "upscaler"

    def __init__(
        self,
        world: World,
        config: UpscalerConfig | None = None,
        data: UpscalerData | None = None,
        codec: Codec | None = None,
        latents: Tensor | None = None,
    ) -> None:
        """Build an upscaler with fresh weights.

        Args:
            world: What is drawn, large.
            config: Sizes of the network.
            data: How pairs are made.
            codec: An autoencoder that the small pictures go through; None = none does.
            latents: Float N C h w of pictures FIRST, FIRST + 1, ... drawn again by a network (see
                `redrawing`), to be decoded in place of noisy ones.
        """
        self.latents = latents
        self.world = world
        self.config = config or UpscalerConfig()
        self.data = data or UpscalerData()
        self.codec = codec
        if self.data.size // self.config.scale < self.data.crop_most:
            raise ConfigError(
                f"size {self.data.size} over scale {self.config.scale} is less than crop_most "
                f"{self.data.crop_most}; raise size or lower crop_most"
            )
        if latents is not None and codec is not None:
            side = self._decoded(latents[:1].float()).shape[-1] * self.config.scale
            if side != self.data.size:
                raise ConfigError(
                    f"pictures drawn again are {side} px large, and size is {self.data.size}: "
                    "train on pictures of one size, or drop redrawing"
                )
        torch.manual_seed(self.data.seed)
        self.module: nn.Module = Upscaler(self.config)
        if isinstance(codec, nn.Module):
            codec.eval().requires_grad_(False)

    def describe(self) -> dict[str, Any]:
        """Say what decides the numbers of a run."""
        shown = plain(self.data)
        if self.latents is not None:
            shown["latents"] = digest(self.latents)
        return {"kind": self.name, "config": self.config, "data": shown}

    def batch(self, seen: int, size: int) -> dict[str, Tensor]:
        """Make pairs number seen .. seen + size - 1.

        Returns:
            low B C c c and high B C scale*c scale*c, premultiplied RGBA in [-1, 1].
        """
        crop = self._crop_size(seen)
        pairs = [
            pair
            for start, stop in self._pictures(seen, size)
            for pair in self._crops(start, stop, crop)
        ]
        low, high = zip(*pairs, strict=True)
        return {"low": torch.stack(low), "high": torch.stack(high)}

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Compare what the module makes of `low` with `high`."""
        found = upscale_loss(self.module(batch["low"]), batch["high"])
        return found.total, {
            "pixels": float(found.pixels.detach()),
            "edges": float(found.edges.detach()),
        }

    def sheet(self, module: nn.Module, path: Path) -> None:
        """Save rows of: small picture enlarged by repetition, upscaled, truth."""
        cells: list[NDArray[Any]] = []
        device = next(module.parameters()).device
        for number in range(SHEET_PICTURES):
            low, high = self._pair(SHEET_FIRST + number)
            with torch.no_grad():
                large = module(low.to(device)).cpu()
            repeated = F.interpolate(low, scale_factor=float(self.config.scale), mode="nearest")
            cells.extend(from_model(image.numpy())[0] for image in (repeated, large, high))
        captions = ["small", "upscaled", "truth"] * SHEET_PICTURES
        path.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(cells, captions, columns=3, cell=256).save(path)

    def _crop_size(self, seen: int) -> int:
        steps = (self.data.crop_most - self.data.crop_least) // 8
        draw = generator(self.data.seed, STREAM_SIZE, seen)
        return self.data.crop_least + 8 * int(draw.integers(steps + 1))

    def _pictures(self, seen: int, size: int) -> Iterator[tuple[int, int]]:
        """Cut seen .. seen + size into runs that share a picture."""
        start = seen
        while start < seen + size:
            stop = min(start - start % self.data.crops + self.data.crops, seen + size)
            yield start, stop
            start = stop

    def _crops(self, start: int, stop: int, crop: int) -> Iterator[tuple[Tensor, Tensor]]:
        low, high = self._pair(start // self.data.crops)
        for number in range(start, stop):
            draw = generator(self.data.seed, STREAM_CROP, number)
            top, left = _busiest(
                low[0], crop, draw.integers(0, low.shape[-1] - crop + 1, size=(2, 2))
            )
            yield _cut(low[0], top, left, crop), _cut(high[0], top, left, crop, self.config.scale)

    def _pair(self, index: int) -> tuple[Tensor, Tensor]:
        """Draw picture `index`: small 1 C h w as the upscaler may meet it, and large 1 C H W."""
        draw = generator(self.data.seed, STREAM_PICTURE, index)
        by_hand = self.data.clean_p + self.data.rough_p
        kind = draw.random() * (1.0 if self.codec else by_hand)
        if kind >= by_hand and self.latents is not None:
            which = int(draw.integers(len(self.latents)))
            return self._decoded(self.latents[which : which + 1].float()), self._drawn(
                FIRST + which
            )
        high = self._drawn(index)
        low = F.avg_pool2d(high, self.config.scale)
        if kind < self.data.clean_p:
            return low, high
        if kind < by_hand:
            return roughen(low, float(draw.uniform(-1, 1)) * self.data.rough_most), high
        return self._through_codec(low, draw), high

    def _drawn(self, index: int) -> Tensor:
        """Draw picture `index` large: Float 1 C H W in [-1, 1]."""
        drawn = self.world.render(self.world.spec(index), self.data.size).image
        return torch.from_numpy(np.ascontiguousarray(to_model(drawn[None])))

    def _through_codec(self, low: Tensor, draw: np.random.Generator) -> Tensor:
        assert self.codec is not None
        device = _device_of(self.codec)
        with torch.no_grad():
            latent = self.codec.encode(low.to(device))
            noise = torch.from_numpy(
                draw.standard_normal(tuple(latent.shape), dtype=np.float32)
            ).to(device)
            return self._decoded(
                latent + float(draw.uniform(0, self.data.latent_noise_most)) * noise
            )

    def _decoded(self, latent: Tensor) -> Tensor:
        assert self.codec is not None
        with torch.no_grad():
            return self.codec.decode(latent.to(_device_of(self.codec))).clamp(-1, 1).cpu()


def roughen(image: Tensor, amount: float) -> Tensor:
    """Soften (amount > 0) or over-sharpen (amount < 0) B C H W in [-1, 1] by a binomial blur."""
    line = torch.tensor([0.25, 0.5, 0.25], dtype=image.dtype)
    channels = image.shape[1]
    kernel = torch.outer(line, line).expand(channels, 1, 3, 3)
    blurred = F.conv2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), kernel, groups=channels)
    return (image + amount * (blurred - image)).clamp(-1, 1)


def _busiest(image: Tensor, crop: int, places: NDArray[Any]) -> tuple[int, int]:
    """Choose the place (top, left) with the most contrast: flat crops teach little."""
    choices = [(int(top), int(left)) for top, left in places]
    return max(choices, key=lambda at: float(_cut(image, at[0], at[1], crop).var(dim=(1, 2)).sum()))


def _cut(image: Tensor, top: int, left: int, crop: int, scale: int = 1) -> Tensor:
    """Cut a square of `crop` small pixels out of C H W that is `scale` times larger."""
    return image[:, top * scale : (top + crop) * scale, left * scale : (left + crop) * scale]


def _device_of(codec: Codec) -> torch.device:
    if isinstance(codec, nn.Module):
        return next(codec.parameters()).device
    return torch.device("cpu")
