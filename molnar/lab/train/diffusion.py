"""Captioned pictures in, a trained velocity network out.

Text encoder and autoencoder are frozen: they only turn a batch of pictures and captions into
latents and embeddings. A share of the captions is dropped (empty prompt), which is what guidance
needs later.

With a teacher, the network learns not the pictures' velocity but the one that guidance makes of the
teacher's two: a finished network is taught to need one estimate a step. With a few steps named, it
learns both: of some rows the pictures' velocity, of the others how far the guided teacher gets in
one of so few steps, as its flow map.

Source: caption dropping: Ho and Salimans 2022, arXiv 2207.12598, algorithm 1; guidance in one
estimate: Meng et al. 2023, arXiv 2210.03142, section 3.1, and in few steps, section 3.2.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from molnar.base.errors import ConfigError
from molnar.base.images import contact_sheet, from_model
from molnar.base.rng import generator, noise
from molnar.base.types import TextEmbedding
from molnar.base.weights import sha256
from molnar.diffusion.flow import denoiser
from molnar.diffusion.flowmap import legs
from molnar.diffusion.guidance import classifier_free
from molnar.diffusion.networks import NetworkConfig, build, kind_of, multiple_of
from molnar.diffusion.objective import compared, flow_loss, inputs, training_times
from molnar.diffusion.samplers import dpmpp_2m
from molnar.diffusion.schedule import simple
from molnar.lab.train.distilling import Teacher, check_few
from molnar.lab.train.naming import digest, name_vectors
from molnar.lab.train.painting import Painter
from molnar.lab.train.source import Shape, Source, pictures
from molnar.latent.autoencoder import Autoencoder
from molnar.latent.format import LatentFormat, ratio_of
from molnar.plan.items import Plan
from molnar.plan.paint import paint
from molnar.text.embeddings import TextEncoder
from molnar.text.tokens import Tokenizer

STREAM_TIMES, STREAM_NOISE, STREAM_DROP, STREAM_SHAPE, STREAM_PLAN, STREAM_LEGS = range(21, 27)
SHEET_STEPS, SHEET_GUIDANCE = 16, 3.0
SHEET_FIRST = 1 << 40  # pictures whose plans are drawn on sheets: none that training reaches
MEASURED = 256  # pictures from which the spread of the latent channels is read


@dataclass(frozen=True, kw_only=True)
class DiffusionData:
    """How the network is shown pictures."""

    seed: int = 0
    drop_p: float = 0.1  # share of captions dropped, and plans with them
    plan_drop_p: float = 0.1  # share of the other plans dropped: a text must do without, too
    shift: float = 1.0  # of the training times; above 1 = more noise
    uniform_p: float = 0.1  # share of times that are uniform instead
    scales: tuple[int, ...] = ()  # cells; coarser sizes at which the error counts too
    spread: float = 0.0  # a channel's error counts by its standard deviation to this power
    teacher: str | None = None  # weights of a finished network: learn its guided velocity ...
    guidance: float = 3.0  # ... at this scale, so that drawing needs one estimate a step, not two
    few: tuple[int, ...] = ()  # with a teacher: learn to draw in so many steps, as a flow map ...
    few_p: float = 0.6  # ... in this share of a batch; the rest learns the pictures' velocity
    aspects: tuple[str, ...] = ("1:1",)  # width:height; each batch has one of them, of equal area
    size: int = 128  # pixels, each side, of square pictures
    prompts: tuple[str, ...] = (
        "a red circle on a blue background",
        "a green triangle to the left of a yellow square",
        "three purple stars",
        "a dog face",
        "a rocket on a black background",
        "a pizza with a transparent background",
        "a flat sunflower",
        "a red heart above a blue ring",
    )  # drawn on every sample sheet


class DiffusionTask:
    """Teach a velocity network: the `Task` of the part "diffusion"."""

    name = "diffusion"

    def __init__(
        self,
        source: Source,
        config: NetworkConfig,
        autoencoder: Autoencoder,
        tokenizer: Tokenizer,
        encoder: TextEncoder,
        data: DiffusionData | None = None,
        names: Sequence[str] = (),
    ) -> None:
        """Take the frozen parts and build the network with fresh weights.

        Args:
            source: Pictures by number.
            config: Sizes of the network.
            autoencoder: Frozen.
            tokenizer: Of the encoder.
            encoder: Frozen.
            data: How pictures are shown.
            names: All names that plans can hold, if the network takes plans.
        """
        self.source = source
        self.config = config
        self.data = data or DiffusionData()
        _check_aspects(self.data.aspects, source)
        mapped = bool(getattr(config, "flow_map", False))
        check_few(self.data.few, self.data.few_p, self.data.teacher is not None, mapped)
        self.autoencoder = autoencoder.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.encoder = encoder.eval().requires_grad_(False)
        torch.manual_seed(self.data.seed)
        self.module: nn.Module = build(kind_of(config), config)
        self.weights = self.channel_weights() if self.data.spread else None
        self.names = name_vectors(tokenizer, self.encoder, names) if self.planned else {}
        self._painter: Painter | None = None
        self.teacher: Teacher | None = None
        if self.data.teacher is not None:
            self.teacher = Teacher(self.module, self.data.teacher, self.data.guidance)

    @property
    def planned(self) -> int:
        """Numbers per cell of a plan that the network takes, or 0."""
        return int(getattr(self.config, "plan", 0))

    def describe(self) -> dict[str, Any]:
        """Say what decides the numbers of a run."""
        told = {"names": digest(self.encoder, self.names)} if self.planned else {}
        data = self.data
        if data.teacher is not None:  # what it is counts, not where it lies
            data = replace(data, teacher=sha256(data.teacher))
        return {"kind": kind_of(self.config), "config": self.config, "data": data, **told}

    def channel_weights(self) -> Tensor:
        """Measure how far each latent channel spreads; give Float C with mean 1.

        In a latent that is scaled half-way to white, power 2 is the error as pixels would show it,
        0 that of the latent; between them, strong channels lead and faint ones are not forgotten.
        """
        images = pictures(self.source, 0, MEASURED).images
        with torch.no_grad():
            latent = self._on(self.autoencoder, images).encode(images)
        found: Tensor = latent.std(dim=(0, 2, 3)).pow(self.data.spread)
        return found / found.mean()

    def shape(self, seen: int) -> Shape | None:
        """Choose the height and width in pixels of a batch; None = what the source gives."""
        if self.data.aspects == ("1:1",):
            return None
        draw = generator(self.data.seed, STREAM_SHAPE, seen)
        aspect = self.data.aspects[draw.integers(len(self.data.aspects))]
        if aspect == "1:1":
            return None
        form = LatentFormat(
            downscale=self.autoencoder.config.downscale, multiple=multiple_of(self.config)
        )
        return form.size_of(ratio_of(aspect), self.data.size**2)

    def batch(self, seen: int, size: int) -> dict[str, Tensor]:
        """Give pictures number seen ... seen + size - 1 with their captions' ids, times and noise.

        Returns:
            image Float B 4 H W in [-1, 1]; ids int64 B L; mask Bool B L, L as long as the longest
            caption needs; t Float B; noise Float B C h w; where plans are read, plan
            Float B F h w; and where few steps are taught, legs Float N K of the first N rows (see
            `flowmap.legs`), of which t is then the first column.
        """
        images, captions, plans = pictures(self.source, seen, size, self.shape(seen))
        dropped = generator(self.data.seed, STREAM_DROP, seen).random(size) < self.data.drop_p
        tokens = self.tokenizer.encode(
            ["" if drop else text for drop, text in zip(dropped, captions, strict=True)]
        )
        length = min(tokens.mask.shape[1], -(-int(tokens.mask.sum(1).max()) // 8) * 8)
        t = training_times(
            generator(self.data.seed, STREAM_TIMES, seen),
            size,
            shift=self.data.shift,
            uniform_p=self.data.uniform_p,
        )
        told = {}
        if self.data.few:
            draw = generator(self.data.seed, STREAM_LEGS, seen)
            rows = max(1, round(self.data.few_p * size))
            grid = legs(draw, rows, self.data.few, shift=self.data.shift).astype(np.float32)
            t[:rows], told["legs"] = grid[:, 0], torch.from_numpy(grid)
        config = self.autoencoder.config
        shape = (
            size,
            config.latent_channels,
            *(side // config.downscale for side in images.shape[2:]),
        )
        drawn = generator(self.data.seed, STREAM_NOISE, seen).standard_normal(
            shape, dtype=np.float32
        )
        if self.planned:
            lost = generator(self.data.seed, STREAM_PLAN, seen).random(size) < self.data.plan_drop_p
            told["plan"] = self._maps(plans, shape[2:], dropped | lost, images.device)
        return {
            **told,
            "image": images,
            "ids": torch.from_numpy(tokens.ids[:, :length].copy()),
            "mask": torch.from_numpy(tokens.mask[:, :length].copy()),
            "t": torch.from_numpy(t),
            "noise": torch.from_numpy(drawn),
        }

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Compare the network's velocity with the true one, or with the teacher's."""
        t, noise = batch["t"], batch["noise"]
        with torch.no_grad():
            x0 = self._on(self.autoencoder, batch["image"]).encode(batch["image"])
            text = self.embedded(batch["ids"], batch["mask"], batch.get("plan"))
        weights = None if self.weights is None else self.weights.to(x0.device)
        if self.teacher is None:
            found = flow_loss(self.module, x0, noise, t, text, self.data.scales, weights)
        else:
            null = self.texts([""] * len(t), x0.device, text.mask.shape[1])
            learned = self.teacher.lesson(x0, noise, t, text, null, batch.get("legs"))
            predicted = self.module(learned.x, t, *inputs(learned.text))
            found = compared(predicted, learned.target, self.data.scales, weights)
        late = batch["t"] > 0.5
        return found.total, {
            "noisy": float(found.each[late].mean()) if bool(late.any()) else 0.0,
            "clear": float(found.each[~late].mean()) if bool((~late).any()) else 0.0,
        }

    def sheet(self, module: nn.Module, path: Path) -> None:
        """Save the data's prompts, each drawn with seeds 0 and 1."""
        device = next(module.parameters()).device
        prompts, plans = self._asked()
        cells = self.data.size // self.autoencoder.config.downscale
        shape = (self.autoencoder.config.latent_channels, cells, cells)
        start = np.stack([noise(number % 2, 0, shape) for number in range(len(prompts))])
        with torch.no_grad():
            with_text, without = (
                self.texts(texts, device) for texts in (prompts, [""] * len(prompts))
            )
            if self.planned:
                maps = self._maps(plans, (cells, cells)).to(device)
                with_text = replace(with_text, plan=maps)
                without = replace(without, plan=torch.zeros_like(maps))

            def velocity(x: Tensor, t: Tensor, text: TextEmbedding) -> Tensor:
                out: Tensor = module(x, t, *inputs(text))
                return out

            guided = classifier_free(
                denoiser(velocity, with_text),
                denoiser(velocity, without),
                SHEET_GUIDANCE if self.teacher is None else 1.0,
            )
            x = torch.from_numpy(start).to(device)
            for step in dpmpp_2m(guided, x, simple(SHEET_STEPS)):
                x = step.x
            images = self._on(self.autoencoder, x).decode(x.float()).clamp(-1, 1).cpu().numpy()
        path.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(list(from_model(images)), prompts, columns=4, cell=192).save(path)

    def _asked(self) -> tuple[list[str], list[Plan | None]]:
        """Give what a sheet shows, twice each: the data's prompts, or plans of the source."""
        number = len(self.data.prompts)
        asked: list[tuple[str, Plan | None]] = [(prompt, None) for prompt in self.data.prompts]
        if self.planned:
            samples = [self.source.sample(SHEET_FIRST + index) for index in range(number)]
            asked = [(one.caption, getattr(one, "plan", None)) for one in samples]
        twice = [one for one in asked for _ in range(2)]
        return [prompt for prompt, _ in twice], [plan for _, plan in twice]

    def texts(
        self, texts: list[str], device: torch.device, length: int | None = None
    ) -> TextEmbedding:
        """Embed texts, cut to a length that holds them all."""
        tokens = self.tokenizer.encode(texts)
        ids, mask = tokens.ids[:, :length].copy(), tokens.mask[:, :length].copy()
        return self.embedded(torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device))

    def embedded(self, ids: Tensor, mask: Tensor, plan: Tensor | None = None) -> TextEmbedding:
        """Embed ids and mask, B L, and say what is planned, Float B F h w."""
        tokens, pooled = self._on(self.encoder, ids)(ids, mask)
        return TextEmbedding(tokens=tokens, pooled=pooled, mask=mask, plan=plan)

    def _maps(
        self,
        plans: Sequence[Plan | None],
        cells: tuple[int, ...],
        dropped: Any = None,
        device: torch.device | None = None,
    ) -> Tensor:
        """Paint plans, Float B F h w; all zero where there is none, or where it is dropped."""
        shape = (cells[0], cells[1])
        lost = np.zeros(len(plans), bool) if dropped is None else dropped
        kept = [plan if plan and not gone else () for plan, gone in zip(plans, lost, strict=True)]
        if device is not None and device.type != "cpu":
            self._painter = self._painter or Painter(self.names, device)
            return self._painter(kept, shape)
        wide = self.encoder.config.pooled
        return torch.from_numpy(np.stack([paint(p, self.names, shape, wide) for p in kept]))

    @staticmethod
    def _on(module: Any, like: Tensor) -> Any:
        """Bring a frozen part to where the batch is; a no-op after the first time."""
        return module.to(like.device)


def _check_aspects(aspects: tuple[str, ...], source: Source) -> None:
    """Refuse shapes that are none, and any but the square of sources that draw only that."""
    for aspect in aspects:
        width, _, height = aspect.partition(":")
        if not (width.isdigit() and height.isdigit() and int(width) * int(height)):
            raise ConfigError(f"aspect {aspect!r}; expected width:height, for example 3:2")
        if not 9 / 16 <= ratio_of(aspect) <= 16 / 9:
            raise ConfigError(f"aspect {aspect}; expected 9:16 to 16:9, which the world can paint")
    if not aspects:
        raise ConfigError("aspects is empty; expected at least 1:1")
    if aspects != ("1:1",) and "shape" not in inspect.signature(source.sample).parameters:
        raise ConfigError(
            f"aspects {', '.join(aspects)} need the world, which draws any shape; "
            "pictures from files are square: drop aspects or --data"
        )
