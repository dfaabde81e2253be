"""What plain diffusers is asked for each tiny model: two steps, the smallest picture it has."""

from __future__ import annotations

from typing import Any

TWO: dict[str, Any] = {"num_inference_steps": 2}
SMALL: dict[str, Any] = {**TWO, "height": 64, "width": 64}
ASKED: dict[str, dict[str, Any]] = {
    "sd15-inpaint": {**SMALL, "strength": 1.0},
    "sdxl-inpaint": {**SMALL, "strength": 1.0},
    "sdxl-refiner": {"num_inference_steps": 4, "strength": 0.5},
    "sd-x4-upscaler": {**TWO, "noise_level": 20},
    "unclip": {
        "prior_num_inference_steps": 2,
        "decoder_num_inference_steps": 2,
        "super_res_num_inference_steps": 2,
    },
    "kandinsky22": {**SMALL, "prior_num_inference_steps": 2},
    "if": TWO,
    "if-ii": {**TWO, "height": 32, "width": 32},
    # Three of the prior's latents at a side: fewer are no even number of the decoder's.
    "wuerstchen": {**TWO, "height": 128, "width": 128, "prior_num_inference_steps": 2},
    "stable-cascade": {**TWO, "height": 128, "width": 128, "prior_num_inference_steps": 2},
    "pixart-alpha": {**SMALL, "use_resolution_binning": False, "clean_caption": False},
    "pixart-sigma": {**SMALL, "use_resolution_binning": False, "clean_caption": False},
    # Its tiny autoencoder halves once where the real one does five times.
    "sana": {
        **TWO,
        "height": 32,
        "width": 32,
        "use_resolution_binning": False,
        "complex_human_instruction": None,
    },
    "sd3": {**SMALL, "max_sequence_length": 32},
    "flux": {**SMALL, "max_sequence_length": 32},
    "flux-schnell": {**SMALL, "guidance_scale": 0.0, "max_sequence_length": 32},
    "hunyuandit": {**SMALL, "use_resolution_binning": False},
}
# What goes in beside the sentence, and the side of the picture that comes out.
PICTURES = {
    "sd15-inpaint": {"image": 64, "mask_image": 64},
    "sdxl-inpaint": {"image": 64, "mask_image": 64},
    "sdxl-refiner": {"image": 64},
    "sd-x4-upscaler": {"image": 16},
    "if-ii": {"image": 16},
}
SIDES = {
    "unclip": 32,
    "if": 32,
    "if-ii": 32,
    "wuerstchen": 128,
    "stable-cascade": 128,
    "sana": 32,
}


def picture(side: int, mask: bool = False) -> Any:
    """Return a picture whose colours run from corner to corner, or a mask of its right half."""
    import numpy as np
    from PIL import Image

    if mask:
        half = np.zeros((side, side), np.uint8)
        half[:, side // 2 :] = 255
        return Image.fromarray(half)
    run = np.linspace(0, 255, side).astype(np.uint8)
    across, down = np.meshgrid(run, run)
    return Image.fromarray(np.stack([across, down, 255 - across], axis=-1))


def arguments(name: str) -> dict[str, Any]:
    """Return the arguments of a family's pipeline, all but the sentence and the noise."""
    given = {
        key: picture(side, mask=key == "mask_image") for key, side in PICTURES.get(name, {}).items()
    }
    return {**ASKED.get(name, SMALL), **given}
