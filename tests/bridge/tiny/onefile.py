"""Diffusers' weights under the keys of the original one-file checkpoints.

The way back of `diffusers/loaders/single_file_utils.py`: CompVis' latent diffusion for Stable
Diffusion 1 and 2, Stability's generative-models for SDXL, sd3-ref for SD3, Black Forest Labs'
flux. Arrays go in and come out as torch tensors of equal numbers.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch

Weights = dict[str, torch.Tensor]

RESNET = (
    ("norm1.", "in_layers.0."),
    ("conv1.", "in_layers.2."),
    ("time_emb_proj.", "emb_layers.1."),
    ("norm2.", "out_layers.0."),
    ("conv2.", "out_layers.3."),
    ("conv_shortcut.", "skip_connection."),
)
UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "class_embedding": "label_emb",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
ATTENTION = (
    ("group_norm.", "norm."),
    ("to_q.", "q."),
    ("to_k.", "k."),
    ("to_v.", "v."),
    ("to_out.0.", "proj_out."),
)
OPEN_CLIP = (
    ("text_model.encoder.layers.", "transformer.resblocks."),
    ("layer_norm1.", "ln_1."),
    ("layer_norm2.", "ln_2."),
    ("mlp.fc1.", "mlp.c_fc."),
    ("mlp.fc2.", "mlp.c_proj."),
    ("self_attn.out_proj.", "attn.out_proj."),
    ("text_model.final_layer_norm.", "ln_final."),
    ("text_model.embeddings.token_embedding.", "token_embedding."),
    ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
)


def renamed(key: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """Return a key with every left side of `pairs` replaced by its right one."""
    for old, new in pairs:
        key = key.replace(old, new)
    return key


def unet(weights: Weights, config: dict[str, Any]) -> Weights:
    """Return a UNet2DConditionModel under the keys of CompVis' UNetModel."""
    deep = config["layers_per_block"] + 1
    attends = ["CrossAttn" in kind for kind in config["up_block_types"]]

    def place(key: str) -> str:
        for old, new in UNET.items():
            if key.startswith(old + "."):
                return new + key[len(old) :]
        if found := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", key):
            kind, at, rest = found[1], int(found[2]), found[3]
            if kind == "attentions":
                return f"middle_block.1.{rest}"
            return f"middle_block.{2 * at}.{renamed(rest, RESNET)}"
        found = re.match(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)", key)
        assert found is not None, key
        side, block, kind, at, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
        if kind == "downsamplers":
            return f"input_blocks.{(block + 1) * deep}.0.{rest.replace('conv.', 'op.')}"
        if kind == "upsamplers":
            slot = 2 if attends[block] else 1
            return f"output_blocks.{(block + 1) * deep - 1}.{slot}.{rest}"
        number = block * deep + at + (1 if side == "down" else 0)
        slot = 0 if kind == "resnets" else 1
        rest = renamed(rest, RESNET) if kind == "resnets" else rest
        return f"{'input' if side == 'down' else 'output'}_blocks.{number}.{slot}.{rest}"

    return {place(key): value for key, value in weights.items()}


def autoencoder(weights: Weights, config: dict[str, Any]) -> Weights:
    """Return an AutoencoderKL under the keys of CompVis' AutoencoderKL."""
    last = len(config["up_block_types"]) - 1
    made = {}
    for key, value in weights.items():
        new = key.replace("conv_norm_out.", "norm_out.").replace("conv_shortcut", "nin_shortcut")
        new = re.sub(r"down_blocks\.(\d)\.resnets\.", r"down.\1.block.", new)
        new = re.sub(r"down_blocks\.(\d)\.downsamplers\.0\.", r"down.\1.downsample.", new)
        new = re.sub(r"up_blocks\.(\d)", lambda found: f"up.{last - int(found[1])}", new)
        new = new.replace(".resnets.", ".block.").replace(".upsamplers.0.", ".upsample.")
        new = re.sub(r"mid_block\.block\.(\d)", lambda f: f"mid.block_{int(f[1]) + 1}", new)
        if ".attentions." in new:
            new = renamed(new.replace("mid_block.attentions.0.", "mid.attn_1."), ATTENTION)
            value = value[:, :, None, None] if value.dim() == 2 else value  # a 1 x 1 convolution
        made[new] = value
    return made


def clip(weights: Weights) -> Weights:
    """Return OpenAI's CLIP text encoder as the one-file checkpoints have it: named by HF's keys."""
    wrapped = any(key.startswith("text_model.") for key in weights)
    return weights if wrapped else {"text_model." + key: value for key, value in weights.items()}


def open_clip(weights: Weights) -> Weights:
    """Return a CLIP text encoder under the keys of OpenCLIP: q, k and v in one array."""
    made = {}
    weights = clip(weights)
    for key, value in weights.items():
        if key == "text_projection.weight":
            made["text_projection"] = value.T.contiguous()
        elif ".q_proj." in key:
            parts = [weights[key.replace(".q_proj.", f".{letter}_proj.")] for letter in "qkv"]
            start, _, kind = key.partition(".self_attn.q_proj.")
            made[renamed(start, OPEN_CLIP) + f".attn.in_proj_{kind}"] = torch.cat(parts)
        elif ".k_proj." not in key and ".v_proj." not in key:
            made[renamed(key, OPEN_CLIP)] = value
    if "text_projection" not in made:  # Stable Diffusion 2's file has one that nobody reads
        made["text_projection"] = torch.eye(made["positional_embedding"].shape[1])
    return made


def prefixed(prefix: str, weights: Weights) -> Weights:
    """Return weights with a prefix before every key."""
    return {prefix + key: value for key, value in weights.items()}


def part(folder: Path, name: str) -> tuple[Weights, dict[str, Any]]:
    """Return the weights and the configuration of one part of a pipeline's folder."""
    from safetensors.torch import load_file

    (path,) = (folder / name).glob("*.safetensors")
    return load_file(path), json.loads((folder / name / "config.json").read_text())


def latent_diffusion(folder: Path, texts: dict[str, tuple[str, Any]]) -> Weights:
    """Return a whole file of Stable Diffusion 1, 2 or XL.

    Args:
        folder: A pipeline in diffusers' layout.
        texts: For each text encoder its prefix and the function that renames its weights.
    """
    made = prefixed("model.diffusion_model.", unet(*part(folder, "unet")))
    made |= prefixed("first_stage_model.", autoencoder(*part(folder, "vae")))
    for name, (prefix, rename) in texts.items():
        made |= prefixed(prefix, rename(part(folder, name)[0]))
    return made


def original(name: str, folder: Path) -> Weights:
    """Return the tiny model of a family as one file of original keys."""
    from tiny_models.onefile_flow import flux, sd3

    if name in ("sd3", "flux", "flux-schnell"):
        return sd3(folder) if name == "sd3" else flux(folder)
    if name == "sdxl-refiner":
        texts = {"text_encoder_2": ("conditioner.embedders.0.model.", open_clip)}
    elif name.startswith("sdxl"):
        texts = {
            "text_encoder": ("conditioner.embedders.0.transformer.", clip),
            "text_encoder_2": ("conditioner.embedders.1.model.", open_clip),
        }
    elif name == "sd2":
        texts = {"text_encoder": ("cond_stage_model.model.", open_clip)}
    elif name.startswith("sd15"):
        texts = {"text_encoder": ("cond_stage_model.transformer.", clip)}
    else:
        raise ValueError(f"{name} has no one-file format here")
    return latent_diffusion(folder, texts)


def write(name: str, folder: Path, path: Path) -> Path:
    """Write the tiny model of a family into one file of original keys."""
    from safetensors.torch import save_file

    weights = {key: value.contiguous().clone() for key, value in original(name, folder).items()}
    save_file(dict(sorted(weights.items())), path, metadata={"format": "pt"})
    return path
