"""SD3 and Flux under the keys of their original files; see `onefile`."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from tiny_models.onefile import Weights, autoencoder, clip, part, prefixed, renamed

SD3 = (
    ("time_text_embed.timestep_embedder.linear_1.", "t_embedder.mlp.0."),
    ("time_text_embed.timestep_embedder.linear_2.", "t_embedder.mlp.2."),
    ("time_text_embed.text_embedder.linear_1.", "y_embedder.mlp.0."),
    ("time_text_embed.text_embedder.linear_2.", "y_embedder.mlp.2."),
    ("pos_embed.proj.", "x_embedder.proj."),
    ("pos_embed.pos_embed", "pos_embed"),
    ("norm_out.linear.", "final_layer.adaLN_modulation.1."),
    ("transformer_blocks.", "joint_blocks."),
    (".norm1_context.linear.", ".context_block.adaLN_modulation.1."),
    (".norm1.linear.", ".x_block.adaLN_modulation.1."),
    (".ff_context.net.0.proj.", ".context_block.mlp.fc1."),
    (".ff_context.net.2.", ".context_block.mlp.fc2."),
    (".ff.net.0.proj.", ".x_block.mlp.fc1."),
    (".ff.net.2.", ".x_block.mlp.fc2."),
    (".attn.to_add_out.", ".context_block.attn.proj."),
    (".attn.to_out.0.", ".x_block.attn.proj."),
    (".attn.norm_added_q.", ".context_block.attn.ln_q."),
    (".attn.norm_added_k.", ".context_block.attn.ln_k."),
    (".attn.norm_q.", ".x_block.attn.ln_q."),
    (".attn.norm_k.", ".x_block.attn.ln_k."),
    (".attn.to_qkv.", ".x_block.attn.qkv."),
    (".attn.add_qkv.", ".context_block.attn.qkv."),
)
FLUX = (
    ("time_text_embed.timestep_embedder.linear_1.", "time_in.in_layer."),
    ("time_text_embed.timestep_embedder.linear_2.", "time_in.out_layer."),
    ("time_text_embed.guidance_embedder.linear_1.", "guidance_in.in_layer."),
    ("time_text_embed.guidance_embedder.linear_2.", "guidance_in.out_layer."),
    ("time_text_embed.text_embedder.linear_1.", "vector_in.in_layer."),
    ("time_text_embed.text_embedder.linear_2.", "vector_in.out_layer."),
    ("context_embedder.", "txt_in."),
    ("x_embedder.", "img_in."),
    ("norm_out.linear.", "final_layer.adaLN_modulation.1."),
)
FLUX_DOUBLE = (
    ("transformer_blocks.", "double_blocks."),
    (".norm1_context.linear.", ".txt_mod.lin."),
    (".norm1.linear.", ".img_mod.lin."),
    (".ff_context.net.0.proj.", ".txt_mlp.0."),
    (".ff_context.net.2.", ".txt_mlp.2."),
    (".ff.net.0.proj.", ".img_mlp.0."),
    (".ff.net.2.", ".img_mlp.2."),
    (".attn.to_add_out.", ".txt_attn.proj."),
    (".attn.to_out.0.", ".img_attn.proj."),
    (".attn.norm_added_q.weight", ".txt_attn.norm.query_norm.scale"),
    (".attn.norm_added_k.weight", ".txt_attn.norm.key_norm.scale"),
    (".attn.norm_q.weight", ".img_attn.norm.query_norm.scale"),
    (".attn.norm_k.weight", ".img_attn.norm.key_norm.scale"),
    (".attn.to_qkv.", ".img_attn.qkv."),
    (".attn.add_qkv.", ".txt_attn.qkv."),
)
FLUX_SINGLE = (
    ("single_transformer_blocks.", "single_blocks."),
    (".norm.linear.", ".modulation.lin."),
    (".attn.norm_q.weight", ".norm.query_norm.scale"),
    (".attn.norm_k.weight", ".norm.key_norm.scale"),
    (".attn.to_qkv.", ".linear1."),
    (".proj_out.", ".linear2."),
)


def joined(weights: Weights) -> Weights:
    """Return weights with query, key and value (and a single block's MLP) in one array."""
    made = {}
    for key, value in weights.items():
        if found := re.match(r"(.*\.attn2?)\.(to_q|add_q_proj)\.(weight|bias)", key):
            start, query, kind = found[1], found[2], found[3]
            names = [f"{start}.{query.replace('q', letter)}.{kind}" for letter in "qkv"]
            if key.startswith("single_"):
                names.append(f"{start.removesuffix('.attn')}.proj_mlp.{kind}")
            new = f"{start}.{'to_qkv' if query == 'to_q' else 'add_qkv'}.{kind}"
            made[new] = torch.cat([weights[name] for name in names])
        elif not re.search(r"\.(to_[kv]|add_[kv]_proj|proj_mlp)\.", key):
            made[key] = value
    return made


def turned(value: torch.Tensor) -> torch.Tensor:
    """Return scale and shift in the other order."""
    return torch.cat(list(reversed(value.chunk(2))))


def sd3_transformer(weights: Weights, layers: int) -> Weights:
    """Return an SD3Transformer2DModel under the keys of sd3-ref's MMDiT."""
    made = {}
    for key, value in joined(weights).items():
        last = key.startswith(f"transformer_blocks.{layers - 1}.norm1_context.")
        value = turned(value) if last or key.startswith("norm_out.") else value
        if key.startswith("proj_out."):
            key = "final_layer.linear." + key.removeprefix("proj_out.")
        new = renamed(key.replace(".attn2.", ".attn."), SD3)
        made[new.replace("x_block.attn.", "x_block.attn2.") if ".attn2." in key else new] = value
    return made


def flux_transformer(weights: Weights) -> Weights:
    """Return a FluxTransformer2DModel under the keys of Black Forest Labs' own."""
    made = {}
    for key, value in joined(weights).items():
        if key.startswith("single_"):
            new = renamed(key, FLUX_SINGLE)
        elif key.startswith("transformer_blocks."):
            new = renamed(key, FLUX_DOUBLE)
        elif key.startswith("proj_out."):
            new = "final_layer.linear." + key.removeprefix("proj_out.")
        else:
            new = renamed(key, FLUX)
        made[new] = turned(value) if key.startswith("norm_out.") else value
    return made


def sd3(folder: Path) -> Weights:
    """Return SD3's whole file: all three text encoders are in it."""
    weights, config = part(folder, "transformer")
    net = sd3_transformer(weights, config["num_layers"])
    made = prefixed("model.diffusion_model.", net)
    made |= prefixed("first_stage_model.", autoencoder(*part(folder, "vae")))
    made |= prefixed("text_encoders.clip_l.transformer.", clip(part(folder, "text_encoder")[0]))
    made |= prefixed("text_encoders.clip_g.transformer.", clip(part(folder, "text_encoder_2")[0]))
    long = part(folder, "text_encoder_3")[0]
    long["encoder.embed_tokens.weight"] = long["shared.weight"]  # diffusers does not tie them again
    made |= prefixed("text_encoders.t5xxl.transformer.", long)
    return made


def flux(folder: Path) -> Weights:
    """Return Flux's file: the transformer alone, as Black Forest Labs publish it."""
    return flux_transformer(part(folder, "transformer")[0])
