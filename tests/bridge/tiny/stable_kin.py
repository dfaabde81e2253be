"""Kin of Stable Diffusion: 2's base and inpainting, an upscaler, and what came before it."""

from __future__ import annotations

from typing import Any

from tiny_models.parts import autoencoder, clip_text, discrete, filled
from tiny_models.stable import sd2, stable, unet
from tiny_models.words import bert_tokenizer


def sd2_base() -> Any:
    """Return Stable Diffusion 2 at 512 pixels: as 2.1, but it predicts the noise."""
    made = sd2("sd2-base")
    made.register_modules(scheduler=discrete("PNDMScheduler", skip_prk_steps=True))
    return made


def sd2_inpaint() -> Any:
    """Return the inpainting model of Stable Diffusion 2: nine channels in."""
    name = "sd2-inpaint"
    return stable(
        name,
        "StableDiffusionInpaintPipeline",
        text_encoder=clip_text(f"{name}/text", 32, 3, hidden_act="gelu"),
        unet=unet(f"{name}/unet", in_channels=9, use_linear_projection=True),
        scheduler=discrete("PNDMScheduler", skip_prk_steps=True),
    )


def instruct_pix2pix() -> Any:
    """Return InstructPix2Pix: the latent of the old picture goes in beside the new one."""
    name = "instruct-pix2pix"
    return stable(
        name,
        "StableDiffusionInstructPix2PixPipeline",
        unet=unet(f"{name}/unet", in_channels=8),
        scheduler=discrete("EulerAncestralDiscreteScheduler"),
    )


def latent_upscaler() -> Any:
    """Return the upscaler of latents: k-diffusion's blocks, told a noise level and the text."""
    import diffusers

    name, cross = "sd-latent-upscaler", "KCrossAttn"
    net = diffusers.UNet2DConditionModel(
        act_fn="gelu",
        attention_head_dim=8,
        norm_num_groups=None,
        block_out_channels=(32, 32, 64, 64),
        layers_per_block=2,
        time_cond_proj_dim=128 + 32,
        conv_in_kernel=1,
        conv_out_kernel=1,
        cross_attention_dim=32,
        down_block_types=("KDownBlock2D", *(f"{cross}DownBlock2D",) * 3),
        up_block_types=(*(f"{cross}UpBlock2D",) * 3, "KUpBlock2D"),
        in_channels=8,
        out_channels=5,
        mid_block_type=None,
        only_cross_attention=False,
        resnet_time_scale_shift="scale_shift",
        time_embedding_type="fourier",
        timestep_post_act="gelu",
    )
    return diffusers.StableDiffusionLatentUpscalePipeline(
        vae=autoencoder(f"{name}/vae"),
        text_encoder=clip_text(f"{name}/text", 32, 2, hidden_act="quick_gelu"),
        tokenizer=stable(name).tokenizer,
        unet=filled(f"{name}/unet", net),
        scheduler=discrete("EulerDiscreteScheduler", prediction_type="original_sample"),
    )


def ldm() -> Any:
    """Return latent diffusion as it was before CLIP: a transformer over BERT's tokens."""
    import diffusers
    from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import (
        LDMBertConfig,
        LDMBertModel,
    )

    tokens = bert_tokenizer()
    text = LDMBertConfig(
        vocab_size=len(tokens),
        encoder_layers=1,
        encoder_ffn_dim=32,
        encoder_attention_heads=2,
        head_dim=16,
        d_model=32,
    )
    return diffusers.LDMTextToImagePipeline(
        vqvae=autoencoder("ldm/vae"),
        bert=filled("ldm/text", LDMBertModel(text)),
        tokenizer=tokens,
        unet=unet("ldm/unet"),
        scheduler=discrete("DDIMScheduler", clip_sample=False, set_alpha_to_one=False),
    )
