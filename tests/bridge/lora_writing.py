"""LoRA files as each program writes them, and pictures as diffusers draws with them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from safetensors.torch import save_file

UNET = [
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
    "down_blocks.1.attentions.1.transformer_blocks.0.attn2.to_k",
    "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0",
    "up_blocks.2.attentions.0.transformer_blocks.0.ff.net.0.proj",
    "up_blocks.3.attentions.2.proj_in",
]
CONVOLUTIONS = ["down_blocks.0.resnets.1.conv1", "up_blocks.1.upsamplers.0.conv"]
TEXT = [
    "encoder.layers.0.self_attn.q_proj",
    "encoder.layers.0.self_attn.out_proj",  # without one, diffusers misreads the names of kohya
    "encoder.layers.1.mlp.fc1",
]
# As kohya's trainer calls the layers of SDXL.
SGM = {
    "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q":
        "input_blocks_4_1_transformer_blocks_0_attn1_to_q",
    "down_blocks.1.resnets.0.conv1": "input_blocks_4_0_in_layers_2",
    "down_blocks.1.resnets.1.time_emb_proj": "input_blocks_5_0_emb_layers_1",
    "down_blocks.0.downsamplers.0.conv": "input_blocks_3_0_op",
    "mid_block.attentions.0.proj_in": "middle_block_1_proj_in",
    "mid_block.resnets.1.conv2": "middle_block_2_out_layers_3",
    "up_blocks.0.attentions.1.transformer_blocks.1.attn2.to_k":
        "output_blocks_1_1_transformer_blocks_1_attn2_to_k",
    "up_blocks.0.upsamplers.0.conv": "output_blocks_2_2_conv",
    "up_blocks.2.resnets.1.conv_shortcut": "output_blocks_7_0_skip_connection",
    "time_embedding.linear_1": "time_embed_0",
    "add_embedding.linear_2": "label_emb_0_2",
    "conv_in": "input_blocks_0_0",
    "conv_out": "out_2",
}  # fmt: skip

Tensors = dict[str, Any]
Change = tuple[Any, Any]


def text_name(pipe: Any, path: str, component: str = "text_encoder") -> str:
    """The path of a layer in a text encoder of this version of transformers."""
    below = hasattr(getattr(pipe, component), "text_model")
    return f"text_model.{path}" if below else path


def low_rank(pipe: Any, component: str, path: str, rank: int = 3) -> Change:
    """A random change of a layer: what goes down to the rank, and up again."""
    weight = getattr(pipe, component).get_submodule(path).weight
    noise = torch.Generator().manual_seed(zlib.crc32(path.encode()))
    down = torch.randn(rank, *weight.shape[1:], generator=noise) * weight[0].numel() ** -0.5
    up = torch.randn(len(weight), rank, *(1 for _ in weight.shape[2:]), generator=noise)
    return down, 2 * up


def changes(pipe: Any, more: list[str] | None = None) -> dict[tuple[str, str], Change]:
    of_unet = {("unet", path): low_rank(pipe, "unet", path) for path in UNET + (more or [])}
    of_text = {
        ("text_encoder", path): low_rank(pipe, "text_encoder", text_name(pipe, path))
        for path in TEXT
    }
    return of_unet | of_text


def kohya(found: dict[tuple[str, str], Change], alpha: float = 2.0) -> Tensors:
    tensors = {}
    for (component, path), (down, up) in found.items():
        start = {"unet": "lora_unet_", "text_encoder": "lora_te_text_model_"}[component]
        name = start + path.replace(".", "_")
        tensors[f"{name}.lora_down.weight"], tensors[f"{name}.lora_up.weight"] = down, up
        tensors[f"{name}.alpha"] = torch.tensor(alpha)
    return tensors


def dotted(found: dict[tuple[str, str], Change], down: str, up: str, text: str = "") -> Tensors:
    tensors = {}
    for (component, path), (low, high) in found.items():
        inner = "text_model." if component == "text_encoder" else ""
        ends = [down, up] if component == "unet" or not text else [f"{text}{n}" for n in (down, up)]
        tensors[f"{component}.{inner}{path}{ends[0]}.weight"] = low
        tensors[f"{component}.{inner}{path}{ends[1]}.weight"] = high
    return tensors


def old_style(found: dict[tuple[str, str], Change]) -> Tensors:
    """As diffusers wrote them in its first year: attention alone, in "processors"."""
    tensors = {}
    for (component, path), (down, up) in found.items():
        if component == "unet" and ".attn" in path:
            block, _, layer = path.removesuffix(".0").rpartition(".")
            tensors[f"unet.{block}.processor.{layer}_lora.down.weight"] = down
            tensors[f"unet.{block}.processor.{layer}_lora.up.weight"] = up
    return tensors


def written(folder: Path, tensors: Tensors, name: str = "it", metadata: Any = None) -> Path:
    path = folder / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in tensors.items()}, path, metadata)
    return path


def draw(pipe: Any) -> Any:
    with torch.no_grad():
        return pipe(
            "a red fox",
            num_inference_steps=1,
            height=64,
            width=64,
            guidance_scale=3.0,
            generator=torch.Generator().manual_seed(1),
            output_type="np",
        ).images


def theirs(pipe: Any, *files: tuple[Any, float]) -> Any:
    """The picture as diffusers draws it, with its own loader."""
    for number, (file, _) in enumerate(files):
        where = {"weight_name": file.name} if isinstance(file, Path) else {}
        source = file.parent if isinstance(file, Path) else file
        pipe.load_lora_weights(source, adapter_name=f"a{number}", **where)
    try:
        pipe.set_adapters([f"a{n}" for n in range(len(files))], [weight for _, weight in files])
        return draw(pipe)
    finally:
        pipe.unload_lora_weights()


def opened(folder: Path) -> Any:
    pipe = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def same(one: Any, other: Any) -> None:
    np.testing.assert_allclose(one, other, atol=1e-5)


FORMATS: dict[str, Callable[[dict[tuple[str, str], Change]], Tensors]] = {
    "kohya": kohya,
    "diffusers": lambda found: dotted(found, ".lora_A", ".lora_B"),
    "diffusers 0.21": lambda found: dotted(found, ".lora.down", ".lora.up", text="_linear_layer"),
    "diffusers 0.17": old_style,
}
