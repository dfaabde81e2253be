"""A tiny untrained model, exported once per run: tests need no shipped one and no network."""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # several processes share the cores: one thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

CAPTIONS = {
    "a red circle": 9,
    "a blue square": 9,
    "a fox, transparent background": 9,
    "two green stars on a beach": 9,
}


_FOLDERS = itertools.count()


@pytest.fixture(autouse=True)
def _own_history(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test a data folder of its own, so that none writes into the user's."""
    folder = tmp_path_factory.getbasetemp() / "homes" / str(next(_FOLDERS))
    monkeypatch.setenv("MOLNAR_HOME", str(folder))
    monkeypatch.delenv("MOLNAR_HISTORY", raising=False)


def write_part(folder: Path, kind: str, config: Any, module: Any) -> None:
    from molnar.base.weights import save

    folder.mkdir(parents=True)
    arrays = {key: value.detach().numpy() for key, value in module.state_dict().items()}
    save(folder / "model.safetensors", arrays)
    (folder / "model.json").write_text(json.dumps({"kind": kind, "config": asdict(config)}))


def write_workspace(folder: Path) -> Path:
    """Write what training leaves behind, with random weights and the smallest sizes."""
    import torch

    from molnar.clip.model import CLIP, CLIPConfig
    from molnar.clip.vision import VisionConfig
    from molnar.diffusion.unet import UNet, UNetConfig
    from molnar.lab.train.tokenizer import train_tokenizer
    from molnar.latent.autoencoder import Autoencoder, AutoencoderConfig
    from molnar.latent.finisher import Finisher, FinisherConfig
    from molnar.plan.paint import features
    from molnar.plan.planner import Planner, PlannerConfig
    from molnar.text.embeddings import TextEncoder, TextEncoderConfig
    from molnar.upscale.upscaler import Upscaler, UpscalerConfig

    small = VisionConfig(image_size=16, channels=(8, 8), width=12)
    clip = CLIPConfig(vision=small, pooled_width=16, width=12)

    (folder / "tokenizer").mkdir(parents=True)
    tokenizer = train_tokenizer(CAPTIONS, vocab_size=300)
    tokenizer.save(folder / "tokenizer" / "tokenizer.json")
    words = sorted({word.strip(",") for caption in CAPTIONS for word in caption.split()})
    (folder / "tokenizer" / "words.json").write_text(json.dumps({"words": words}))

    text = TextEncoderConfig(
        vocab_size=tokenizer.vocab_size, width=16, layers=1, heads=2, pooled=16
    )
    unet = UNetConfig(
        latent_channels=4,
        text_width=32,
        pooled_width=16,
        channels=(16, 16, 16),
        blocks=(1, 1, 1),
        attention=(False, False, True),
        heads=2,
        context=16,
        condition=16,
        plan=features(16),
        plan_width=8,
        flow_map=True,
    )
    planner = PlannerConfig(
        names=("background", "transparent", "circle", "square", "fox", "star", "beach"),
        text_width=32,
        name_width=16,
        width=16,
        layers=1,
        heads=2,
    )
    codec = AutoencoderConfig(latent_channels=4, decoder_widths=(8, 8, 8), decoder_blocks=(1, 1, 1))
    upscaler = UpscalerConfig(width=8, blocks=2)
    # of the planner's names, that which lies behind everything stands for a look
    finisher = FinisherConfig(width=8, blocks=1, textures=2, period=8, manners=("neon", "beach"))
    torch.manual_seed(0)
    modules = {
        "text": (text, TextEncoder(text)),
        "planner": (planner, Planner(planner)),
        "diffusion": (unet, UNet(unet)),
        "vae": (codec, Autoencoder(codec)),
        "upscaler": (upscaler, Upscaler(upscaler)),
        "clip": (clip, CLIP(clip)),
        "finisher": (finisher, Finisher(finisher)),
    }
    for name, (config, module) in modules.items():
        for value in module.parameters():
            # Layers that start at zero hide whatever stands before them, and equal ones each other.
            if value.dim() > 1:
                torch.nn.init.normal_(value, std=(2 / value[0].numel()) ** 0.5)
            else:
                torch.nn.init.normal_(value, mean=float(value.detach().mean()), std=0.1)
        if isinstance(module, Planner):
            torch.nn.init.normal_(module.vectors, std=0.25)  # as long as unit vectors of 16 numbers
        write_part(folder / name, "unet" if name == "diffusion" else name, config, module)
    return folder


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_workspace(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(scope="session")
def tiny(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny bundle; treat it as read-only."""
    from molnar.engines.export import export

    card = {"defaults": {"steps": 3, "guidance": 2.0}, "licence": "CC0-1.0"}
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    export(workspace, folder, card)
    return folder


@pytest.fixture(scope="session")
def drawn() -> dict[tuple[str, str], Any]:
    """Sixteen drawings by (name, style): uint8 64 64 4, straight alpha."""
    import numpy as np
    from PIL import Image, ImageDraw

    colours = {
        "red": (218, 34, 40),
        "green": (36, 152, 62),
        "blue": (36, 82, 214),
        "yellow": (252, 219, 46),
    }
    shapes = {
        "disc": [("ellipse", (8, 8, 56, 56))],
        "post": [("rectangle", (22, 4, 42, 60))],
        "roof": [("polygon", (32, 6, 60, 58, 4, 58))],
        "cross": [("rectangle", (24, 6, 40, 58)), ("rectangle", (6, 24, 58, 40))],
    }
    found = {}
    for name, strokes in shapes.items():
        for style, colour in colours.items():
            image = Image.new("RGBA", (64, 64))
            pen = ImageDraw.Draw(image)
            for kind, where in strokes:
                getattr(pen, kind)(where, fill=(*colour, 255), outline=(20, 20, 20, 255))
            pen.rectangle((28, 30, 36, 34), fill=(240, 240, 240, 255))
            found[name, style] = np.asarray(image)
    return found


@pytest.fixture(scope="session")
def listed(drawn: dict[tuple[str, str], Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle without parts that lists the drawings it was trained on: read-only."""
    from molnar.base.drawings import FILE, Drawings, Origin
    from molnar.base.likeness import describe_by_rule
    from molnar.bundle import Manifest, save
    from molnar.latent.format import LatentFormat

    folder = tmp_path_factory.mktemp("listed") / "listed"
    folder.mkdir()
    for name in ("tokenizer.json", "words.json"):
        (folder / name).write_text("{}")
    origin = Origin("Shapes (the tests)", "CC0-1.0", ("https://spdx.org/licenses/CC0-1.0.html",))
    styles = {style: origin for _, style in drawn}
    vectors = describe_by_rule(list(drawn.values()))
    Drawings.of(list(drawn), vectors, styles).save(folder / FILE)
    latent = LatentFormat(channels=1, downscale=8, multiple=1, preview=((0.0, 0.0),) * 4)
    manifest = Manifest(name="listed", version="1", parts={}, latent=latent, sources=FILE)
    return save(folder, manifest).folder
