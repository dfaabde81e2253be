"""Pipelines of several networks in a row, and of image tokens."""

from __future__ import annotations

from typing import Any

from tiny_models.parts import clip_text, discrete, filled, t5_text
from tiny_models.words import clip_tokenizer, t5_tokenizer


def prior(name: str, **more: Any) -> Any:
    """Return a network from CLIP's text to CLIP's picture vector of 32 numbers."""
    import torch
    from diffusers import PriorTransformer

    made = filled(
        name,
        PriorTransformer(
            num_attention_heads=2, attention_head_dim=12, embedding_dim=32, num_layers=1, **more
        ),
    )
    made.clip_std.data = torch.ones_like(made.clip_std)
    return made


def vision(name: str) -> Any:
    """Return CLIP's picture encoder for pictures of 32 x 32."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=37,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=32,
    )
    return filled(name, CLIPVisionModelWithProjection(config))


def image_processor() -> Any:
    """Return what brings pictures into the shape that `vision` takes."""
    from transformers import CLIPImageProcessor

    return CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


def simple_unet(name: str, **more: Any) -> Any:
    """Return the UNet of unCLIP and DeepFloyd IF: added keys and values in its attention."""
    from diffusers import UNet2DConditionModel

    settings: dict[str, Any] = {
        "sample_size": 16,
        "in_channels": 3,
        "out_channels": 6,
        "down_block_types": ("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
        "up_block_types": ("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "cross_attention_dim": 32,
        "attention_head_dim": 4,
        "norm_num_groups": 8,
        "resnet_time_scale_shift": "scale_shift",
        **more,
    }
    return filled(name, UNet2DConditionModel(**settings))


def plain_unet(name: str) -> Any:
    """Return a UNet without text, from 32 to 64 pixels: Karlo's super resolution."""
    from diffusers import UNet2DModel

    return filled(
        name,
        UNet2DModel(
            sample_size=32,
            layers_per_block=1,
            down_block_types=("ResnetDownsampleBlock2D", "ResnetDownsampleBlock2D"),
            up_block_types=("ResnetUpsampleBlock2D", "ResnetUpsampleBlock2D"),
            block_out_channels=(16, 32),
            in_channels=6,
            out_channels=3,
            norm_num_groups=8,
            add_attention=False,
            resnet_time_scale_shift="scale_shift",
        ),
    )


def unclip() -> Any:
    """Return Karlo: a prior, a decoder and two steps of super resolution."""
    from diffusers import UnCLIPPipeline, UnCLIPScheduler
    from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel

    projection = UnCLIPTextProjModel(
        clip_embeddings_dim=32, time_embed_dim=64, cross_attention_dim=32
    )
    return UnCLIPPipeline(
        prior=prior("unclip/prior"),
        decoder=simple_unet("unclip/decoder", class_embed_type="identity"),
        text_encoder=clip_text("unclip/text", 32, 2, projection=32),
        tokenizer=clip_tokenizer(),
        text_proj=filled("unclip/projection", projection),
        super_res_first=plain_unet("unclip/first"),
        super_res_last=plain_unet("unclip/last"),
        prior_scheduler=UnCLIPScheduler(prediction_type="sample", clip_sample_range=5.0),
        decoder_scheduler=UnCLIPScheduler(variance_type="learned_range"),
        super_res_scheduler=UnCLIPScheduler(),
    )


def movq(name: str) -> Any:
    """Return the autoencoder of Kandinsky: a code book, and a decoder told its latents."""
    from diffusers import VQModel

    codes = VQModel(
        block_out_channels=(32,) * 4,  # its spatial norm has 32 groups, whatever is asked for
        down_block_types=(*("DownEncoderBlock2D",) * 3, "AttnDownEncoderBlock2D"),
        up_block_types=("AttnUpDecoderBlock2D", *("UpDecoderBlock2D",) * 3),
        latent_channels=4,
        norm_num_groups=8,
        norm_type="spatial",
        num_vq_embeddings=12,
        vq_embed_dim=4,
    )
    return filled(name, codes)


def kandinsky22() -> Any:
    """Return Kandinsky 2.2, prior and decoder as one."""
    from diffusers import KandinskyV22CombinedPipeline, UnCLIPScheduler

    name = "kandinsky22"
    return KandinskyV22CombinedPipeline(
        unet=simple_unet(
            f"{name}/unet",
            sample_size=8,
            in_channels=4,
            out_channels=8,
            addition_embed_type="image",
            encoder_hid_dim=32,
            encoder_hid_dim_type="image_proj",
        ),
        scheduler=discrete(
            "DDPMScheduler", clip_sample=False, variance_type="learned_range", steps_offset=0
        ),
        movq=movq(f"{name}/movq"),
        prior_prior=prior(f"{name}/prior"),
        prior_image_encoder=vision(f"{name}/vision"),
        prior_text_encoder=clip_text(f"{name}/text", 32, 2, projection=32),
        prior_tokenizer=clip_tokenizer(),
        prior_scheduler=UnCLIPScheduler(prediction_type="sample", clip_sample_range=5.0),
        prior_image_processor=image_processor(),
    )


def floyd(name: str, kind: str, net: Any, **more: Any) -> Any:
    """Return one stage of DeepFloyd IF."""
    import diffusers
    from diffusers import DDPMScheduler

    settings: dict[str, Any] = {
        "beta_schedule": "squaredcos_cap_v2",
        "thresholding": True,
        "dynamic_thresholding_ratio": 0.95,
        "sample_max_value": 1.5,
        "variance_type": "learned_range",
    }
    return getattr(diffusers, kind)(
        tokenizer=t5_tokenizer(77),
        text_encoder=t5_text(f"{name}/text"),
        unet=net,
        scheduler=DDPMScheduler(**settings),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
        **more,
    )


FLOYD: dict[str, Any] = {
    "addition_embed_type": "text",
    "addition_embed_type_num_heads": 2,
    "encoder_hid_dim": 32,
    "cross_attention_norm": "group_norm",
    "resnet_out_scale_factor": 1.0,
    "act_fn": "gelu",
}


def deepfloyd() -> Any:
    """Return the first stage of DeepFloyd IF: pixels, without an autoencoder."""
    net = simple_unet("if/unet", sample_size=32, **FLOYD)
    return floyd("if", "IFPipeline", net)


def deepfloyd_second() -> Any:
    """Return the second stage of DeepFloyd IF: the first picture goes in, noised a little."""
    from diffusers import DDPMScheduler

    net = simple_unet(
        "if-ii/unet", sample_size=32, in_channels=6, class_embed_type="timestep", **FLOYD
    )
    noising = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    return floyd("if-ii", "IFSuperResolutionPipeline", net, image_noising_scheduler=noising)


def amused() -> Any:
    """Return aMUSEd: masked image tokens, 32 of them in the code book."""
    from diffusers import AmusedPipeline, AmusedScheduler, UVit2DModel, VQModel

    net = UVit2DModel(
        hidden_size=16,
        cond_embed_dim=32,
        micro_cond_encode_dim=2,
        micro_cond_embed_dim=10,
        encoder_hidden_size=32,
        vocab_size=33,
        codebook_size=32,
        in_channels=16,
        block_out_channels=16,
        num_res_blocks=1,
        block_num_heads=1,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=16,
        sample_size=4,
    )
    codes = VQModel(
        block_out_channels=(8, 8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 5,
        up_block_types=("UpDecoderBlock2D",) * 5,
        latent_channels=8,
        norm_num_groups=4,
        num_vq_embeddings=32,
        sample_size=64,
        mid_block_add_attention=False,
        lookup_from_codebook=True,
    )
    return AmusedPipeline(
        vqvae=filled("amused/vqvae", codes),
        tokenizer=clip_tokenizer(),
        text_encoder=clip_text("amused/text", 32, 2, projection=32),
        transformer=filled("amused/transformer", net),
        scheduler=AmusedScheduler(mask_token_id=32),
    )


def paella(name: str) -> Any:
    """Return the code book autoencoder of Würstchen and Stable Cascade."""
    from diffusers.pipelines.deprecated.wuerstchen import PaellaVQModel

    return filled(
        name, PaellaVQModel(levels=2, num_vq_embeddings=32, embed_dim=16, bottleneck_blocks=1)
    )


def wuerstchen() -> Any:
    """Return Würstchen, prior and decoder as one."""
    from diffusers import DDPMWuerstchenScheduler, WuerstchenCombinedPipeline
    from diffusers.pipelines.deprecated.wuerstchen import WuerstchenDiffNeXt, WuerstchenPrior

    name = "wuerstchen"
    first = WuerstchenPrior(c_in=16, c=16, c_cond=32, c_r=8, depth=2, nhead=2, dropout=0.0)
    second = WuerstchenDiffNeXt(
        c_cond=32,
        c_hidden=[16, 16],
        nhead=[-1, 2],
        blocks=[1, 1],
        level_config=["CT", "CTA"],
        inject_effnet=[False, True],
        effnet_embd=16,
        clip_embd=32,
        dropout=0.0,
    )
    return WuerstchenCombinedPipeline(
        tokenizer=clip_tokenizer(),
        text_encoder=clip_text(f"{name}/text", 32, 2),
        decoder=filled(f"{name}/decoder", second),
        scheduler=DDPMWuerstchenScheduler(),
        vqgan=paella(f"{name}/vqgan"),
        prior_tokenizer=clip_tokenizer(),
        prior_text_encoder=clip_text(f"{name}/prior_text", 32, 2),
        prior_prior=filled(f"{name}/prior", first),
        prior_scheduler=DDPMWuerstchenScheduler(),
    )


def cascade_unet(name: str, **more: Any) -> Any:
    """Return the network of stage C or B of Stable Cascade."""
    from diffusers import StableCascadeUNet

    settings: dict[str, Any] = {
        "conditioning_dim": 32,
        "block_out_channels": (16, 32),
        "num_attention_heads": (2, 2),
        "down_num_layers_per_block": (1, 1),
        "up_num_layers_per_block": (1, 1),
        "clip_text_pooled_in_channels": 32,
        "dropout": (0.0, 0.0),
        **more,
    }
    return filled(name, StableCascadeUNet(**settings))


def stable_cascade() -> Any:
    """Return Stable Cascade, prior and decoder as one."""
    from diffusers import DDPMWuerstchenScheduler, StableCascadeCombinedPipeline

    name = "stable-cascade"
    text = clip_text(f"{name}/text", 32, 2, projection=32)
    return StableCascadeCombinedPipeline(
        tokenizer=clip_tokenizer(),
        text_encoder=text,
        decoder=cascade_unet(
            f"{name}/decoder",
            in_channels=4,
            out_channels=4,
            patch_size=2,
            effnet_in_channels=16,
            pixel_mapper_in_channels=3,
            timestep_conditioning_type=("sca",),
            block_types_per_layer=(
                ("SDCascadeResBlock", "SDCascadeTimestepBlock"),
                ("SDCascadeResBlock", "SDCascadeTimestepBlock", "SDCascadeAttnBlock"),
            ),
        ),
        scheduler=DDPMWuerstchenScheduler(),
        vqgan=paella(f"{name}/vqgan"),
        prior_prior=cascade_unet(
            f"{name}/prior",
            clip_text_in_channels=32,
            clip_image_in_channels=32,
            switch_level=(False,),
        ),
        prior_text_encoder=text,
        prior_tokenizer=clip_tokenizer(),
        prior_scheduler=DDPMWuerstchenScheduler(),
        prior_feature_extractor=image_processor(),
        prior_image_encoder=vision(f"{name}/vision"),
    )
