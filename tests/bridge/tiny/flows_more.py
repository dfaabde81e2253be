"""Transformers whose text comes from a language model, and HunyuanDiT."""

from __future__ import annotations

from typing import Any

from tiny_models.flows import flow_autoencoder, gemma
from tiny_models.parts import autoencoder, discrete, filled, flow, t5_text
from tiny_models.words import (
    bert_tokenizer,
    gemma_tokenizer,
    glm_tokenizer,
    qwen_tokenizer,
    t5_tokenizer,
)


def qwen_vl(name: str, layers: int = 2) -> Any:
    """Return a Qwen2.5-VL of a width of 16; its eyes see patches of 14 pixels."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    tokens = qwen_tokenizer()
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokens),
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": layers,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
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
            "fullatt_block_indexes": [0],
        },
        vision_start_token_id=tokens.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=tokens.convert_tokens_to_ids("<|vision_end|>"),
        image_token_id=tokens.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=tokens.convert_tokens_to_ids("<|video_pad|>"),
        tie_word_embeddings=False,
    )
    return filled(name, Qwen2_5_VLForConditionalGeneration(config))


def qwenimage(name: str = "qwenimage", kind: str = "QwenImagePipeline", **more: Any) -> Any:
    """Return Qwen-Image."""
    import diffusers

    net = diffusers.QwenImageTransformer2DModel(
        in_channels=64,
        out_channels=16,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(4, 4, 8),
    )
    codec = diffusers.AutoencoderKLQwenImage(
        base_dim=8, dim_mult=[1, 1, 1, 1], num_res_blocks=1, z_dim=16
    )
    return getattr(diffusers, kind)(
        scheduler=flow(use_dynamic_shifting=True, time_shift_type="exponential"),
        vae=filled(f"{name}/vae", codec),
        text_encoder=qwen_vl(f"{name}/text"),
        tokenizer=qwen_tokenizer(),
        transformer=filled(f"{name}/transformer", net),
        **more,
    )


def zimage() -> Any:
    """Return Z-Image, whose text comes from Qwen3."""
    import diffusers
    from transformers import Qwen3Config, Qwen3Model

    text = Qwen3Config(
        vocab_size=len(qwen_tokenizer()),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
    )
    net = diffusers.ZImageTransformer2DModel(
        in_channels=16,
        dim=32,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 32, 32],
    )
    return diffusers.ZImagePipeline(
        scheduler=flow(shift=3.0),
        vae=flow_autoencoder("zimage/vae", 0.3611, 0.1159),
        text_encoder=filled("zimage/text", Qwen3Model(text)),
        tokenizer=qwen_tokenizer(),
        transformer=filled("zimage/transformer", net),
    )


def lumina2() -> Any:
    """Return Lumina 2."""
    import diffusers

    net = diffusers.Lumina2Transformer2DModel(
        sample_size=8,
        in_channels=16,
        hidden_size=24,
        num_layers=1,
        num_refiner_layers=1,
        num_attention_heads=3,
        num_kv_heads=1,
        multiple_of=2,
        axes_dim_rope=(4, 2, 2),
        axes_lens=(300, 64, 64),
        cap_feat_dim=16,
    )
    return diffusers.Lumina2Pipeline(
        transformer=filled("lumina2/transformer", net),
        scheduler=flow(shift=6.0),
        vae=flow_autoencoder("lumina2/vae", 0.3611, 0.1159),
        text_encoder=gemma("lumina2/text"),
        tokenizer=gemma_tokenizer(),
    )


def hunyuandit() -> Any:
    """Return HunyuanDiT: BERT's and T5's text together."""
    import diffusers
    from transformers import BertConfig, BertModel

    tokens = bert_tokenizer()
    text = BertConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=80,
    )
    net = diffusers.HunyuanDiT2DModel(
        sample_size=8,
        num_layers=2,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=3,
        in_channels=4,
        hidden_size=24,
        mlp_ratio=2.0,
        cross_attention_dim=32,
        cross_attention_dim_t5=32,
        pooled_projection_dim=16,
        text_len=77,
        text_len_t5=256,
        activation_fn="gelu-approximate",
    )
    return diffusers.HunyuanDiTPipeline(
        vae=autoencoder("hunyuandit/vae", scaling=0.13025),
        text_encoder=filled("hunyuandit/text", BertModel(text)),
        tokenizer=tokens,
        transformer=filled("hunyuandit/transformer", net),
        scheduler=discrete(
            "DDPMScheduler", prediction_type="v_prediction", beta_end=0.03, clip_sample=False
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        text_encoder_2=t5_text("hunyuandit/text_2"),
        tokenizer_2=t5_tokenizer(256),
    )


def cogview4() -> Any:
    """Return CogView4, whose text comes from GLM."""
    import diffusers
    from transformers import GlmConfig, GlmModel

    text = GlmConfig(
        vocab_size=len(glm_tokenizer()),
        hidden_size=32,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
        pad_token_id=0,
    )
    net = diffusers.CogView4Transformer2DModel(
        in_channels=16,
        out_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        text_embed_dim=32,
        time_embed_dim=8,
        condition_dim=4,
        pos_embed_max_size=32,
        sample_size=8,
        rope_axes_dim=(256, 256),
    )
    return diffusers.CogView4Pipeline(
        tokenizer=glm_tokenizer(),
        text_encoder=filled("cogview4/text", GlmModel(text)),
        vae=flow_autoencoder("cogview4/vae", 1.0, 0.0),
        transformer=filled("cogview4/transformer", net),
        scheduler=flow(base_shift=0.25, max_shift=0.75, use_dynamic_shifting=True),
    )
