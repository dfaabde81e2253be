"""Tiny ControlNets and IP-Adapters for tiny checkpoints, in the layouts they are published in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import torch
from safetensors.torch import save_file


def control_net(pipe: Any, seed: int = 3) -> Any:
    """Make a ControlNet for a pipeline, of which every layer says something."""
    torch.manual_seed(seed)
    net = diffusers.ControlNetModel.from_unet(
        pipe.unet, conditioning_embedding_out_channels=(4, 8, 8, 16)
    )
    for value in net.parameters():  # the layers that reach the UNet start at zero
        if not value.any():
            torch.nn.init.normal_(value, std=0.1)
    return net.eval()


def write_ip_adapter(pipe: Any, folder: Path) -> Path:
    """Write an IP-Adapter for a pipeline, with its image encoder beside it."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(4)
    config = CLIPVisionConfig(
        hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        image_size=32, patch_size=16, projection_dim=12,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")
    text = pipe.unet.config.cross_attention_dim
    tensors = {
        "image_proj.proj.weight": torch.randn(4 * text, 12) * 0.3,
        "image_proj.proj.bias": torch.zeros(4 * text),
        "image_proj.norm.weight": torch.ones(text),
        "image_proj.norm.bias": torch.zeros(text),
    }
    number = 1
    for name in pipe.unet.attn_processors:
        if "attn2" in name:
            width = pipe.unet.get_submodule(name.removesuffix(".processor")).to_k.out_features
            for end in ("to_k_ip", "to_v_ip"):
                tensors[f"ip_adapter.{number}.{end}.weight"] = torch.randn(width, text)
            number += 2
    save_file(tensors, folder / "ip.safetensors")
    return folder / "ip.safetensors"
