"""The rows of the families: read by `molnar/bridge/families.py`, one row per architecture.

A class that stands in `others` has the same parts as its row and is opened by the row's classes.
"""

from __future__ import annotations

from typing import Any

from molnar.bridge.family import (
    CASCADE,
    FLOW,
    PRIOR,
    STAGES,
    TOKENS,
    TRANSFORMER,
    UNET,
    Family,
)

_MASK = "draws only inside a mask; give it a picture and a mask"
_LARGER = "makes a picture larger; give it one with `molnar upscale`"
_RAIL = "CreativeML OpenRAIL-M"
_RAIL_PP = "CreativeML Open RAIL++-M"
_APACHE = "Apache-2.0"
_STABILITY = "Stability AI Community"
_SEES = ("torchvision",)  # its reader of prompts also sees pictures


def _named(stem: str, **tasks: str) -> dict[str, str]:
    return {task: f"{stem}{ending}Pipeline" for task, ending in tasks.items()}


def _variants(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}Pipeline" for name in names)


def _flow(name: str, title: str, stem: str, **more: Any) -> Family:
    settings: dict[str, Any] = {
        "design": FLOW, "pipelines": _named(stem, text=""), "height": 1024, "width": 1024,
        "multiple": 16, "flow": True, "prediction": "flow", "prompts": "llm",
    }  # fmt: skip
    return Family(name=name, title=title, **(settings | more))


_SD = "StableDiffusion"
_SDXL = "StableDiffusionXL"
_SD_TASKS = _named(_SD, text="", image="Img2Img", inpaint="Inpaint")
_SDXL_TASKS = _named(_SDXL, text="", image="Img2Img", inpaint="Inpaint")
_FLUX_TASKS = _named("Flux", text="", image="Img2Img", inpaint="Inpaint")

STABLE = (
    Family(
        name="sd15", title="Stable Diffusion 1.5", design=UNET, pipelines=_SD_TASKS, licence=_RAIL,
        others=_variants(
            f"{_SD}ControlNet", f"{_SD}ControlNetImg2Img", f"{_SD}PAG", f"{_SD}PAGImg2Img",
            f"{_SD}ControlNetPAG",
        ),
    ),
    Family(
        name="sd15-inpaint", title="Stable Diffusion 1.5 inpainting", design=UNET,
        pipelines=_named(_SD, inpaint="Inpaint"), licence=_RAIL,
        cannot={"text": _MASK, "image": _MASK},
        others=_variants(
            f"{_SD}ControlNetInpaint", f"{_SD}PAGInpaint", f"{_SD}ControlNetPAGInpaint"
        ),
    ),
    Family(
        name="sd2", title="Stable Diffusion 2.x (768)", design=UNET, pipelines=_SD_TASKS,
        height=768, width=768, prediction="v_prediction", licence=_RAIL_PP,
    ),
    Family(
        name="sd2-base", title="Stable Diffusion 2.x base (512)", design=UNET,
        pipelines=_SD_TASKS, licence=_RAIL_PP,
    ),
    Family(
        name="sd2-inpaint", title="Stable Diffusion 2 inpainting", design=UNET,
        pipelines=_named(_SD, inpaint="Inpaint"), licence=_RAIL_PP,
        cannot={"text": _MASK, "image": _MASK},
    ),
    Family(
        name="sdxl", title="Stable Diffusion XL", design=UNET, pipelines=_SDXL_TASKS,
        guidance=5.0, height=1024, width=1024, licence=_RAIL_PP,
        others=_variants(
            f"{_SDXL}ControlNet", f"{_SDXL}ControlNetImg2Img", f"{_SDXL}ControlNetUnion",
            f"{_SDXL}ControlNetUnionImg2Img", f"{_SDXL}PAG", f"{_SDXL}PAGImg2Img",
            f"{_SDXL}ControlNetPAG", f"{_SDXL}ControlNetPAGImg2Img",
        ),
    ),
    Family(
        name="sdxl-refiner", title="Stable Diffusion XL refiner", design=UNET,
        pipelines=_named(_SDXL, image="Img2Img"), guidance=5.0, height=1024, width=1024,
        licence=_RAIL_PP, cannot={"text": "refines a picture; give it one to start from"},
    ),
    Family(
        name="sdxl-inpaint", title="Stable Diffusion XL inpainting", design=UNET,
        pipelines=_named(_SDXL, inpaint="Inpaint"), height=1024, width=1024, licence=_RAIL_PP,
        cannot={"text": _MASK, "image": _MASK},
        others=_variants(
            f"{_SDXL}ControlNetInpaint", f"{_SDXL}ControlNetUnionInpaint", f"{_SDXL}PAGInpaint"
        ),
    ),
    Family(
        name="sd-x4-upscaler", title="Stable Diffusion x4 upscaler", design=UNET,
        pipelines=_named(_SD, upscale="Upscale"), steps=75, guidance=9.0, licence=_RAIL_PP,
        prediction="v_prediction", cannot={"text": _LARGER, "image": _LARGER},
    ),
    Family(
        name="sd-latent-upscaler", title="Stable Diffusion x2 latent upscaler", design=UNET,
        pipelines=_named(_SD, upscale="LatentUpscale"), steps=75, guidance=9.0, multiple=64,
        prompts="clip, as a whole", licence=_RAIL_PP, cannot={"text": _LARGER, "image": _LARGER},
    ),
    Family(
        name="instruct-pix2pix", title="InstructPix2Pix", design=UNET,
        pipelines=_named(_SD, image="InstructPix2Pix"), steps=100, licence="MIT",
        cannot={"text": "changes a picture as it is told; give it one to start from"},
        others=_variants(f"{_SDXL}InstructPix2Pix"),
    ),
    Family(
        name="lcm", title="Latent consistency model", design=UNET,
        pipelines=_named("LatentConsistencyModel", text="", image="Img2Img"), steps=4,
        guidance=8.5, licence="MIT", negative=False,
    ),
    Family(
        name="ldm", title="Latent diffusion", design=UNET, guidance=1.0, height=256, width=256,
        pipelines=_named("LDM", text="TextToImage"), prompts="bert", licence=_APACHE,
        negative=False,
    ),
    Family(
        name="kolors", title="Kolors", design=UNET, guidance=5.0, height=1024, width=1024,
        pipelines=_named("Kolors", text="", image="Img2Img"), prompts="llm", licence="Kolors",
        others=_variants("KolorsPAG"),
    ),
    Family(
        name="kandinsky3", title="Kandinsky 3", design=UNET, steps=25, guidance=3.0, height=1024,
        width=1024, pipelines=_named("Kandinsky3", text="", image="Img2Img"), prompts="t5",
        licence=_APACHE,
    ),
)  # fmt: skip

STAGED = (
    Family(
        name="unclip", title="Karlo (DALL-E 2's design)", design=PRIOR, steps=25, guidance=8.0,
        pipelines=_named("UnCLIP", text=""), height=256, width=256, licence=_RAIL,
        others=_variants("UnCLIPImageVariation"), negative=False,
    ),
    Family(
        name="stable-unclip", title="Stable unCLIP", design=PRIOR, steps=20, guidance=10.0,
        pipelines=_named("StableUnCLIP", text="", image="Img2Img"), height=768, width=768,
        prediction="v_prediction", licence=_RAIL_PP,
    ),
    Family(
        name="kandinsky21", title="Kandinsky 2.1", design=PRIOR, steps=100, guidance=4.0,
        pipelines=_named("Kandinsky", text="Combined", image="Img2ImgCombined",
                         inpaint="InpaintCombined"),
        multiple=64, licence=_APACHE,
        others=_variants("Kandinsky", "KandinskyImg2Img", "KandinskyInpaint", "KandinskyPrior"),
    ),
    Family(
        name="kandinsky22", title="Kandinsky 2.2", design=PRIOR, steps=100, guidance=4.0,
        pipelines=_named("KandinskyV22", text="Combined", image="Img2ImgCombined",
                         inpaint="InpaintCombined"),
        multiple=64, licence=_APACHE,
        others=_variants("KandinskyV22", "KandinskyV22Img2Img", "KandinskyV22Inpaint",
                         "KandinskyV22Prior", "KandinskyV22PriorEmb2Emb"),
    ),
    Family(
        name="if", title="DeepFloyd IF (Imagen's design)", design=CASCADE, steps=100, guidance=7.0,
        pipelines=_named("IF", text="", image="Img2Img", inpaint="Inpainting"), height=64,
        width=64, prompts="t5", licence="DeepFloyd IF",
    ),
    Family(
        name="if-ii", title="DeepFloyd IF, second stage", design=CASCADE, guidance=4.0,
        pipelines=_named("IF", upscale="SuperResolution"), height=256, width=256, prompts="t5",
        licence="DeepFloyd IF", cannot={"text": _LARGER, "image": _LARGER},
        others=_variants("IFImg2ImgSuperResolution", "IFInpaintingSuperResolution"),
    ),
    Family(
        name="amused", title="aMUSEd (image tokens)", design=TOKENS, steps=12, guidance=10.0,
        pipelines=_named("Amused", text="", image="Img2Img", inpaint="Inpaint"), multiple=16,
        prediction="tokens", licence=_RAIL_PP,
    ),
    Family(
        name="vq-diffusion", title="VQ-Diffusion", design=TOKENS, steps=100, guidance=5.0,
        pipelines=_named("VQDiffusion", text=""), height=256, width=256, prediction="tokens",
        licence="MIT", negative=False,
    ),
    Family(
        name="wuerstchen", title="Würstchen", design=STAGES, steps=60, guidance=4.0, height=1024,
        width=1024, multiple=128, pipelines=_named("Wuerstchen", text="Combined"), licence="MIT",
        others=_variants("WuerstchenDecoder", "WuerstchenPrior"),
    ),
    Family(
        name="stable-cascade", title="Stable Cascade", design=STAGES, steps=20, guidance=4.0,
        height=1024, width=1024, multiple=128, pipelines=_named("StableCascade", text="Combined"),
        licence="Stability AI Non-Commercial Research Community",
        others=_variants("StableCascadeDecoder", "StableCascadePrior"),
    ),
)  # fmt: skip

TRANSFORMERS = (
    Family(
        name="pixart-alpha", title="PixArt alpha", design=TRANSFORMER, steps=20, guidance=4.5,
        height=1024, width=1024, pipelines=_named("PixArtAlpha", text=""), prompts="t5",
        licence=_RAIL_PP,
    ),
    Family(
        name="pixart-sigma", title="PixArt sigma", design=TRANSFORMER, steps=20, guidance=4.5,
        height=1024, width=1024, pipelines=_named("PixArtSigma", text=""), prompts="t5",
        licence=_RAIL_PP, others=_variants("PixArtSigmaPAG"),
    ),
    Family(
        name="hunyuandit", title="HunyuanDiT", design=TRANSFORMER, guidance=5.0, height=1024,
        width=1024, multiple=16, pipelines=_named("HunyuanDiT", text=""), prompts="clip and t5",
        prediction="v_prediction", licence="Tencent Hunyuan Community",
        others=_variants("HunyuanDiTPAG"),
    ),
    Family(
        name="cogview3", title="CogView3 Plus", design=TRANSFORMER, guidance=5.0, height=1024,
        width=1024, multiple=16, pipelines=_named("CogView3Plus", text=""), prompts="t5",
        prediction="v_prediction", licence=_APACHE,
    ),
)  # fmt: skip

FLOWS = (
    _flow(
        "sd3", "Stable Diffusion 3", f"{_SD}3", steps=28, guidance=7.0, prompts="clip and t5",
        pipelines=_named(f"{_SD}3", text="", image="Img2Img", inpaint="Inpaint"),
        licence=_STABILITY,
        others=_variants(f"{_SD}3PAG", f"{_SD}3PAGImg2Img", f"{_SD}3ControlNet",
                         f"{_SD}3ControlNetInpainting"),
    ),
    _flow(
        "flux", "Flux.1 dev", "Flux", pipelines=_FLUX_TASKS, steps=28, guidance=3.5,
        prompts="clip and t5", licence="FLUX.1 [dev] Non-Commercial", negative=False,
        others=_variants("FluxControl", "FluxControlImg2Img", "FluxControlInpaint",
                         "FluxControlNet", "FluxControlNetImg2Img", "FluxControlNetInpaint"),
    ),
    _flow(
        "flux-schnell", "Flux.1 schnell", "Flux", pipelines=_FLUX_TASKS, steps=4, guidance=0.0,
        prompts="clip and t5", licence=_APACHE, negative=False,
        cannot={"guidance": "is distilled to draw without guidance"},
    ),
    _flow(
        "flux-fill", "Flux.1 Fill", "Flux", pipelines=_named("Flux", inpaint="Fill"), guidance=30.0,
        prompts="clip and t5", licence="FLUX.1 [dev] Non-Commercial", negative=False,
        cannot={"text": _MASK, "image": _MASK},
    ),
    _flow(
        "flux-kontext", "Flux.1 Kontext", "FluxKontext", steps=28, guidance=3.5,
        pipelines=_named("FluxKontext", text="", image=""), prompts="clip and t5",
        licence="FLUX.1 [dev] Non-Commercial", negative=False,
    ),
    _flow(
        "flux2", "Flux.2 dev", "Flux2", pipelines=_named("Flux2", text="", image=""),
        guidance=2.5, licence="FLUX Non-Commercial", negative=False, needs=_SEES,
    ),
    _flow(
        "flux2-klein", "Flux.2 klein", "Flux2Klein", guidance=4.0, negative=False,
        pipelines=_named("Flux2Klein", text="", image=""),
    ),
    _flow(
        "chroma", "Chroma", "Chroma", steps=35, guidance=5.0, prompts="t5", licence=_APACHE,
        pipelines=_named("Chroma", text="", image="Img2Img", inpaint="Inpaint"),
    ),
    _flow(
        "qwenimage", "Qwen-Image", "QwenImage", guidance=4.0, licence=_APACHE,
        pipelines=_named("QwenImage", text="", image="Img2Img", inpaint="Inpaint"),
        others=_variants("QwenImageControlNet"),
    ),
    _flow(
        "qwenimage-edit", "Qwen-Image-Edit", "QwenImageEdit", guidance=4.0, licence=_APACHE,
        pipelines=_named("QwenImageEdit", image="", inpaint="Inpaint"),
        cannot={"text": "changes a picture; give it one to start from"},
        others=_variants("QwenImageEditPlus", "QwenImageLayered"), needs=_SEES,
    ),
    _flow("qwenimage21", "Qwen-Image 2.1", "QwenImage21", guidance=4.0, needs=_SEES),
    _flow(
        "zimage", "Z-Image", "ZImage", guidance=5.0, licence=_APACHE,
        pipelines=_named("ZImage", text="", image="Img2Img", inpaint="Inpaint"),
        others=_variants("ZImageControlNet", "ZImageControlNetInpaint", "ZImageOmni"),
    ),
    _flow(
        "sana", "SANA", "Sana", steps=20, guidance=4.5, multiple=32, others=_variants("SanaPAG"),
    ),
    _flow(
        "sana-sprint", "SANA Sprint", "SanaSprint", steps=2, guidance=4.5, multiple=32,
        pipelines=_named("SanaSprint", text="", image="Img2Img"), negative=False,
    ),
    _flow("auraflow", "AuraFlow", "AuraFlow", guidance=3.5, prompts="t5", licence=_APACHE),
    _flow("lumina", "Lumina-Next", "Lumina", steps=30, guidance=4.0, licence=_APACHE),
    _flow("lumina2", "Lumina Image 2", "Lumina2", steps=30, guidance=4.0, licence=_APACHE),
    _flow(
        "cogview4", "CogView4", "CogView4", guidance=5.0, licence=_APACHE,
        others=_variants("CogView4Control"),
    ),
    _flow("hidream", "HiDream-I1", "HiDreamImage", guidance=5.0, licence="MIT"),
    _flow("omnigen", "OmniGen", "OmniGen", guidance=2.5, licence="MIT", negative=False,
          needs=_SEES),
    _flow("hunyuanimage", "HunyuanImage 2.1", "HunyuanImage", height=2048, width=2048,
          multiple=64, guidance=3.5, licence="Tencent Hunyuan Community"),
    _flow("kandinsky5", "Kandinsky 5", "Kandinsky5T2I", guidance=3.5,
          pipelines=_named("Kandinsky5", text="T2I", image="I2I"), needs=_SEES),
    _flow("krea2", "Krea 2", "Krea2", steps=28, guidance=4.5),
    _flow("ideogram4", "Ideogram 4", "Ideogram4", steps=48, guidance=7.0, height=2048, width=2048,
          negative=False),
    _flow("glm-image", "GLM-Image", "GlmImage", guidance=1.5, multiple=32, negative=False,
          needs=_SEES),
    _flow("ovis", "Ovis-Image", "OvisImage", guidance=5.0),
    _flow("nucleus", "Nucleus-MoE Image", "NucleusMoEImage", guidance=4.0, needs=_SEES),
    _flow("prx", "PRX", "PRX", steps=28, guidance=5.0, height=512, width=512, prompts="t5"),
    _flow("bria", "Bria 3.2", "Bria", steps=30, guidance=5.0, prompts="t5"),
    _flow("bria-fibo", "Bria Fibo", "BriaFibo", steps=30, guidance=5.0),
    _flow("ernie", "ERNIE-Image", "ErnieImage", guidance=4.0),
    _flow("longcat", "LongCat-Image", "LongCatImage", guidance=4.5, licence=_APACHE,
          pipelines=_named("LongCatImage", text="", image="Edit"), needs=_SEES),
    _flow("cosmos2", "Cosmos Predict 2", "Cosmos2TextToImage", steps=35, guidance=7.0, height=768,
          width=1360, prompts="t5", needs=("cosmos_guardrail", *_SEES)),
)  # fmt: skip

FAMILIES: tuple[Family, ...] = (*STABLE, *STAGED, *TRANSFORMERS, *FLOWS)
