"""The text in a picture file -> which tool wrote it, and what it says (`recognised`).

One reader for each tool; each gets all text of the file and answers with `Foreign`, or None if the
file is not that tool's. The first that answers is believed.

Source, layouts only: A1111 `modules/images.py`, Fooocus `modules/meta_parser.py`, InvokeAI
`app/invocations/metadata.py`, SwarmUI `src/Text2Image/T2IParamInput.cs`, stable-diffusion.cpp
`examples/common`, Easy Diffusion `ui/easydiffusion/utils/save_utils.py`, and the files themselves
of NovelAI and Draw Things.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from molnar.base.embedded import PARAMETERS_KEY, XMP_KEY, in_xmp
from molnar.base.foreign import Foreign, gathered, json_object, loras_of, name_of, real, text_of
from molnar.base.graph import comfyui
from molnar.base.parameters import Parameters, read_parameters, sampler_and_schedule

Texts = Mapping[str, str]

_LORA_TAG = re.compile(r"<lora:([^:<>\n]{1,200})(?::([^<>\n]{1,40}))?>")
_SIZE = re.compile(r"\D{0,2}(\d{1,6})\s?[x,\u00d7]\s?(\d{1,6})\D?$")
_HASH = re.compile(r"\s+[0-9A-F]{8}$")


def recognised(text: Texts) -> Foreign | None:
    """Return what a file of another tool says, None if no tool is recognised.

    Args:
        text: All text in the file, under the names it has in a PNG.

    Example:
        >>> found = recognised({"parameters": "a fox" + chr(10) + "Steps: 4, Seed: 7, Size: 64x96"})
        >>> found.tool, found.seed, found.height
        ('a1111', 7, 96)
    """
    answers = (reader(text) for reader in _READERS)
    return next((found for found in answers if found is not None), None)


def a1111(text: Texts) -> Foreign | None:
    """Read the `parameters` text: A1111, Forge, and what writes as they do."""
    written = text.get(PARAMETERS_KEY, "") or in_xmp(text.get(XMP_KEY, ""), "sdcpp:parameters")
    if not written or not written.strip() or json_object(written):
        return None
    return of_parameters(read_parameters(written), text)


def of_parameters(found: Parameters, text: Texts = MappingProxyType({})) -> Foreign:
    """Return what the A1111 text says, in our words.

    Args:
        found: The text, taken apart.
        text: All text in the file: which of A1111's kin wrote it.
    """
    said: dict[str, Any] = dict(found.fields)
    sampler, schedule = sampler_and_schedule(said.pop("Sampler", ""))
    # stable-diffusion.cpp repeats all of it as JSON, where line breaks and signs are safe.
    again = json_object(said.pop("SDCPP", None))
    prompts = again.get("prompt")
    prompts = prompts if isinstance(prompts, dict) else {}
    tags = [[name, weight] for name, weight in _LORA_TAG.findall(found.prompt[:100_000])]
    return gathered(
        _kin(said.get("Version", ""), text),
        said,
        {
            "steps": ("Steps",),
            "schedule": ("Schedule type", "Scheduler"),
            "guidance": ("CFG scale",),
            "seed": ("Seed",),
            "width": ("Size-1",),
            "height": ("Size-2",),
            "model": ("Model",),
            "denoise": ("Denoising strength",),
        },
        prompt=text_of(prompts.get("positive")) or text_of(said.pop("Raw prompt", None))
        or text_of(found.prompt),
        negative_prompt=text_of(prompts.get("negative"))
        or text_of(said.pop("Raw negative prompt", None))
        or text_of(found.negative_prompt),
        sampler=name_of(sampler),
        schedule=name_of(schedule),
        loras=loras_of(tags),
    )  # fmt: skip


def _kin(version: str, text: Texts) -> str:
    low = version.lower()
    if low.startswith("stable-diffusion.cpp") or "sdcpp:" in text.get(XMP_KEY, ""):
        return "sdcpp"
    if low.startswith("fooocus") or _scheme(text):
        return "fooocus"
    if low.startswith("comfyui") or comfyui(text) is not None:
        return "comfyui"
    return "forge" if re.match(r"f\d|neo|forge|reforge", low) else "a1111"


def _scheme(text: Texts) -> bool:
    scheme = text.get("fooocus_scheme") or text.get("MakerNote", "")
    return scheme.lower() in ("fooocus", "a1111")


def swarmui(text: Texts) -> Foreign | None:
    """Read SwarmUI's JSON, which stands where A1111 has its text."""
    said = json_object(text.get(PARAMETERS_KEY)).get("sui_image_params")
    if not isinstance(said, dict):
        return None
    said = dict(said)
    names, weights = (_listed(said.pop(key, None)) for key in ("loras", "loraweights"))
    weights += [None] * (len(names) - len(weights))
    return gathered(
        "swarmui",
        said,
        {
            "prompt": ("prompt",),
            "negative_prompt": ("negativeprompt",),
            "seed": ("seed",),
            "steps": ("steps",),
            "sampler": ("sampler", "comfyuisampler", "autowebuisampler"),
            "schedule": ("scheduler", "comfyuischeduler"),
            "guidance": ("cfgscale",),
            "width": ("width",),
            "height": ("height",),
            "model": ("model",),
            "denoise": ("initimagecreativity",),
        },
        loras=loras_of([list(pair) for pair in zip(names, weights, strict=False)]),
    )


def _listed(value: object) -> list[Any]:
    if isinstance(value, str):
        value = value[:10_000].split(",")
    return value if isinstance(value, list) else []


def fooocus(text: Texts) -> Foreign | None:
    """Read Fooocus' JSON: in `parameters`, or in `Comment` by Fooocus-MRE and RuinedFooocus."""
    said = json_object(text.get(PARAMETERS_KEY))
    if not (said and (_scheme(text) or "base_model" in said or "full_prompt" in said)):
        said = json_object(text.get("Comment"))
        if not ("prompt" in said and ("base_model" in said or "cfg" in said)):
            return None
    numbered = [
        (text_of(value) or "").rsplit(" : ", 1)
        for key, value in said.items()
        if key.startswith("lora_combined_")
    ]
    width, height = _sides(said.get("resolution"))
    left = {k: v for k, v in said.items() if not k.startswith(("lora_combined_", "full_"))}
    return gathered(
        "fooocus",
        left,
        {
            "prompt": ("prompt", "Prompt"),
            "negative_prompt": ("negative_prompt", "Negative Prompt"),
            "seed": ("seed",),
            "steps": ("steps",),
            "sampler": ("sampler", "sampler_name"),
            "schedule": ("scheduler",),
            "guidance": ("guidance_scale", "cfg"),
            "width": ("width",),
            "height": ("height",),
            "model": ("base_model", "base_model_name"),
            "denoise": ("denoise", "img2img_denoise"),
            "loras": ("loras",),
        },
        loras=loras_of(numbered),
        width=width,
        height=height,
    )


def _sides(size: object) -> tuple[int | None, int | None]:
    found = _SIZE.match((text_of(size) or "")[:40])
    return (int(found[1]), int(found[2])) if found else (None, None)


def invokeai(text: Texts) -> Foreign | None:
    """Read InvokeAI: `invokeai_metadata` from 3.0 on, `sd-metadata` before, `Dream` at first."""
    said = json_object(text.get("invokeai_metadata"))
    if not said:
        return _invokeai_before_3(text)
    return gathered(
        "invokeai",
        {k: v for k, v in said.items() if not k.startswith("canvas_v2")},
        {
            "prompt": ("positive_prompt",),
            "negative_prompt": ("negative_prompt",),
            "seed": ("seed",),
            "steps": ("steps",),
            "sampler": ("scheduler",),
            "guidance": ("cfg_scale",),
            "width": ("width",),
            "height": ("height",),
            "model": ("model",),
            "denoise": ("strength",),
            "loras": ("loras",),
        },
    )


_DREAM = {"s": "steps", "S": "seed", "W": "width", "H": "height", "C": "cfg_scale", "A": "sampler"}


def _invokeai_before_3(text: Texts) -> Foreign | None:
    outer = json_object(text.get("sd-metadata"))
    said = outer.get("image")
    if isinstance(said, dict):
        said = {**said, "model": outer.get("model_weights")}
        written = said.pop("prompt", "")
        if isinstance(written, list):  # parts, each with a weight
            parts = [part.get("prompt") for part in written if isinstance(part, dict)]
            written = " ".join(part for part in parts if isinstance(part, str))
    else:
        quoted, mark, switches = text.get("Dream", "").rpartition('"')
        if not mark or not quoted.startswith('"'):
            return None
        written = quoted[1:]
        pairs = re.findall(r"\s-(\w{1,20})\s+([^\s-]\S{0,99})", switches[:10_000])
        said = {_DREAM.get(key, key): value for key, value in pairs}
    prompt = (text_of(written) or "")[:100_000]
    negative = re.findall(r"\[([^\[\]]*)\]", prompt)  # the negative prompt stood in brackets
    return gathered(
        "invokeai",
        said,
        {
            "seed": ("seed",), "steps": ("steps",), "sampler": ("sampler",),
            "guidance": ("cfg_scale",), "width": ("width",), "height": ("height",),
            "model": ("model",), "denoise": ("strength",),
        },
        prompt=re.sub(r"\s{0,9}\[[^\[\]]*\]", "", prompt).strip(),
        negative_prompt=", ".join(part.strip() for part in negative),
    )  # fmt: skip


def novelai(text: Texts) -> Foreign | None:
    """Read NovelAI: the prompt in `Description`, the rest as JSON in `Comment`."""
    outer = json_object(text.get(PARAMETERS_KEY))  # where its WebP has all chunks as one
    chunks = {**{k: v for k, v in outer.items() if isinstance(v, str)}, **text}
    said = json_object(chunks.get("Comment"))
    if not said or not (chunks.get("Software") == "NovelAI" or "uc" in said):
        return None
    captions = [_captions(said.pop(key, None)) for key in ("v4_prompt", "v4_negative_prompt")]
    source = name_of(chunks.get("Source"))
    return gathered(
        "novelai",
        said,
        {
            "prompt": ("prompt",), "negative_prompt": ("uc",), "seed": ("seed",),
            "steps": ("steps",), "sampler": ("sampler",), "schedule": ("noise_schedule",),
            "guidance": ("scale",), "width": ("width",), "height": ("height",),
            "denoise": ("strength",),
        },
        prompt=captions[0] or text_of(said.get("prompt")) or text_of(chunks.get("Description")),
        negative_prompt=captions[1] or None,
        model=_HASH.sub("", source) if source else None,
    )  # fmt: skip


def _captions(value: object) -> str:
    """Return the caption of the scene, and of each character on a line of its own."""
    caption = value.get("caption") if isinstance(value, dict) else None
    if not isinstance(caption, dict):
        return ""
    people = caption.get("char_captions")
    said = [one.get("char_caption") for one in people[:20] if isinstance(one, dict)] \
        if isinstance(people, list) else []  # fmt: skip
    return "\n".join(t for t in map(text_of, [caption.get("base_caption"), *said]) if t)


def drawthings(text: Texts) -> Foreign | None:
    """Read Draw Things: JSON as `exif:UserComment` in XMP."""
    said = json_object(in_xmp(text.get(XMP_KEY, ""), "exif:UserComment"))
    if not ("c" in said or "uc" in said):
        return None
    more = said.pop("v2", None)
    width, height = _sides(said.pop("size", None))
    return gathered(
        "drawthings",
        said,
        {
            "prompt": ("c",), "negative_prompt": ("uc",), "seed": ("seed",), "steps": ("steps",),
            "sampler": ("sampler",), "guidance": ("scale",), "model": ("model",),
            "denoise": ("strength",),
        },
        width=width,
        height=height,
        loras=loras_of(more.get("loras")) if isinstance(more, dict) else (),
    )  # fmt: skip


def easydiffusion(text: Texts) -> Foreign | None:
    """Read Easy Diffusion: one chunk a setting in PNG, one JSON in JPEG and WebP."""
    said: dict[str, Any] = json_object(text.get(PARAMETERS_KEY)) or {
        key: value for key, value in text.items() if key != XMP_KEY
    }
    if not any(k in said for k in ("negative_prompt", "Negative Prompt", "num_inference_steps")):
        return None
    lora = name_of(said.get("use_lora_model") or said.get("LoRA model"))
    weight = real(said.get("lora_alpha") or said.get("LoRA Strength"))
    model = name_of(said.get("use_stable_diffusion_model") or said.get("Stable Diffusion model"))
    return gathered(
        "easydiffusion",
        said,
        {
            "prompt": ("prompt", "Prompt"),
            "negative_prompt": ("negative_prompt", "Negative Prompt"),
            "seed": ("seed", "Seed"),
            "steps": ("num_inference_steps", "Steps"),
            "sampler": ("sampler_name", "Sampler"),
            "schedule": ("scheduler_name", "Scheduler"),
            "guidance": ("guidance_scale", "Guidance Scale"),
            "width": ("width", "Width"),
            "height": ("height", "Height"),
            "model": ("use_stable_diffusion_model", "Stable Diffusion model"),
            "denoise": ("prompt_strength", "Prompt Strength"),
        },
        model=re.split(r"[/\\]", model)[-1] if model else None,
        loras=((lora, weight),) if lora else (),
    )


_READERS: tuple[Callable[[Texts], Foreign | None], ...] = (
    swarmui, fooocus, novelai, a1111, easydiffusion, invokeai, comfyui, drawthings,
)  # fmt: skip
