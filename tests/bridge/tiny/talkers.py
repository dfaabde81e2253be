"""Transformers of flow matching that read what a large language model makes of the prompt."""

from __future__ import annotations

from typing import Any

from tiny_models.flows import flow_autoencoder, gemma, sana_autoencoder
from tiny_models.flows_more import qwen_vl, qwenimage
from tiny_models.flux_kin import flux2_autoencoder
from tiny_models.parts import autoencoder, clip_text, discrete, filled, flow, t5_text
from tiny_models.processors import qwen_processor
from tiny_models.words import clip_tokenizer, gemma_tokenizer, qwen_tokenizer, t5_tokenizer


def qwenimage_edit() -> Any:
    """Return Qwen-Image-Edit: the old picture is seen by the encoder and by the transformer."""
    name = "qwenimage-edit"
    return qwenimage(name, "QwenImageEditPipeline", processor=qwen_processor())


def sana_sprint() -> Any:
    """Return SANA Sprint: SANA that is told the guidance, in two steps."""
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
        qk_norm="rms_norm_across_heads",
        guidance_embeds=True,
    )
    return diffusers.SanaSprintPipeline(
        tokenizer=gemma_tokenizer(),
        text_encoder=gemma("sana-sprint/text"),
        vae=sana_autoencoder("sana-sprint/vae"),
        transformer=filled("sana-sprint/transformer", net),
        scheduler=diffusers.SCMScheduler(),
    )


def lumina() -> Any:
    """Return Lumina-Next."""
    import diffusers

    net = diffusers.LuminaNextDiT2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        hidden_size=16,
        num_layers=1,
        num_attention_heads=2,
        num_kv_heads=1,
        multiple_of=16,
        learn_sigma=True,
        qk_norm=True,
        cross_attention_dim=16,
        scaling_factor=1.0,
    )
    return diffusers.LuminaPipeline(
        transformer=filled("lumina/transformer", net),
        scheduler=flow(shift=1.0),
        vae=autoencoder("lumina/vae", scaling=0.13025),
        text_encoder=gemma("lumina/text"),
        tokenizer=gemma_tokenizer(),
    )


def cogview3() -> Any:
    """Return CogView3 Plus."""
    import diffusers

    net = diffusers.CogView3PlusTransformer2DModel(
        patch_size=2,
        in_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        out_channels=4,
        text_embed_dim=32,
        time_embed_dim=8,
        condition_dim=4,
        pos_embed_max_size=16,
        sample_size=8,
    )
    return diffusers.CogView3PlusPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=t5_text("cogview3/text"),
        vae=autoencoder("cogview3/vae", scaling=1.15258426),
        transformer=filled("cogview3/transformer", net),
        scheduler=discrete(
            "CogVideoXDDIMScheduler",
            beta_end=0.03,
            prediction_type="v_prediction",
            steps_offset=0,
            timestep_spacing="trailing",
            rescale_betas_zero_snr=True,
            set_alpha_to_one=True,
        ),
    )


def qwen3_vl(name: str, layers: int, kind: str = "Qwen3VLModel", heads: int = 2) -> Any:
    """Return a Qwen3-VL of a width of 16."""
    import transformers

    tokens = qwen_tokenizer()
    config = transformers.Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokens),
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": heads,
            "head_dim": 8,
            "rope_parameters": {
                "mrope_section": [1, 1, 2],
                "rope_type": "default",
                "rope_theta": 1000000.0,
            },
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
            "deepstack_visual_indexes": [],
        },
        vision_start_token_id=tokens.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=tokens.convert_tokens_to_ids("<|vision_end|>"),
        image_token_id=tokens.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=tokens.convert_tokens_to_ids("<|video_pad|>"),
    )
    return filled(name, getattr(transformers, kind)(config))


def qwen_autoencoder(name: str) -> Any:
    """Return the autoencoder of Qwen-Image."""
    import diffusers

    codec = diffusers.AutoencoderKLQwenImage(
        base_dim=8, dim_mult=[1, 1, 1, 1], num_res_blocks=1, z_dim=16
    )
    return filled(name, codec)


def krea2() -> Any:
    """Return Krea 2, which reads three layers of Qwen3-VL."""
    import diffusers

    net = diffusers.Krea2Transformer2DModel(
        in_channels=64,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=32,
        timestep_embed_dim=8,
        text_hidden_dim=16,
        num_text_layers=3,
        text_num_attention_heads=2,
        text_num_key_value_heads=1,
        text_intermediate_size=16,
        num_layerwise_text_blocks=1,
        num_refiner_text_blocks=1,
        axes_dims_rope=(4, 2, 2),
    )
    return diffusers.Krea2Pipeline(
        scheduler=flow(use_dynamic_shifting=True, base_image_seq_len=256, max_image_seq_len=6400),
        vae=qwen_autoencoder("krea2/vae"),
        text_encoder=qwen3_vl("krea2/text", 2),
        tokenizer=qwen_tokenizer(),
        transformer=filled("krea2/transformer", net),
        text_encoder_select_layers=(0, 1, 2),
    )


def ideogram4() -> Any:
    """Return Ideogram 4: one transformer that reads thirteen layers, and one that reads nothing."""
    import diffusers

    def net(name: str) -> Any:
        made = diffusers.Ideogram4Transformer2DModel(
            in_channels=16,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            intermediate_size=32,
            adaln_dim=16,
            llm_features_dim=13 * 16,
            mrope_section=(4, 2, 2),
        )
        return filled(f"ideogram4/{name}", made)

    return diffusers.Ideogram4Pipeline(
        scheduler=flow(),
        vae=flux2_autoencoder("ideogram4/vae"),
        text_encoder=qwen3_vl("ideogram4/text", 36, heads=1),
        tokenizer=qwen_tokenizer(),
        transformer=net("transformer"),
        unconditional_transformer=net("unconditional"),
    )


def nucleus() -> Any:
    """Return Nucleus: a mixture of experts that reads Qwen3-VL's eighth layer from the end."""
    import diffusers

    net = diffusers.NucleusMoEImageTransformer2DModel(
        patch_size=2,
        in_channels=64,
        out_channels=16,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=4,
        joint_attention_dim=16,
        axes_dims_rope=(8, 4, 4),
        moe_enabled=False,
        capacity_factors=[8.0, 8.0],
    )
    return diffusers.NucleusMoEImagePipeline(
        scheduler=flow(),
        vae=qwen_autoencoder("nucleus/vae"),
        text_encoder=qwen3_vl("nucleus/text", 8, "Qwen3VLForConditionalGeneration"),
        processor=qwen_processor("Qwen3VLProcessor"),
        transformer=filled("nucleus/transformer", net),
    )


def longcat() -> Any:
    """Return LongCat-Image; its rewriting of prompts ends at the first word."""
    import diffusers

    text = qwen_vl("longcat/text")
    text.generation_config.eos_token_id = list(range(len(qwen_tokenizer())))
    net = diffusers.LongCatImageTransformer2DModel(
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        pooled_projection_dim=16,
        axes_dims_rope=[4, 4, 8],
    )
    return diffusers.LongCatImagePipeline(
        scheduler=flow(use_dynamic_shifting=True),
        vae=flow_autoencoder("longcat/vae", 0.3611, 0.1159),
        text_encoder=text,
        tokenizer=qwen_tokenizer(),
        text_processor=qwen_processor(),
        transformer=filled("longcat/transformer", net),
    )


def kandinsky5() -> Any:
    """Return Kandinsky 5: a transformer of videos, for one frame."""
    import diffusers

    net = diffusers.Kandinsky5Transformer3DModel(
        in_visual_dim=16,
        in_text_dim=16,
        in_text_dim2=32,
        time_dim=16,
        out_visual_dim=16,
        patch_size=(1, 2, 2),
        model_dim=16,
        ff_dim=32,
        num_text_blocks=1,
        num_visual_blocks=1,
        axes_dims=(2, 2, 4),
        attention_type="regular",
    )
    return diffusers.Kandinsky5T2IPipeline(
        transformer=filled("kandinsky5/transformer", net),
        vae=flow_autoencoder("kandinsky5/vae", 0.3611, 0.1159),
        text_encoder=qwen_vl("kandinsky5/text"),
        tokenizer=qwen_processor(),
        text_encoder_2=clip_text("kandinsky5/text_2", 32, 2),
        tokenizer_2=clip_tokenizer(),
        scheduler=flow(shift=3.0),
    )


def hunyuanimage() -> Any:
    """Return HunyuanImage: Qwen2.5-VL's text, and ByT5's of what stands in quotes."""
    import diffusers
    from diffusers.guiders import AdaptiveProjectedMixGuidance
    from transformers import ByT5Tokenizer

    net = diffusers.HunyuanImageTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_single_layers=1,
        num_refiner_layers=1,
        patch_size=(1, 1),
        text_embed_dim=16,
        text_embed_2_dim=32,
        rope_axes_dim=(4, 4),
    )
    codec = diffusers.AutoencoderKLHunyuanImage(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(32, 32, 32, 32),
        layers_per_block=1,
        scaling_factor=0.476986,
        spatial_compression_ratio=8,
        sample_size=256,
    )
    letters = t5_text("hunyuanimage/text_2", tokens=len(ByT5Tokenizer()))
    return diffusers.HunyuanImagePipeline(
        scheduler=flow(shift=5.0),
        vae=filled("hunyuanimage/vae", codec),
        text_encoder=qwen_vl("hunyuanimage/text", layers=3),
        tokenizer=qwen_tokenizer(),
        text_encoder_2=letters,
        tokenizer_2=ByT5Tokenizer(),
        transformer=filled("hunyuanimage/transformer", net),
        guider=AdaptiveProjectedMixGuidance(),
        ocr_guider=AdaptiveProjectedMixGuidance(),
    )
