"""Kandinsky 2.1 and 3, stable unCLIP and VQ-Diffusion."""

from __future__ import annotations

from typing import Any

from tiny_models.cascades import image_processor, movq, prior, simple_unet, vision
from tiny_models.parts import autoencoder, clip_text, discrete, filled, t5_text
from tiny_models.stable import unet
from tiny_models.words import clip_tokenizer, roberta_tokenizer, t5_tokenizer


def kandinsky21() -> Any:
    """Return Kandinsky 2.1, prior and decoder as one: it reads the words a second time."""
    from diffusers import KandinskyCombinedPipeline, UnCLIPScheduler
    from diffusers.pipelines.kandinsky.text_encoder import MCLIPConfig, MultilingualCLIP

    name, tokens = "kandinsky21", roberta_tokenizer()
    text = MCLIPConfig(
        numDims=32,
        transformerDimensions=32,
        vocab_size=len(tokens),
        hidden_size=32,
        intermediate_size=32,
        num_attention_heads=2,
        num_hidden_layers=1,
        max_position_embeddings=80,
    )
    return KandinskyCombinedPipeline(
        text_encoder=filled(f"{name}/words", MultilingualCLIP(text)),
        tokenizer=tokens,
        unet=simple_unet(
            f"{name}/unet",
            sample_size=8,
            in_channels=4,
            out_channels=8,
            addition_embed_type="text_image",
            encoder_hid_dim=32,
            encoder_hid_dim_type="text_image_proj",
        ),
        scheduler=discrete("DDIMScheduler", clip_sample=False, set_alpha_to_one=False),
        movq=movq(f"{name}/movq"),
        prior_prior=prior(f"{name}/prior"),
        prior_image_encoder=vision(f"{name}/vision"),
        prior_text_encoder=clip_text(f"{name}/text", 32, 2, projection=32),
        prior_tokenizer=clip_tokenizer(),
        prior_scheduler=UnCLIPScheduler(prediction_type="sample", clip_sample_range=5.0),
        prior_image_processor=image_processor(),
    )


def kandinsky3() -> Any:
    """Return Kandinsky 3: a U-Net of its own that reads T5."""
    from diffusers import Kandinsky3Pipeline, Kandinsky3UNet

    net = Kandinsky3UNet(
        time_embedding_dim=8,
        groups=4,
        attention_head_dim=4,
        layers_per_block=2,
        block_out_channels=(32, 32),
        cross_attention_dim=8,
        encoder_hid_dim=32,
    )
    return Kandinsky3Pipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=t5_text("kandinsky3/text"),
        unet=filled("kandinsky3/unet", net),
        scheduler=discrete(
            "DDPMScheduler", beta_schedule="squaredcos_cap_v2", clip_sample=True, steps_offset=0
        ),
        movq=movq("kandinsky3/movq"),
    )


def stable_unclip() -> Any:
    """Return stable unCLIP: Karlo's prior before a Stable Diffusion 2 that is told a picture."""
    from diffusers import DDPMScheduler, StableUnCLIPPipeline
    from diffusers.pipelines.stable_diffusion import StableUnCLIPImageNormalizer

    name = "stable-unclip"
    return StableUnCLIPPipeline(
        prior_tokenizer=clip_tokenizer(),
        prior_text_encoder=clip_text(f"{name}/prior_text", 32, 2, projection=32),
        prior=prior(f"{name}/prior"),
        prior_scheduler=DDPMScheduler(
            variance_type="fixed_small_log",
            prediction_type="sample",
            clip_sample_range=5.0,
            beta_schedule="squaredcos_cap_v2",
        ),
        image_normalizer=filled(f"{name}/normalizer", StableUnCLIPImageNormalizer(32)),
        image_noising_scheduler=DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        tokenizer=clip_tokenizer(),
        text_encoder=clip_text(f"{name}/text", 32, 2, hidden_act="gelu"),
        unet=unet(
            f"{name}/unet",
            class_embed_type="projection",
            projection_class_embeddings_input_dim=2 * 32,
            use_linear_projection=True,
        ),
        scheduler=discrete(
            "DDIMScheduler",
            prediction_type="v_prediction",
            clip_sample=False,
            set_alpha_to_one=False,
        ),
        vae=autoencoder(f"{name}/vae"),
    )


def vq_diffusion() -> Any:
    """Return VQ-Diffusion: 8 x 8 tokens of 32 kinds, and one for those that are hidden."""
    from diffusers import Transformer2DModel, VQDiffusionPipeline, VQDiffusionScheduler, VQModel
    from diffusers.pipelines.deprecated.vq_diffusion import LearnedClassifierFreeSamplingEmbeddings

    name, kinds, side = "vq-diffusion", 32, 8
    net = Transformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        num_vector_embeds=kinds + 1,
        cross_attention_dim=32,
        attention_bias=True,
        sample_size=side,
        num_embeds_ada_norm=100,
        norm_type="ada_norm",
        activation_fn="geglu-approximate",
    )
    codes = VQModel(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        num_vq_embeddings=kinds,
        vq_embed_dim=4,
    )
    free = LearnedClassifierFreeSamplingEmbeddings(learnable=True, hidden_size=32, length=77)
    return VQDiffusionPipeline(
        vqvae=filled(f"{name}/vqvae", codes),
        text_encoder=clip_text(f"{name}/text", 32, 2),
        tokenizer=clip_tokenizer(),
        transformer=filled(f"{name}/transformer", net),
        scheduler=VQDiffusionScheduler(num_vec_classes=kinds + 1),
        learned_classifier_free_sampling_embeddings=filled(f"{name}/free", free),
    )
