"""Transformers: PixArt, SANA, SD3, Flux and their kin."""

from __future__ import annotations

from typing import Any

from tiny_models.parts import autoencoder, clip_text, filled, flow, t5_text
from tiny_models.words import clip_tokenizer, gemma_tokenizer, t5_tokenizer


def pixart(name: str, kind: str, **more: Any) -> Any:
    """Return PixArt with a transformer of two layers."""
    import diffusers

    net = diffusers.PixArtTransformer2DModel(
        sample_size=8,
        num_layers=2,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=3,
        caption_channels=32,
        in_channels=4,
        cross_attention_dim=24,
        out_channels=8,
        **more,
    )
    scheduler = diffusers.DPMSolverMultistepScheduler(
        beta_start=0.0001, beta_end=0.02, beta_schedule="linear"
    )
    return getattr(diffusers, kind)(
        tokenizer=t5_tokenizer(),
        text_encoder=t5_text(f"{name}/text"),
        vae=autoencoder(f"{name}/vae"),
        transformer=filled(f"{name}/transformer", net),
        scheduler=scheduler,
    )


def pixart_alpha() -> Any:
    """Return PixArt-alpha."""
    return pixart("pixart-alpha", "PixArtAlphaPipeline", use_additional_conditions=False)


def pixart_sigma() -> Any:
    """Return PixArt-Sigma."""
    return pixart("pixart-sigma", "PixArtSigmaPipeline", use_additional_conditions=False)


def gemma(name: str, width: int = 16) -> Any:
    """Return a Gemma 2 of one layer: its hidden states are the text."""
    from transformers import Gemma2Config, Gemma2Model

    config = Gemma2Config(
        vocab_size=len(gemma_tokenizer()),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
    )
    return filled(name, Gemma2Model(config))


def sana_autoencoder(name: str) -> Any:
    """Return SANA's autoencoder of deep compression; this one halves once."""
    import diffusers

    codec = diffusers.AutoencoderDC(
        in_channels=3,
        latent_channels=4,
        attention_head_dim=2,
        encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)),
        encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=(1, 1),
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=0.41407,
    )
    return filled(name, codec)


def sana() -> Any:
    """Return SANA: linear attention over latents of a deep-compression autoencoder."""
    import diffusers

    net = diffusers.SanaTransformer2DModel(
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_attention_heads=2,
        attention_head_dim=4,
        num_cross_attention_heads=2,
        cross_attention_head_dim=4,
        cross_attention_dim=8,
        caption_channels=16,
        sample_size=2,
    )
    return diffusers.SanaPipeline(
        tokenizer=gemma_tokenizer(),
        text_encoder=gemma("sana/text"),
        vae=sana_autoencoder("sana/vae"),
        transformer=filled("sana/transformer", net),
        scheduler=diffusers.DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
    )


def sd3() -> Any:
    """Return SD3 with all three text encoders."""
    import diffusers
    import torch

    # SD3's one file has no projection of the small encoder: it is the identity.
    small = clip_text("sd3/text", 16, 2, projection=16, hidden_act="quick_gelu")
    small.text_projection.weight.data = torch.eye(16)
    net = diffusers.SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=48,
        caption_projection_dim=32,
        pooled_projection_dim=16 + 32,
        out_channels=16,
        pos_embed_max_size=16,
    )
    return diffusers.StableDiffusion3Pipeline(
        transformer=filled("sd3/transformer", net),
        scheduler=flow(shift=3.0),
        vae=flow_autoencoder("sd3/vae", 1.5305, 0.0609),
        text_encoder=small,
        tokenizer=clip_tokenizer(),
        text_encoder_2=clip_text("sd3/text_2", 32, 2, projection=32, hidden_act="gelu"),
        tokenizer_2=clip_tokenizer(pad="!"),
        text_encoder_3=t5_text("sd3/text_3", 48),
        tokenizer_3=t5_tokenizer(),
    )


def flow_autoencoder(name: str, scaling: float, shift: float, **more: Any) -> Any:
    """Return an autoencoder of 16 latent channels, as SD3 and Flux have."""
    bare = {"use_quant_conv": False, "use_post_quant_conv": False}
    return autoencoder(name, latent=16, scaling=scaling, shift_factor=shift, **{**bare, **more})


def flux(
    name: str = "flux", guided: bool = True, kind: str = "FluxPipeline", taken: int = 64
) -> Any:
    """Return Flux with two blocks of each kind; `taken` numbers of a token go in, 64 come out."""
    import diffusers

    net = diffusers.FluxTransformer2DModel(
        in_channels=taken,
        out_channels=64,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=guided,
        axes_dims_rope=(4, 4, 8),
    )
    return getattr(diffusers, kind)(
        scheduler=flow(shift=3.0, use_dynamic_shifting=True) if guided else flow(),
        vae=flow_autoencoder(f"{name}/vae", 0.3611, 0.1159),
        text_encoder=clip_text(f"{name}/text", 32, 2, hidden_act="quick_gelu"),
        tokenizer=clip_tokenizer(),
        text_encoder_2=t5_text(f"{name}/text_2"),
        tokenizer_2=t5_tokenizer(),
        transformer=filled(f"{name}/transformer", net),
    )


def flux_schnell() -> Any:
    """Return Flux schnell: it is not told a guidance."""
    return flux("flux-schnell", guided=False)


def chroma() -> Any:
    """Return Chroma: Flux whose modulations come from one small network."""
    import diffusers

    net = diffusers.ChromaTransformer2DModel(
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        axes_dims_rope=(4, 4, 8),
        approximator_num_channels=16,
        approximator_hidden_dim=32,
        approximator_layers=1,
    )
    return diffusers.ChromaPipeline(
        scheduler=flow(use_beta_sigmas=False),
        vae=flow_autoencoder("chroma/vae", 0.3611, 0.1159),
        text_encoder=t5_text("chroma/text"),
        tokenizer=t5_tokenizer(),
        transformer=filled("chroma/transformer", net),
    )


def auraflow() -> Any:
    """Return AuraFlow."""
    import diffusers

    net = diffusers.AuraFlowTransformer2DModel(
        sample_size=8,
        in_channels=4,
        num_mmdit_layers=1,
        num_single_dit_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=32,
        caption_projection_dim=32,
        out_channels=4,
        pos_embed_max_size=256,
    )
    return diffusers.AuraFlowPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=t5_text("auraflow/text", kind="UMT5EncoderModel"),
        vae=autoencoder("auraflow/vae", scaling=0.13025),
        transformer=filled("auraflow/transformer", net),
        scheduler=flow(shift=1.73),
    )
