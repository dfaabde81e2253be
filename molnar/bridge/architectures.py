"""The names of a file's tensors -> which architecture they are, or what else the file is.

The keys are those by which diffusers tells single files apart
(`infer_diffusers_model_type` in diffusers/loaders/single_file_utils.py, 0.42.1), and those of the
published layouts of adapters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from molnar.bridge.headers import Header

NETWORK = "model.diffusion_model."
VAE = ("first_stage_model.", "vae.")
TEXT = ("cond_stage_model.", "conditioner.embedders.", "text_encoders.")
_LARGEST = 3  # names shown of a file that nobody knows


@dataclass(frozen=True)
class Kind:
    """What a single file was found to be: the family's name, and the pipeline that opens it."""

    family: str
    pipeline: str
    prediction: str = "epsilon"
    inpaints: bool = False


class Keys:
    """Looks tensors up by name, with or without the prefix of the network."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.bare = {name.removeprefix(NETWORK) for name in header.tensors}

    def __contains__(self, name: str) -> bool:
        return name in self.bare

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor of the network, () if there is none."""
        return self.header.shape(NETWORK + name) or self.header.shape(name)

    def starts(self, *prefixes: str) -> bool:
        """Whether any tensor's name starts so."""
        return any(name.startswith(prefixes) for name in self.header.tensors)

    def has(self, pattern: str) -> bool:
        """Whether a pattern occurs in any tensor's name."""
        found = re.compile(pattern)
        return any(found.search(name) for name in self.header.tensors)


_SD2_KEY = "input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
_XL_KEY = "label_emb.0.0.weight"
_CONV_IN = "input_blocks.0.0.weight"
_FLOW_KINDS: tuple[tuple[str, Kind], ...] = (
    ("single_stream_modulation.lin.weight", Kind("flux2", "Flux2Pipeline", "flow")),
    ("distilled_guidance_layer.in_proj.bias", Kind("chroma", "ChromaPipeline", "flow")),
    ("cond_seq_linear.weight", Kind("auraflow", "AuraFlowPipeline", "flow")),
    ("layers.0.adaLN_modulation.0.weight", Kind("zimage", "ZImagePipeline", "flow")),
    ("cap_embedder.0.weight", Kind("lumina2", "Lumina2Pipeline", "flow")),
    ("blocks.0.cross_attn.kv_linear.weight", Kind("sana", "SanaPipeline", "flow")),
    ("txt_in.text_norm.weight", Kind("qwenimage21", "QwenImage21Pipeline", "flow")),
    ("txtfusion.projector.weight", Kind("krea2", "Krea2Pipeline", "flow")),
    (
        "double_stream_blocks.0.block.adaLN_modulation.1.bias",
        Kind("hidream", "HiDreamImagePipeline", "flow"),
    ),
    (
        "transformer_blocks.0.img_mod.1.weight",
        Kind("qwenimage", "QwenImagePipeline", "flow"),
    ),
)
_VIDEO = (
    "head.modulation", "transformer_blocks.27.scale_shift_table", "blocks.0.attn.qkv_x.weight",
    "txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias",
    "net.x_embedder.proj.1.weight",
)  # fmt: skip


def kind_of(header: Header) -> Kind | None:
    """Tell which architecture a file's network is of; None if it is none that is known."""
    keys = Keys(header)
    return _flow(keys) or _unet(keys)


def _flow(keys: Keys) -> Kind | None:
    if "joint_blocks.0.context_block.adaLN_modulation.1.bias" in keys:
        return Kind("sd3", "StableDiffusion3Pipeline", "flow")
    for name, kind in _FLOW_KINDS:
        if name in keys:
            return kind
    if "double_blocks.0.img_attn.norm.key_norm.scale" not in keys:
        return None
    if "guidance_in.in_layer.bias" not in keys:
        return Kind("flux-schnell", "FluxPipeline", "flow")
    width = (keys.shape("img_in.weight") or (0, 64))[-1]
    if width == 384:
        return Kind("flux-fill", "FluxFillPipeline", "flow", inpaints=True)
    if width == 128:
        return Kind("flux", "FluxControlPipeline", "flow")
    return Kind("flux", "FluxPipeline", "flow")


def _unet(keys: Keys) -> Kind | None:
    taken = keys.shape(_CONV_IN)
    if len(taken) != 4:
        return None
    inpaints = taken[1] == 9
    stem = "StableDiffusionXL" if _XL_KEY in keys and _has_text(keys) else "StableDiffusion"
    tail = "-inpaint" if inpaints else ""
    pipeline = f"{stem}InpaintPipeline" if inpaints else f"{stem}Pipeline"
    prediction = "v_prediction" if "v_pred" in keys else "epsilon"
    if stem == "StableDiffusionXL":
        text = (keys.shape("input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight") or (0,))[-1]
        refines = keys.starts("conditioner.embedders.0.model.") or text == 1280
        if refines:
            return Kind("sdxl-refiner", "StableDiffusionXLImg2ImgPipeline", prediction)
        return Kind(f"sdxl{tail}", pipeline, prediction, inpaints)
    if taken[1] == 7:
        return Kind("sd-x4-upscaler", "StableDiffusionUpscalePipeline", "v_prediction")
    if taken[1] == 8:
        return Kind("instruct-pix2pix", "StableDiffusionInstructPix2PixPipeline")
    if keys.starts("cond_stage_model.model.") or (keys.shape(_SD2_KEY) or (0,))[-1] == 1024:
        return Kind(f"sd2{tail}", pipeline, "epsilon" if inpaints else "v_prediction", inpaints)
    return Kind(f"sd15{tail}", pipeline, prediction, inpaints)


def _has_text(keys: Keys) -> bool:
    """Tell SDXL from what else has class embeddings: the x4 upscaler, stable unCLIP."""
    return keys.starts("conditioner.") or not keys.starts("cond_stage_model.")


_OTHERS: tuple[tuple[str, Callable[[Keys], bool]], ...] = (
    (
        "a LoRA, which changes a model; give it with --lora",
        lambda k: k.has(r"lora_(down|up|A|B|unet|te\d?)\b|lora\.(down|up)\.|\.(lokr|hada)_w"),
    ),
    (
        "an IP-Adapter, which guides a model; give it beside one",
        lambda k: k.starts("image_proj.") and k.starts("ip_adapter."),
    ),
    (
        "a ControlNet, which guides a model; give it beside one",
        lambda k: k.starts(
            "control_model.",
            "controlnet_",
            "control_all_x_embedder.",
            "control_layers.",
            "input_hint_block.",
        ),
    ),
    (
        "a textual inversion, which teaches a model one word; give it beside one",
        lambda k: (
            "emb_params" in k
            or bool(k.bare <= {"clip_l", "clip_g"})
            or (len(k.bare) <= 2 and all(len(t.shape) <= 2 for t in k.header.tensors.values()))
        ),
    ),
)
_ALONE: tuple[tuple[str, Callable[[Keys], bool]], ...] = (
    ("a model of videos, and molnar draws stills", lambda k: any(n in k for n in _VIDEO)),
    (
        "a network alone in the layout of a folder; keep it in that folder and name the folder",
        lambda k: k.starts("down_blocks.", "transformer_blocks.", "single_transformer_blocks."),
    ),
    (
        "a VAE, which only decodes; give it with --vae",
        lambda k: k.starts("decoder.", "encoder.conv_in", "encoder.down", *VAE)
        and not k.starts("encoder.block."),
    ),
    (
        "a text encoder alone, which draws nothing",
        lambda k: k.starts(
            "text_model.", "encoder.block.", "transformer.resblocks.", "model.layers"
        ),
    ),
    (
        "an upscaler of pixels (ESRGAN or the like), no diffusion model",
        lambda k: k.starts("body.0.", "conv_first.", "model.1.sub.", "layers.0.residual_group."),
    ),
)  # fmt: skip


def adapter_of(header: Header) -> str | None:
    """Say what a file is that only changes a model, and what to do with it; None otherwise."""
    keys = Keys(header)
    return next((what for what, holds in _OTHERS if header.tensors and holds(keys)), None)


def other_of(header: Header) -> str:
    """Say what a file is that is no known model: a part of one, or the largest of its tensors."""
    keys = Keys(header)
    for what, holds in _ALONE:
        if holds(keys):
            return what
    by_size = sorted(header.tensors.items(), key=lambda item: -item[1].bytes)[:_LARGEST]
    names = ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in by_size)
    return f"of an unknown architecture: {len(header.tensors)} tensors, the largest {names}"


def parts_of(header: Header) -> frozenset[str]:
    """Tell which parts of a pipeline a single file has: "network", "vae", "text"."""
    keys = Keys(header)
    # Flux and other transformers are published alone, without any prefix.
    out = {"network"}
    if keys.starts(*VAE):
        out.add("vae")
    if keys.starts(*TEXT):
        out.add("text")
    return frozenset(out)
