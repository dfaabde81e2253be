"""Builders of tiny random models in the layout that diffusers' checkpoints are published in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tiny_models import cascades, flows, flows_more, stable
from tiny_models.words import as_of_2022

BUILDERS: dict[str, Callable[[], Any]] = {
    "sd15": stable.sd15,
    "sd15-inpaint": stable.sd15_inpaint,
    "sd2": stable.sd2,
    "sdxl": stable.sdxl,
    "sdxl-refiner": stable.sdxl_refiner,
    "sdxl-inpaint": stable.sdxl_inpaint,
    "sd-x4-upscaler": stable.x4_upscaler,
    "lcm": stable.lcm,
    "unclip": cascades.unclip,
    "kandinsky22": cascades.kandinsky22,
    "if": cascades.deepfloyd,
    "if-ii": cascades.deepfloyd_second,
    "amused": cascades.amused,
    "wuerstchen": cascades.wuerstchen,
    "stable-cascade": cascades.stable_cascade,
    "pixart-alpha": flows.pixart_alpha,
    "pixart-sigma": flows.pixart_sigma,
    "sana": flows.sana,
    "sd3": flows.sd3,
    "flux": flows.flux,
    "flux-schnell": flows.flux_schnell,
    "qwenimage": flows_more.qwenimage,
    "zimage": flows_more.zimage,
    "lumina2": flows_more.lumina2,
    "auraflow": flows.auraflow,
    "hunyuandit": flows_more.hunyuandit,
    "cogview4": flows_more.cogview4,
    "chroma": flows.chroma,
}
ONE_FILE = ("sd15", "sd15-inpaint", "sd2", "sdxl", "sdxl-refiner", "sd3", "flux", "flux-schnell")


def build(name: str, folder: Path) -> Path:
    """Write the tiny model of a family into a new folder; two builds are equal to the byte."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BUILDERS[name]().save_pretrained(folder, safe_serialization=True)
    as_named(folder / "model_index.json")
    for settings in folder.glob("*tokenizer*/tokenizer_config.json"):
        if json.loads(settings.read_text())["tokenizer_class"] == "CLIPTokenizer":
            as_of_2022(settings.parent)
    for settings in folder.glob("*text_encoder*/config.json"):
        if json.loads(settings.read_text())["architectures"] == ["CLIPTextModel"]:
            under_text_model(settings.with_name("model.safetensors"))
    return folder


# Classes that live beside a pipeline: published under its name, which diffusers no longer writes.
BESIDE = {
    "UnCLIPTextProjModel": "unclip",
    "PaellaVQModel": "wuerstchen",
    "WuerstchenPrior": "wuerstchen",
    "WuerstchenDiffNeXt": "wuerstchen",
}


def as_named(path: Path) -> None:
    """Name the library of each part in a model_index.json as the published ones do."""
    index = json.loads(path.read_text())
    for value in index.values():
        if isinstance(value, list) and value[1] in BESIDE:
            value[0] = BESIDE[value[1]]
    path.write_text(json.dumps(index, indent=2) + "\n")


def known_by_their_names() -> dict[str, Any]:
    """Return what `diffusers.pipelines` must have for those names to be found.

    Diffusers 0.42 moved the modules and refuses the names of every published file; set these as
    attributes of `diffusers.pipelines`, and they load.
    """
    from diffusers.pipelines.deprecated import unclip, wuerstchen

    return {"unclip": unclip, "wuerstchen": wuerstchen}


def under_text_model(path: Path) -> None:
    """Name the weights of a CLIP text encoder as they were until transformers 5.6 flattened it."""
    from safetensors.torch import load_file, save_file
    from tiny_models.onefile import clip

    save_file(clip(load_file(path)), path, metadata={"format": "pt"})
