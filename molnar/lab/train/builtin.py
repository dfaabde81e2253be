"""The built-in recipes. What each is for, costs and reaches is told in `recipes/<name>.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from molnar.clip.model import CLIPConfig
from molnar.clip.vision import VisionConfig
from molnar.diffusion.transformer import TransformerConfig
from molnar.diffusion.unet import UNetConfig
from molnar.lab.data.world import WorldConfig
from molnar.lab.train.clip import ClipData
from molnar.lab.train.decoder import DecoderData
from molnar.lab.train.diffusion import DiffusionData
from molnar.lab.train.finisher import FinisherData
from molnar.lab.train.recipe import (
    ClipPart,
    DecoderPart,
    DiffusionPart,
    Drawings,
    FinisherPart,
    PlannerPart,
    Recipe,
    TextPart,
    TokenizerPart,
    UpscalerPart,
    VaePart,
)
from molnar.lab.train.redrawing import Redrawing
from molnar.lab.train.settings import TrainSettings
from molnar.lab.train.text import TextTaskConfig
from molnar.lab.train.upscaler import UpscalerData
from molnar.lab.train.vae import VaeData
from molnar.latent.autoencoder import AutoencoderConfig
from molnar.latent.finisher import FinisherConfig
from molnar.plan.planner import PlannerConfig
from molnar.text.embeddings import TextEncoderConfig
from molnar.upscale.upscaler import UpscalerConfig


def sticker_test() -> Recipe:
    """Every part at toy size, seconds each: proves the chain, draws nothing."""
    quick = TrainSettings(
        images=32, batch=8, warmup=8, sheet_minutes=0.0, log_steps=1, device="cpu", threads=1
    )
    return Recipe(
        name="sticker_test",
        tokenizer=TokenizerPart(vocab_size=400, length=24),
        text=TextPart(
            train=quick,
            model=TextEncoderConfig(
                vocab_size=400, length=24, width=16, layers=1, heads=2, pooled=16
            ),
            data=TextTaskConfig(heldout=16),
            num_captions=128,
            teacher=False,
        ),
        planner=PlannerPart(train=quick, model=PlannerConfig(width=16, layers=1, heads=2)),
        vae=VaePart(
            train=quick,
            model=AutoencoderConfig(
                latent_channels=4, decoder_widths=(8, 8, 8), decoder_blocks=(1, 1, 1)
            ),
            data=VaeData(fit_pictures=16, crop=32),
        ),
        diffusion=DiffusionPart(
            train=quick,
            model=UNetConfig(
                channels=(16, 16),
                blocks=(1, 1),
                attention=(False, True),
                heads=2,
                context=16,
                condition=16,
            ),
            data=DiffusionData(size=64, prompts=("a red circle",)),
            plan=True,
        ),
        decoder=DecoderPart(
            train=quick, data=DecoderData(redrawing=Redrawing(pictures=8, steps=2), crop=32)
        ),
        finisher=FinisherPart(
            train=quick,
            model=FinisherConfig(width=8, blocks=1, textures=2),
            data=FinisherData(redrawing=Redrawing(pictures=8, steps=2)),
        ),
        upscaler=UpscalerPart(
            train=quick,
            model=UpscalerConfig(width=8, blocks=2),
            data=UpscalerData(size=64, crop_least=8, crop_most=16),
        ),
        clip=ClipPart(
            train=quick,
            model=CLIPConfig(
                vision=VisionConfig(image_size=32, channels=(8, 8), width=16), width=16
            ),
            data=ClipData(),
        ),
        world=WorldConfig(size=64),
    )


def sticker_cpu() -> Recipe:
    """A convolutional U-Net on common concepts, for two CPU cores and about two hours a run."""
    base = TrainSettings(minutes=10, batch=24, lr=1e-3, precision="auto", channels_last=True)
    return Recipe(
        name="sticker_cpu",
        text=TextPart(
            train=TrainSettings(
                minutes=12, batch=256, lr=8e-4, betas=(0.9, 0.98), warmup=15_000, cooldown=0.6,
                precision="auto",
            ),
        ),
        vae=VaePart(
            train=TrainSettings(
                minutes=13,
                batch=16,
                lr=1e-3,
                betas=(0.9, 0.99),
                warmup=2_000,
                cooldown=0.4,
                ema_decay=0.998,
                channels_last=True,
            )
        ),
        diffusion=DiffusionPart(
            train=TrainSettings(
                minutes=120,
                batch=64,
                lr=1.2e-3,
                warmup=5_000,
                cooldown=0.4,
                precision="auto",
                channels_last=True,
            ),
            model=UNetConfig(sketch=24, flow_map=True),
            # Coarse channels are larger than unit noise, and flat colour repeats over many cells: a
            # shape is only undecided above t = 0.85, so that is where most training belongs.
            data=DiffusionData(shift=5.0, uniform_p=0.15, spread=1.0),
            plan=True,
        ),
        decoder=DecoderPart(
            train=replace(DecoderPart().train, minutes=25),
            data=DecoderData(redrawing=Redrawing(pictures=1400, most=0.93, invented=480)),
        ),
        finisher=FinisherPart(train=replace(FinisherPart().train, minutes=20)),
        # Drawing at 512 is what costs time: many crops of each picture.
        upscaler=UpscalerPart(
            train=replace(base, minutes=35, lr=1.2e-3, cooldown=0.45),
            model=UpscalerConfig(width=48),
            data=UpscalerData(
                crops=12, crop_least=32, crop_most=48, clean_p=0.4, rough_p=0.15,
                redrawing=Redrawing(pictures=1000, least=0.25, most=0.65),
            ),
        ),
        clip=ClipPart(train=TrainSettings(minutes=15, batch=64, lr=1e-3, warmup=5_000)),
        world=_everyday(),
        drawings=Drawings(concepts="common"),
    )  # fmt: skip


def _everyday() -> WorldConfig:
    """What two cores can learn in hours: shapes above all, in the plainest style."""
    return WorldConfig(
        geometry_p=0.62,
        transparent_p=0.10,
        place_p=0.15,
        look_p=0.10,
        tint_p=0.15,
        # What needs a plan most: which thing has which colour, and where it is.
        geometry={
            "single": 0.12, "two": 0.18, "counting": 0.16, "colour": 0.06, "position": 0.22,
            "attribution": 0.18, "nested": 0.05, "homage": 0.02, "many": 0.03,
        },
        sticker={
            "sticker": 0.50, "sticker_wearing": 0.18, "sticker_two": 0.12, "sticker_touching": 0.09,
            "sticker_position": 0.05, "sticker_count": 0.05, "sticker_nested": 0.01,
        },
        # A prompt without a style word is Noto; one style well before seven badly.
        styles={
            "noto": 0.82, "fluent-flat": 0.06, "twemoji": 0.06, "fluent-3d": 0.03,
            "blob": 0.01, "fluent-color": 0.01, "fluent-high-contrast": 0.01,
        },
    )  # fmt: skip


def sticker_gpu() -> Recipe:
    """A transformer on all concepts, for one large GPU and runs of 25 minutes that are chained."""
    fast = TrainSettings(
        minutes=25, batch=1024, lr=6e-4, betas=(0.9, 0.95), warmup=200_000, cooldown=0.2,
        ema="power", ema_std=0.10, precision="bf16", compile=True, device="cuda",
        checkpoint_minutes=3.0, sheet_minutes=5.0,
    )  # fmt: skip
    convolutional = TrainSettings(
        minutes=10, batch=256, lr=1e-3, warmup=20_000, cooldown=0.4, ema_decay=0.998,
        precision="bf16", channels_last=True, device="cuda", checkpoint_minutes=3.0,
    )  # fmt: skip
    return Recipe(
        name="sticker_gpu",
        text=TextPart(
            train=TrainSettings(
                minutes=5, batch=1024, lr=1e-3, betas=(0.9, 0.98), warmup=100_000, cooldown=0.6
            ),
            num_captions=100_000,
        ),
        planner=PlannerPart(
            train=TrainSettings(
                minutes=5, batch=1024, lr=1.5e-3, betas=(0.9, 0.98), warmup=50_000, cooldown=0.5
            )
        ),
        vae=VaePart(
            train=convolutional,
            model=AutoencoderConfig(latent_channels=16, encoder="conv"),
        ),
        diffusion=DiffusionPart(train=fast, model=TransformerConfig(flow_map=True), plan=True),
        decoder=DecoderPart(
            train=convolutional,
            data=DecoderData(redrawing=Redrawing(pictures=20_000, most=0.93, invented=6_000)),
        ),
        finisher=FinisherPart(
            train=replace(convolutional, minutes=5, batch=32),  # its filters are the CPU's work
            data=FinisherData(redrawing=Redrawing(pictures=6_000, least=0.3)),
        ),
        upscaler=UpscalerPart(
            train=convolutional, data=UpscalerData(redrawing=Redrawing(pictures=10_000))
        ),
        clip=ClipPart(
            train=TrainSettings(
                minutes=5, batch=1024, lr=1e-3, warmup=50_000, precision="bf16", device="cuda"
            )
        ),
        drawings=Drawings(concepts="all", workers=14, on_device=True),
    )


BUILTIN: dict[str, Callable[[], Recipe]] = {
    "sticker_test": sticker_test,
    "sticker_cpu": sticker_cpu,
    "sticker_gpu": sticker_gpu,
}
