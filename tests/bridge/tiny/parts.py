"""Random weights that are the same in every build, and the parts that many families share."""

from __future__ import annotations

import zlib
from typing import Any

import torch
from tiny_models.words import clip_tokenizer, t5_tokenizer


def filled(name: str, model: Any) -> Any:
    """Give every parameter of a model numbers that depend on both names alone.

    Layers that start at zero would hide whatever stands before them; so none does.
    """
    with torch.no_grad():
        for key, value in model.named_parameters():
            noise = torch.Generator().manual_seed(zlib.crc32(f"{name}/{key}".encode()))
            drawn = torch.randn(value.shape, generator=noise)
            if value.dim() > 1:
                value.copy_(drawn * value[0].numel() ** -0.5)
            elif key.endswith("weight"):
                value.copy_(1 + 0.1 * drawn)
            else:
                value.copy_(0.1 * drawn)
    return model.eval()


def clip_text(
    name: str, width: int, layers: int, projection: int | None = None, **more: Any
) -> Any:
    """Return a CLIP text encoder for `clip_tokenizer`, with a projection where one is named."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=len(clip_tokenizer()),
        max_position_embeddings=more.pop("positions", 77),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        projection_dim=projection or width,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        **more,
    )
    kind = CLIPTextModel if projection is None else CLIPTextModelWithProjection
    return filled(name, kind(config))


def autoencoder(name: str, latent: int = 4, scaling: float = 0.18215, **more: Any) -> Any:
    """Return an AutoencoderKL as deep as that of Stable Diffusion and 8 channels wide."""
    from diffusers import AutoencoderKL

    levels = more.pop("levels", 4)
    settings: dict[str, Any] = {
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
        "block_out_channels": (8,) * (levels - 1) + (16,),
        "layers_per_block": 2,
        "latent_channels": latent,
        "norm_num_groups": 4,
        "sample_size": 64,
        "scaling_factor": scaling,
        **more,
    }
    return filled(name, AutoencoderKL(**settings))


def discrete(kind: str, **more: Any) -> Any:
    """Return one of diffusers' schedulers with the noise schedule of Stable Diffusion."""
    import diffusers

    settings: dict[str, Any] = {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "steps_offset": 1,
        **more,
    }
    return getattr(diffusers, kind)(**settings)


def t5_text(
    name: str, width: int = 32, kind: str = "T5EncoderModel", tokens: int | None = None
) -> Any:
    """Return a T5 text encoder of one layer, for `t5_tokenizer` unless `tokens` are counted."""
    import transformers

    made = getattr(transformers, kind)
    config = made.config_class(
        vocab_size=tokens or len(t5_tokenizer()),
        d_model=width,
        d_kv=width // 2,
        d_ff=width,
        num_layers=1,
        num_heads=2,
        feed_forward_proj="gated-gelu",
        is_encoder_decoder=False,
    )
    return filled(name, made(config))


def flow(**more: Any) -> Any:
    """Return the flow matching scheduler of SD3 and what came after it."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(**more)
