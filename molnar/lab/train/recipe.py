"""What a recipe is: all that a training run of any part is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from molnar.clip.model import CLIPConfig
from molnar.diffusion.transformer import TransformerConfig
from molnar.diffusion.unet import UNetConfig
from molnar.lab.data.world import WorldConfig
from molnar.lab.train.clip import ClipData
from molnar.lab.train.decoder import DecoderData
from molnar.lab.train.diffusion import DiffusionData
from molnar.lab.train.finisher import FinisherData
from molnar.lab.train.planner import PlannerData
from molnar.lab.train.settings import TrainSettings
from molnar.lab.train.text import TextTaskConfig
from molnar.lab.train.upscaler import UpscalerData
from molnar.lab.train.vae import VaeData
from molnar.latent.autoencoder import AutoencoderConfig
from molnar.latent.finisher import FinisherConfig
from molnar.plan.planner import PlannerConfig
from molnar.text.embeddings import TextEncoderConfig
from molnar.upscale.upscaler import UpscalerConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawings:
    """Which drawings of a sticker pack are used, and who draws."""

    concepts: Literal["few", "common", "all"] = "common"  # few first: learned, not smeared
    styles: tuple[str, ...] | None = None  # None = all
    sprite_px: int = 160  # side of the cached sprites
    workers: int = 0  # processes that draw; 0 = the data thread alone
    on_device: bool = False  # compose pictures on the GPU (render_torch), for diffusion


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizerPart:
    """How the vocabulary is made (in seconds, in closed form)."""

    vocab_size: int = 8192  # ids in all
    length: int = 32  # ids per text


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPart:
    """How the text encoder is trained. Its vocabulary and length are the tokenizer's."""

    train: TrainSettings
    model: TextEncoderConfig = field(default_factory=lambda: TextEncoderConfig(vocab_size=8192))
    data: TextTaskConfig = field(default_factory=TextTaskConfig)
    num_captions: int = 12_000  # captions in the corpus
    teacher: bool = True  # distil from the public sentence encoder, if it is installed


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannerPart:
    """How the planner is trained. Its names are those of the world, its widths the encoder's."""

    train: TrainSettings = field(
        default_factory=lambda: TrainSettings(
            minutes=15, batch=48, lr=1.5e-3, betas=(0.9, 0.98), warmup=2_000, cooldown=0.45
        )
    )
    model: PlannerConfig = field(default_factory=PlannerConfig)
    data: PlannerData = field(default_factory=PlannerData)


@dataclass(frozen=True, kw_only=True, slots=True)
class VaePart:
    """How the autoencoder is trained."""

    train: TrainSettings
    model: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    data: VaeData = field(default_factory=VaeData)


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffusionPart:
    """How the velocity network is trained. Widths where parts meet are those of the parts."""

    train: TrainSettings
    model: UNetConfig | TransformerConfig = field(default_factory=UNetConfig)
    data: DiffusionData = field(default_factory=DiffusionData)
    plan: bool = False  # the network is told what is where, as a planner will tell it


@dataclass(frozen=True, kw_only=True, slots=True)
class DecoderPart:
    """How the decoder is trained again, on what the network draws; its sizes are the vae's."""

    train: TrainSettings = field(
        default_factory=lambda: TrainSettings(
            minutes=10, batch=16, lr=1e-3, betas=(0.9, 0.99), warmup=2_000, cooldown=0.4,
            precision="auto", channels_last=True, ema_decay=0.998,
        )
    )  # fmt: skip
    data: DecoderData = field(default_factory=DecoderData)


@dataclass(frozen=True, kw_only=True, slots=True)
class FinisherPart:
    """How the finisher is trained, on what network and decoder leave of looks."""

    train: TrainSettings = field(
        default_factory=lambda: dataclasses.replace(
            DecoderPart().train, batch=8, lr=1.5e-3, warmup=1_000, cooldown=0.5
        )
    )
    model: FinisherConfig = field(default_factory=FinisherConfig)
    data: FinisherData = field(default_factory=FinisherData)


@dataclass(frozen=True, kw_only=True, slots=True)
class UpscalerPart:
    """How the upscaler is trained."""

    train: TrainSettings
    model: UpscalerConfig = field(default_factory=UpscalerConfig)
    data: UpscalerData = field(default_factory=UpscalerData)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipPart:
    """How the CLIP is trained."""

    train: TrainSettings
    model: CLIPConfig = field(default_factory=CLIPConfig)
    data: ClipData = field(default_factory=ClipData)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One chain of training runs, from the tokenizer to the upscaler.

    Example:
        >>> from molnar.lab.train.builtin import sticker_test
        >>> sticker_test().settings("vae").batch
        8
    """

    name: str
    text: TextPart
    vae: VaePart
    diffusion: DiffusionPart
    upscaler: UpscalerPart
    clip: ClipPart
    planner: PlannerPart = field(default_factory=PlannerPart)
    decoder: DecoderPart = field(default_factory=DecoderPart)
    finisher: FinisherPart = field(default_factory=FinisherPart)
    tokenizer: TokenizerPart = field(default_factory=TokenizerPart)
    world: WorldConfig = field(default_factory=WorldConfig)
    drawings: Drawings = field(default_factory=Drawings)

    def settings(self, part: str) -> TrainSettings:
        """Give the training settings of a part that has some (all but the tokenizer)."""
        found = getattr(self, part).train
        assert isinstance(found, TrainSettings)
        return found

    def with_settings(self, part: str, settings: TrainSettings) -> Recipe:
        """Give this recipe with other training settings for one part."""
        changed = dataclasses.replace(getattr(self, part), train=settings)
        return dataclasses.replace(self, **{part: changed})


def with_length(
    recipe: Recipe,
    parts: Sequence[str],
    *,
    minutes: float | None = None,
    images: int | None = None,
    threads: int | None = None,
) -> Recipe:
    """Change how long the parts that are trained take, and on how many CPU threads.

    Args:
        recipe: What to change.
        parts: The parts that are trained.
        minutes: Alone: the length of the run, whatever length the recipe gives; shared out over
            several parts as in the recipe. With `images`: the budget of this session.
        images: Pictures to see in all, each part.
        threads: CPU threads of torch.
    """
    trained = [part for part in parts if part != "tokenizer"]
    shares = {part: recipe.settings(part).minutes or 1.0 for part in trained}
    for part in trained:
        settings = recipe.settings(part)
        if minutes is not None or images is not None:
            budget = None if minutes is None else minutes * shares[part] / sum(shares.values())
            settings = dataclasses.replace(settings, images=images, minutes=budget)
        if threads is not None:
            settings = dataclasses.replace(settings, threads=threads)
        recipe = recipe.with_settings(part, settings)
    return recipe
