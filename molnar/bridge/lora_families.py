"""What a LoRA file was made for, from its metadata, names and shapes; for the line that refuses it.

`ss_base_model_version` is what kohya's trainer writes, `modelspec.architecture` what the
specification at https://github.com/Stability-AI/ModelSpec asks for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TITLES = (
    (r"refiner", "the SDXL refiner"),
    (r"sdxl|stable-diffusion-xl", "SDXL"),
    (r"sd3|stable-diffusion-v?3|stable-diffusion-3", "Stable Diffusion 3"),
    (r"sd_?v?2|stable-diffusion-v2", "Stable Diffusion 2"),
    (r"sd_?v?1|stable-diffusion-v1", "Stable Diffusion 1"),
    (r"flux-?2", "Flux 2"),
    (r"flux", "Flux"),
    (r"qwen", "Qwen-Image"),
    (r"lumina|z-?image", "Lumina or Z-Image"),
    (r"wan", "Wan"),
    (r"hunyuan", "Hunyuan"),
)
_STATED = ("modelspec.architecture", "ss_base_model_version")
# What the cross-attention of a UNet reads: the width of the text.
_WIDTHS = {768: "Stable Diffusion 1", 1024: "Stable Diffusion 2", 2048: "SDXL",
           1280: "the SDXL refiner or a Kandinsky"}  # fmt: skip
_CROSS = re.compile(r"attn2[._].*to[._]?[kv]\b.*?(?:lora_down|lora_A|lora\.down)")
_NAMES = (
    (r"add_k_proj|txt_mod|txt_mlp", r"txt_mlp|txt_mod|img_mlp", "Qwen-Image or Flux"),
    (r"double_blocks|single_transformer_blocks|single_blocks", r"", "Flux"),
    (r"joint_blocks", r"", "Stable Diffusion 3"),
    (r"linear_attn|caption_projection", r"", "SANA or PixArt"),
    (r"context_refiner|noise_refiner", r"", "Lumina or Z-Image"),
    (r"transformer_blocks.*add_q_proj", r"", "Stable Diffusion 3 or Flux"),
    (r"lora_te2_|text_encoder_2|label_emb|add_embedding", r"", "SDXL"),
)


def looks_like(tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> str:
    """Name the family that a LoRA file was made for, as well as can be told.

    Args:
        tensors: By key; only their shapes are read.
        metadata: Of the file.

    Example:
        >>> looks_like({}, {"ss_base_model_version": "sdxl_base_v1-0"})
        'SDXL'
    """
    for key in _STATED:
        for pattern, title in _TITLES:
            if re.search(pattern, str(metadata.get(key, "")).lower()):
                return title
    for key, tensor in tensors.items():
        if _CROSS.search(key) and tensor.shape[-1 if tensor.dim() == 2 else 1] in _WIDTHS:
            return _WIDTHS[tensor.shape[-1 if tensor.dim() == 2 else 1]]
    for some, every, title in _NAMES:
        if any(re.search(some, key) for key in tensors) and (
            not every or any(re.search(every, key) for key in tensors)
        ):
            return title
    return "an architecture that is not known here"
