"""Builders of tiny random models in the layout that diffusers' checkpoints are published in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tiny_models import (
    cascades,
    cascades_kin,
    flows,
    flows_more,
    flux_kin,
    stable,
    stable_kin,
    talkers,
    talkers_more,
)
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
    "sd2-base": stable_kin.sd2_base,
    "sd2-inpaint": stable_kin.sd2_inpaint,
    "instruct-pix2pix": stable_kin.instruct_pix2pix,
    "sd-latent-upscaler": stable_kin.latent_upscaler,
    "ldm": stable_kin.ldm,
    "kandinsky21": cascades_kin.kandinsky21,
    "kandinsky3": cascades_kin.kandinsky3,
    "stable-unclip": cascades_kin.stable_unclip,
    "vq-diffusion": cascades_kin.vq_diffusion,
    "flux-fill": flux_kin.flux_fill,
    "flux-kontext": flux_kin.flux_kontext,
    "flux2": flux_kin.flux2,
    "flux2-klein": flux_kin.flux2_klein,
    "ernie": flux_kin.ernie,
    "ovis": flux_kin.ovis,
    "bria": flux_kin.bria,
    "bria-fibo": flux_kin.bria_fibo,
    "prx": flux_kin.prx,
    "qwenimage-edit": talkers.qwenimage_edit,
    "sana-sprint": talkers.sana_sprint,
    "lumina": talkers.lumina,
    "cogview3": talkers.cogview3,
    "krea2": talkers.krea2,
    "ideogram4": talkers.ideogram4,
    "nucleus": talkers.nucleus,
    "longcat": talkers.longcat,
    "kandinsky5": talkers.kandinsky5,
    "hunyuanimage": talkers.hunyuanimage,
    "hidream": talkers_more.hidream,
    "omnigen": talkers_more.omnigen,
    "cosmos2": talkers_more.cosmos2,
    "qwenimage21": talkers_more.qwenimage21,
    "glm-image": talkers_more.glm_image,
    "kolors": talkers_more.kolors,
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
    "LearnedClassifierFreeSamplingEmbeddings": "vq_diffusion",
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
    from diffusers.pipelines.deprecated import unclip, vq_diffusion, wuerstchen

    return {"unclip": unclip, "wuerstchen": wuerstchen, "vq_diffusion": vq_diffusion}


def under_text_model(path: Path) -> None:
    """Name the weights of a CLIP text encoder as they were until transformers 5.6 flattened it."""
    from safetensors.torch import load_file, save_file
    from tiny_models.onefile import clip

    save_file(clip(load_file(path)), path, metadata={"format": "pt"})
