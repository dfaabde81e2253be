"""Models of flow matching that read several language models, or are one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tiny_models.flows import flow_autoencoder
from tiny_models.parts import autoencoder, clip_text, discrete, filled, flow, t5_text
from tiny_models.processors import glm_image_processor, qwen_processor
from tiny_models.stable import xl_unet
from tiny_models.talkers import qwen3_vl
from tiny_models.words import WORDS, clip_tokenizer, llama_tokenizer, t5_tokenizer


def hidream() -> Any:
    """Return HiDream: two CLIPs, T5 and Llama, each of whose layers is read by a block."""
    import diffusers
    from transformers import LlamaConfig, LlamaForCausalLM

    text = LlamaConfig(
        vocab_size=len(llama_tokenizer()),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        pad_token_id=2,
    )
    net = diffusers.HiDreamImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_channels=[32, 16],
        text_emb_dim=64,
        num_routed_experts=4,
        num_activated_experts=2,
        axes_dims_rope=(4, 2, 2),
        max_resolution=(32, 32),
        llama_layers=(0, 1),
    )

    def clip(name: str) -> Any:
        return clip_text(f"hidream/{name}", 32, 2, projection=32, positions=128)

    return diffusers.HiDreamImagePipeline(
        scheduler=flow(shift=3.0),
        vae=flow_autoencoder("hidream/vae", 0.3611, 0.1159),
        text_encoder=clip("text"),
        tokenizer=clip_tokenizer(),
        text_encoder_2=clip("text_2"),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=t5_text("hidream/text_3"),
        tokenizer_3=t5_tokenizer(),
        text_encoder_4=filled("hidream/text_4", LlamaForCausalLM(text)),
        tokenizer_4=llama_tokenizer(),
        transformer=filled("hidream/transformer", net),
    )


def omnigen() -> Any:
    """Return OmniGen: one language model that is the transformer, too."""
    import diffusers

    net = diffusers.OmniGenTransformer2DModel(
        in_channels=4,
        hidden_size=16,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=32,
        num_layers=1,
        time_step_dim=4,
        rope_scaling={"long_factor": [1.0, 1.0], "short_factor": [1.0, 1.0], "type": "su"},
        pad_token_id=0,
        vocab_size=len(llama_tokenizer()),
    )
    return diffusers.OmniGenPipeline(
        transformer=filled("omnigen/transformer", net),
        scheduler=flow(invert_sigmas=True, num_train_timesteps=1),
        vae=autoencoder("omnigen/vae", scaling=0.13025),
        tokenizer=llama_tokenizer(),
    )


def cosmos2() -> Any:
    """Return Cosmos Predict 2 without its guard, which is no part of the folder."""
    import diffusers

    net = diffusers.CosmosTransformer3DModel(
        in_channels=16,
        out_channels=16,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=1,
        mlp_ratio=2,
        text_embed_dim=32,
        adaln_lora_dim=4,
        max_size=(4, 32, 32),
        patch_size=(1, 2, 2),
        rope_scale=(1.0, 4.0, 4.0),
        concat_padding_mask=True,
        extra_pos_embed_type=None,
    )
    codec = diffusers.AutoencoderKLWan(base_dim=3, dim_mult=[1, 1, 1, 1], num_res_blocks=1)
    made = diffusers.Cosmos2TextToImagePipeline(
        text_encoder=t5_text("cosmos2/text"),
        tokenizer=t5_tokenizer(512),
        transformer=filled("cosmos2/transformer", net),
        vae=filled("cosmos2/vae", codec),
        scheduler=flow(use_karras_sigmas=True),
        safety_checker=torch.nn.Identity(),  # or it makes one, of a package of its own
    )
    made.register_modules(safety_checker=None)
    return made


def qwenimage21() -> Any:
    """Return Qwen-Image 2.1: words and pictures in one sequence, four channels of colour."""
    import diffusers

    net = diffusers.QwenImage21Transformer2DModel(
        in_channels=8,
        out_channels=8,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        context_in_dim=16,
        axes_dims_rope=(4, 6, 6),
    )
    codec = diffusers.AutoencoderKLQwenImage21(
        base_dim=4,
        decoder_base_dim=4,
        z_dim=8,
        dim_mult=[1, 1, 1, 1, 1],
        num_res_blocks=1,
        latents_mean=[0.0] * 8,
        latents_std=[1.0] * 8,
    )
    return diffusers.QwenImage21Pipeline(
        scheduler=flow(use_dynamic_shifting=True),
        vae=filled("qwenimage21/vae", codec),
        text_encoder=qwen3_vl("qwenimage21/text", 2, "Qwen3VLForConditionalGeneration"),
        processor=qwen_processor("Qwen3VLProcessor"),
        transformer=filled("qwenimage21/transformer", net),
    )


def glm_image() -> Any:
    """Return GLM-Image: a language model says coarse tokens, a transformer paints them out."""
    import diffusers
    from transformers import ByT5Tokenizer, GlmImageConfig, GlmImageForConditionalGeneration

    processor, codes = glm_image_processor(), 128
    said = GlmImageConfig(
        text_config={
            "vocab_size": len(processor.tokenizer) + 8,
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "max_position_embeddings": 1024,
            "vision_vocab_size": codes,
            "pad_token_id": 0,
            "rope_parameters": {"mrope_section": (4, 2, 2), "rope_theta": 10000.0},
        },
        vision_config={
            "depth": 1,
            "hidden_size": 32,
            "num_heads": 2,
            "image_size": 32,
            "patch_size": 8,
            "intermediate_size": 32,
        },
        vq_config={"embed_dim": 32, "num_embeddings": codes, "latent_channels": 32},
        image_token_id=processor.image_token_id,
    )
    net = diffusers.GlmImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        text_embed_dim=32,
        time_embed_dim=16,
        condition_dim=8,
        prior_vq_quantizer_codebook_size=codes,
    )
    return diffusers.GlmImagePipeline(
        tokenizer=ByT5Tokenizer(),
        processor=processor,
        text_encoder=t5_text("glm-image/text", tokens=len(ByT5Tokenizer())),
        vision_language_encoder=filled("glm-image/said", GlmImageForConditionalGeneration(said)),
        vae=flow_autoencoder(
            "glm-image/vae", 1.0, 0.0, latents_mean=[0.0] * 16, latents_std=[1.0] * 16
        ),
        transformer=filled("glm-image/transformer", net),
        scheduler=flow(use_dynamic_shifting=True),
    )


def kolors() -> Any:
    """Return Kolors: the UNet of SDXL that reads ChatGLM, whose words need sentencepiece."""
    import diffusers
    from diffusers.pipelines.kolors import ChatGLMModel, ChatGLMTokenizer
    from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig

    with TemporaryDirectory() as folder:
        vocabulary = sentences(Path(folder))
        tokens = ChatGLMTokenizer(vocabulary, model_max_length=32)
        kept = Path(vocabulary).read_bytes()
    tokens.save_vocabulary = partial(written, kept)
    text = ChatGLMConfig(
        num_layers=2,
        padded_vocab_size=tokens.vocab_size + 8,
        hidden_size=32,
        ffn_hidden_size=32,
        kv_channels=16,
        num_attention_heads=2,
        multi_query_attention=True,
        add_qkv_bias=True,
        seq_length=64,
        original_rope=True,
        use_cache=True,
        num_hidden_layers=2,
    )
    return diffusers.KolorsPipeline(
        vae=autoencoder("kolors/vae", scaling=0.13025),
        text_encoder=filled("kolors/text", ChatGLMModel(text)),
        tokenizer=tokens,
        unet=xl_unet(
            "kolors/unet",
            text=32,
            encoder_hid_dim_type="text_proj",
            encoder_hid_dim=32,
            projection_class_embeddings_input_dim=6 * 8 + 32,
        ),
        scheduler=discrete("EulerDiscreteScheduler", beta_end=0.014, timestep_spacing="leading"),
    )


def written(vocabulary: bytes, folder: str, filename_prefix: str | None = None) -> tuple[str]:
    """Write a sentencepiece model where a tokenizer is saved."""
    path = Path(folder) / "tokenizer.model"
    path.write_bytes(vocabulary)
    return (str(path),)


def sentences(folder: Path) -> str:
    """Write a sentencepiece model that was trained on a few sentences; return its path."""
    import sentencepiece

    lines = [" ".join(WORDS[start:] + WORDS[:start]) for start in range(len(WORDS))]
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(lines),
        model_prefix=str(folder / "words"),
        vocab_size=40,
        model_type="bpe",
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return str(folder / "words.model")
