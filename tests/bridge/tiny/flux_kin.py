"""Kin of Flux: its own later models, and what others made after its design."""

from __future__ import annotations

from typing import Any

from tiny_models.flows import flow_autoencoder, flux
from tiny_models.parts import filled, flow, t5_text
from tiny_models.processors import mistral_processor, mistral_tokenizer
from tiny_models.words import gemma_tokenizer, qwen_tokenizer, t5_tokenizer


def flux_fill() -> Any:
    """Return Flux Fill: the masked picture and the mask go in beside the latent."""
    return flux("flux-fill", kind="FluxFillPipeline", taken=64 + 64 + 256)


def flux_kontext() -> Any:
    """Return Flux Kontext: the old picture's tokens stand behind those of the new one."""
    return flux("flux-kontext", kind="FluxKontextPipeline")


def flux2_autoencoder(name: str) -> Any:
    """Return Flux.2's autoencoder: latents are normed by what a batch norm has counted."""
    import diffusers

    codec = diffusers.AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 16),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
    )
    return filled(name, codec)


def qwen3(name: str, layers: int = 2, kind: str = "Qwen3Model") -> Any:
    """Return a Qwen3 of a width of 16."""
    import transformers

    made = getattr(transformers, kind)
    config = transformers.Qwen3Config(
        vocab_size=len(qwen_tokenizer()),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
    )
    return filled(name, made(config))


def flux2_transformer(name: str, guided: bool) -> Any:
    """Return Flux.2's transformer, which reads three layers of a language model at once."""
    import diffusers

    net = diffusers.Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=3 * 16,
        timestep_guidance_channels=16,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=guided,
    )
    return filled(name, net)


def flux2_klein() -> Any:
    """Return Flux.2 klein, whose text comes from layers 9, 18 and 27 of Qwen3."""
    import diffusers

    name = "flux2-klein"
    return diffusers.Flux2KleinPipeline(
        scheduler=flow(use_dynamic_shifting=True),
        vae=flux2_autoencoder(f"{name}/vae"),
        text_encoder=qwen3(f"{name}/text", layers=28, kind="Qwen3ForCausalLM"),
        tokenizer=qwen_tokenizer(),
        transformer=flux2_transformer(f"{name}/transformer", guided=False),
    )


def mistral3(name: str, layers: int, kind: str) -> Any:
    """Return a Mistral 3 that sees patches of 6 pixels, and never has to."""
    import transformers

    made = getattr(transformers, kind)
    config = transformers.Mistral3Config(
        text_config={
            "model_type": "mistral",
            "vocab_size": len(mistral_tokenizer()),
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "num_hidden_layers": layers,
            "head_dim": 8,
            "sliding_window": None,
        },
        vision_config={
            "model_type": "pixtral",
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 30,
            "patch_size": 6,
        },
        image_token_index=1,
    )
    return filled(name, made(config))


def flux2() -> Any:
    """Return Flux.2 dev, whose text comes from layers 10, 20 and 30 of Mistral 3."""
    import diffusers

    return diffusers.Flux2Pipeline(
        scheduler=flow(use_dynamic_shifting=True),
        vae=flux2_autoencoder("flux2/vae"),
        text_encoder=mistral3("flux2/text", 31, "Mistral3ForConditionalGeneration"),
        tokenizer=mistral_processor(),
        transformer=flux2_transformer("flux2/transformer", guided=True),
    )


def ernie() -> Any:
    """Return ERNIE-Image without what rewrites prompts."""
    import diffusers

    net = diffusers.ErnieImageTransformer2DModel(
        hidden_size=32,
        num_attention_heads=2,
        num_layers=1,
        ffn_hidden_size=32,
        in_channels=16,
        out_channels=16,
        patch_size=1,
        text_in_dim=16,
        rope_axes_dim=(4, 6, 6),
    )
    return diffusers.ErnieImagePipeline(
        transformer=filled("ernie/transformer", net),
        vae=flux2_autoencoder("ernie/vae"),
        text_encoder=mistral3("ernie/text", 2, "Mistral3Model"),
        tokenizer=mistral_tokenizer(),
        scheduler=flow(shift=4.0),
    )


def ovis() -> Any:
    """Return Ovis-Image: Flux that reads Qwen3."""
    import diffusers

    net = diffusers.OvisImageTransformer2DModel(
        in_channels=64,
        out_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(4, 4, 8),
    )
    return diffusers.OvisImagePipeline(
        scheduler=flow(use_dynamic_shifting=True),
        vae=flow_autoencoder("ovis/vae", 0.3611, 0.1159),
        text_encoder=qwen3("ovis/text"),
        tokenizer=qwen_tokenizer(),
        transformer=filled("ovis/transformer", net),
    )


def bria() -> Any:
    """Return Bria 3.2: Flux that reads T5 alone, over Stable Diffusion's latents."""
    import diffusers
    from tiny_models.parts import autoencoder

    net = diffusers.BriaTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=None,
        axes_dims_rope=(0, 4, 4),
    )
    return diffusers.BriaPipeline(
        transformer=filled("bria/transformer", net),
        scheduler=flow(),
        vae=autoencoder("bria/vae", scaling=0.13025, shift_factor=0.0, levels=3),
        text_encoder=t5_text("bria/text"),
        tokenizer=t5_tokenizer(),
    )


def bria_fibo() -> Any:
    """Return Bria Fibo, which reads every layer of SmolLM3."""
    import diffusers
    from transformers import SmolLM3Config, SmolLM3ForCausalLM

    text = SmolLM3Config(
        vocab_size=128_001,  # an empty prompt is token 128000, whatever tokenizer there is
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=0,
        tie_word_embeddings=True,
    )
    net = diffusers.BriaFiboTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=16,
        text_encoder_dim=8,
        pooled_projection_dim=None,
        axes_dims_rope=(0, 4, 4),
    )
    codec = diffusers.AutoencoderKLWan(
        base_dim=8,
        decoder_base_dim=8,
        z_dim=16,
        num_res_blocks=1,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        is_residual=True,
        scale_factor_spatial=16,
        temperal_downsample=[False, True, True],
        latents_mean=[0.0] * 16,
        latents_std=[1.0] * 16,
    )
    return diffusers.BriaFiboPipeline(
        transformer=filled("bria-fibo/transformer", net),
        scheduler=flow(),
        vae=filled("bria-fibo/vae", codec),
        text_encoder=filled("bria-fibo/text", SmolLM3ForCausalLM(text)),
        tokenizer=qwen_tokenizer(),
    )


def prx() -> Any:
    """Return PRX, whose text comes from the encoder of T5Gemma."""
    import diffusers
    from transformers.models.t5gemma.configuration_t5gemma import (
        T5GemmaConfig,
        T5GemmaModuleConfig,
    )
    from transformers.models.t5gemma.modeling_t5gemma import T5GemmaEncoder

    tokens = gemma_tokenizer(64)
    shape: dict[str, Any] = {
        "vocab_size": len(tokens),
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "layer_types": ["full_attention"],
        "dropout_rate": 0.0,
    }
    text = filled("prx/text", T5GemmaEncoder(T5GemmaModuleConfig(**shape)))
    text.config = T5GemmaConfig(encoder=text.config, is_encoder_decoder=False)  # as published
    net = diffusers.PRXTransformer2DModel(
        patch_size=2,
        in_channels=16,
        context_in_dim=16,
        hidden_size=16,
        mlp_ratio=2.0,
        num_heads=2,
        depth=1,
        axes_dim=[4, 4],
    )
    return diffusers.PRXPipeline(
        transformer=filled("prx/transformer", net),
        scheduler=flow(shift=3.0),
        text_encoder=text,
        tokenizer=tokens,
        vae=flow_autoencoder("prx/vae", 0.3611, 0.1159),
    )
