"""Stable Diffusion 1.5, 2 and XL: the true depth of every network, at a width of 8 to 32."""

from __future__ import annotations

from typing import Any

from tiny_models.parts import autoencoder, clip_text, discrete, filled
from tiny_models.words import clip_tokenizer


def unet(name: str, **more: Any) -> Any:
    """Return a UNet as deep as that of Stable Diffusion 1.5, for latents of 8 x 8."""
    from diffusers import UNet2DConditionModel

    cross, plain = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"
    settings: dict[str, Any] = {
        "sample_size": 8,
        "down_block_types": (cross, cross, cross, "DownBlock2D"),
        "up_block_types": ("UpBlock2D", plain, plain, plain),
        "block_out_channels": (8, 16, 16, 16),
        "layers_per_block": 2,
        "cross_attention_dim": 32,
        "attention_head_dim": 2,
        "norm_num_groups": 4,
        **more,
    }
    return filled(name, UNet2DConditionModel(**settings))


def stable(name: str, kind: str = "StableDiffusionPipeline", **more: Any) -> Any:
    """Return a pipeline of Stable Diffusion 1.5's parts, some replaced by `more`."""
    import diffusers

    if kind != "StableDiffusionUpscalePipeline":
        more = {"requires_safety_checker": False, **more}
    parts: dict[str, Any] = {
        "vae": autoencoder(f"{name}/vae"),
        "text_encoder": clip_text(f"{name}/text", 32, 2, hidden_act="quick_gelu"),
        "tokenizer": clip_tokenizer(),
        "unet": unet(f"{name}/unet"),
        "scheduler": discrete("PNDMScheduler", skip_prk_steps=True, set_alpha_to_one=False),
        "safety_checker": None,
        "feature_extractor": None,
        **more,
    }
    return getattr(diffusers, kind)(**parts)


def sd15() -> Any:
    """Return Stable Diffusion 1.5."""
    return stable("sd15")


def sd15_inpaint() -> Any:
    """Return the inpainting model of Stable Diffusion 1.5: nine channels in."""
    name = "sd15-inpaint"
    return stable(name, "StableDiffusionInpaintPipeline", unet=unet(f"{name}/unet", in_channels=9))


def sd2(name: str = "sd2") -> Any:
    """Return Stable Diffusion 2.1: OpenCLIP's encoder, linear projections, v-prediction."""
    return stable(
        name,
        text_encoder=clip_text(f"{name}/text", 32, 3, hidden_act="gelu"),
        unet=unet(f"{name}/unet", use_linear_projection=True, attention_head_dim=(2, 2, 4, 4)),
        scheduler=discrete(
            "DDIMScheduler",
            prediction_type="v_prediction",
            clip_sample=False,
            set_alpha_to_one=False,
        ),
    )


def xl_unet(name: str, text: int, **more: Any) -> Any:
    """Return a UNet in the shape of SDXL, with 64 numbers for size, crop and pooled text."""
    settings: dict[str, Any] = {
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "block_out_channels": (8, 16, 32),
        "transformer_layers_per_block": (1, 2, 3),
        "attention_head_dim": (1, 2, 4),
        "cross_attention_dim": text,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + 32,
        **more,
    }
    return unet(name, **settings)


def xl(name: str, kind: str = "StableDiffusionXLPipeline", **more: Any) -> Any:
    """Return a pipeline of SDXL's parts, some replaced by `more`."""
    import diffusers

    parts: dict[str, Any] = {
        "vae": autoencoder(f"{name}/vae", scaling=0.13025, force_upcast=True),
        "text_encoder": clip_text(f"{name}/text", 16, 2, hidden_act="quick_gelu"),
        # Ten layers, for a single file of SDXL is told by the tenth.
        "text_encoder_2": clip_text(f"{name}/text_2", 32, 10, projection=32, hidden_act="gelu"),
        "tokenizer": clip_tokenizer(),
        "tokenizer_2": clip_tokenizer(pad="!"),
        "unet": xl_unet(f"{name}/unet", text=16 + 32),
        "scheduler": discrete(
            "EulerDiscreteScheduler", timestep_spacing="leading", use_karras_sigmas=False
        ),
        "image_encoder": None,
        "feature_extractor": None,
        "force_zeros_for_empty_prompt": True,
        "add_watermarker": False,
        **more,
    }
    return getattr(diffusers, kind)(**parts)


def sdxl() -> Any:
    """Return SDXL base."""
    return xl("sdxl")


def sdxl_inpaint() -> Any:
    """Return the inpainting model of SDXL: nine channels in."""
    name = "sdxl-inpaint"
    return xl(
        name,
        "StableDiffusionXLInpaintPipeline",
        unet=xl_unet(f"{name}/unet", text=16 + 32, in_channels=9),
    )


def sdxl_refiner() -> Any:
    """Return the refiner of SDXL: one text encoder, and the wished beauty in place of the size."""
    name = "sdxl-refiner"
    levels = ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D")
    net = xl_unet(
        f"{name}/unet",
        text=32,
        down_block_types=levels,
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16, 16, 16),
        transformer_layers_per_block=2,
        attention_head_dim=(1, 2, 2, 2),
        projection_class_embeddings_input_dim=5 * 8 + 32,
    )
    made = xl(
        name,
        "StableDiffusionXLImg2ImgPipeline",
        text_encoder=None,
        tokenizer=None,
        unet=net,
        force_zeros_for_empty_prompt=False,
    )
    made.register_to_config(requires_aesthetics_score=True)
    return made


def x4_upscaler() -> Any:
    """Return the upscaler of Stable Diffusion 2: latents and the noised small picture go in."""
    name = "sd-x4-upscaler"
    return stable(
        name,
        "StableDiffusionUpscalePipeline",
        vae=autoencoder(f"{name}/vae", scaling=0.08333, levels=3),
        text_encoder=clip_text(f"{name}/text", 32, 2, hidden_act="gelu"),
        unet=unet(
            f"{name}/unet",
            in_channels=7,
            num_class_embeds=1000,
            down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * 3),
            up_block_types=(*("CrossAttnUpBlock2D",) * 3, "UpBlock2D"),
            only_cross_attention=(True, True, True, False),
            use_linear_projection=True,
            sample_size=16,
        ),
        scheduler=discrete(
            "DDIMScheduler",
            beta_start=0.0001,
            beta_end=0.02,
            prediction_type="v_prediction",
            clip_sample=False,
            set_alpha_to_one=False,
        ),
        low_res_scheduler=discrete(
            "DDPMScheduler", beta_start=0.0001, beta_end=0.02, steps_offset=0
        ),
        watermarker=None,
    )


def lcm() -> Any:
    """Return a latent consistency model: a UNet that is told the guidance."""
    name = "lcm"
    return stable(
        name,
        "LatentConsistencyModelPipeline",
        unet=unet(f"{name}/unet", time_cond_proj_dim=16),
        scheduler=discrete("LCMScheduler", clip_sample=False, set_alpha_to_one=True),
    )
