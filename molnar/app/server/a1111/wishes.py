"""A call as A1111 has it -> the request that draws it here, and what had to be said about it.

Nothing that a client asks for is dropped in silence: what was replaced, rounded or left out is in
`notes`, which end up in the answer's `extra_generation_params`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import HTTPException

from molnar.app.server.a1111 import names
from molnar.app.server.a1111.fields import Asked
from molnar.base.errors import RequestError, one_line
from molnar.base.request import Request, Variation
from molnar.base.rng import NUM_SEEDS, draw_seed
from molnar.text.comments import uncommented
from molnar.text.styles import apply_style, built_in

STEP, LEAST, MOST = 8, 64, 2048  # pixels of a side
COUNT = 64  # pictures of a call
WORDLESS = "picture"  # what is drawn for an empty prompt, which A1111 takes
SUFFIXES = {"png": ".png", "jpg": ".jpg", "jpeg": ".jpg", "webp": ".webp"}
CONTROLNET = "controlnet"  # the script that is read, by `guides.py`
DENOISING = 0.75  # A1111's
_NETWORK = re.compile(r"<(?:lora|lyco|hypernet):([^<>:]{0,200})[^<>]{0,200}>", re.IGNORECASE)
_HYPERNET = re.compile(r"<hypernet:([^<>:]{0,200})[^<>]{0,200}>", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Second:
    """The second pass of a picture: drawn on, larger.

    Example:
        >>> Second(width=1024, height=1024, strength=0.0).anew
        False
    """

    width: int
    height: int
    strength: float  # 0: the upscaler alone
    changes: Mapping[str, Any] = field(default_factory=dict)  # of the request

    @property
    def anew(self) -> bool:
        """Whether anything is drawn a second time."""
        return self.strength > 0

    def of(self, request: Request, image: str, index: int) -> Request:
        """Give the request that draws picture `index` of another one on."""
        alone = request.single(index)
        return alone.replaced(
            width=self.width, height=self.height, image=image, strength=self.strength,
            variations=(), **self.changes,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a call asks to draw."""

    request: Request  # of all pictures, without what they start from
    subseed: int
    second: Second | None = None
    suffix: str = ".png"  # of the answer's pictures
    styles: tuple[str, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


def wanted(
    call: Asked, models: Sequence[str], suffix: str = ".png", networks: bool = False
) -> Wanted:
    """Translate a call.

    Args:
        call: What was asked.
        models: Names of the model that draws here.
        suffix: Of the pictures, where the call does not say.
        networks: Whether that model takes LoRAs.

    Raises:
        HTTPException: 404 for another model, 422 for a script; A1111 has none of ours.
        RequestError: Something in it cannot be done.
    """
    _runnable(call, models)
    notes = _left_out(call)
    left_out = _HYPERNET if networks and not call["disable_extra_networks"] else _NETWORK
    prompt, negative, styles = _texts(call, notes, left_out)
    seed, subseed = (_seed(call[name]) for name in ("seed", "subseed"))
    strength = min(max(call["subseed_strength"], 0.0), 1.0)
    width, height = _size(call["width"], call["height"], notes)
    request = Request(
        prompt=prompt,
        negative_prompt=negative,
        width=width,
        height=height,
        steps=call["steps"],
        guidance=_guidance(call["cfg_scale"], notes),
        seed=seed,
        count=_count(call["batch_size"], call["n_iter"]),
        variations=(Variation(seed=subseed, strength=strength),) if strength else (),
        tile=bool(call["tiling"]) and call.kind == "txt2img",
        **_walk(call.get("sampler_name") or call["sampler_index"], call["scheduler"], notes),
    )
    second = _second(call, request, notes, left_out) if call.get("enable_hr") else None
    if second is not None and not second.anew:
        request = request.replaced(width=second.width, height=second.height)
    return Wanted(
        request=request.validated(),
        subseed=subseed,
        second=second if second is not None and second.anew else None,
        suffix=_suffix(call, notes) or suffix,
        styles=styles,
        notes=notes,
    )


def named(name: str, models: Sequence[str]) -> bool:
    """Say whether a name is one of the model that draws here, as clients write them.

    Example:
        >>> named("Sticker.safetensors [0123456789]", ["sticker", "0123456789"])
        True
    """
    plain = re.sub(r"\s*\[[0-9a-f]{4,64}\]\s*$", "", name.strip().casefold())
    plain = re.sub(r"\.(safetensors|ckpt)$", "", plain.replace("\\", "/").strip("/"))
    return plain in ("", "none", "automatic", *(model.casefold() for model in models))


def refuse_other(name: str, models: Sequence[str]) -> None:
    """Refuse a model that is not the one that draws here.

    Raises:
        HTTPException: 404, with the name of the one there is.
    """
    if not named(name, models):
        line = f"model {one_line(name, 60)!r} is not here; expected {models[0]!r}: see /sd-models"
        raise HTTPException(404, line)


def _runnable(call: Asked, models: Sequence[str]) -> None:
    override = call.get("override_settings", {})
    refuse_other(str(override.get("sd_model_checkpoint") or ""), models)
    script = call.get("script_name", "")
    if script and script.casefold() != "none":
        line = (
            f"Script {one_line(script, 40)!r} not found; expected none: this server has no scripts"
        )
        raise HTTPException(422, line)


def _left_out(call: Asked) -> dict[str, Any]:
    """Name what a call asks for and this server has nothing for."""
    said: dict[str, Any] = {}
    override = call.get("override_settings", {})
    known = call["alwayson_scripts"]
    scripts = [one_line(name, 40) for name in known if str(name).casefold() != CONTROLNET]
    clip = override.get("CLIP_stop_at_last_layers")
    asked = {
        "Scripts ignored": ", ".join(scripts[:20]),
        "Face restoration ignored": "True" if call["restore_faces"] else "",
        "Refiner ignored": _some(call["refiner_checkpoint"]),
        "Hires checkpoint ignored": _some(call.get("hr_checkpoint_name")),
        "VAE ignored": _some(override.get("sd_vae")),
        "Clip skip ignored": str(clip) if isinstance(clip, int) and clip > 1 else "",
        "Tiling ignored": "True" if call["tiling"] and call.kind == "img2img" else "",
    }
    said |= {key: value for key, value in asked.items() if value}
    return said


def _some(value: object) -> str:
    plain = one_line(value or "", 60)
    return "" if plain.casefold() in ("none", "automatic", "use same checkpoint") else plain


def _texts(
    call: Asked, notes: dict[str, Any], left_out: re.Pattern[str]
) -> tuple[str, str, tuple[str, ...]]:
    """Give prompt and negative prompt, with styles and without networks, and the styles' names.

    Networks have no place in a negative prompt; of the other, `left_out` says which.
    """
    known = {name.casefold(): style for name, style in built_in().items()}
    asked = [str(name) for name in call.get("styles", []) if _some(name)]
    missing = [one_line(name, 40) for name in asked if name.strip().casefold() not in known]
    if missing:
        notes["Styles ignored"] = ", ".join(missing[:20])
    found = [known[name.strip().casefold()] for name in asked if name.strip().casefold() in known]
    both = []
    for text, pattern in ((call["prompt"], left_out), (call["negative_prompt"], _NETWORK)):
        ignored = [name.strip() for name in pattern.findall(text)]
        if ignored:
            notes["Networks ignored"] = ", ".join(one_line(name, 40) for name in ignored[:20])
            text = pattern.sub("", text).strip(" ,")
        both.append(uncommented(text).strip())
    prompt, negative = both
    for style in found:
        prompt, negative = apply_style(style, prompt, negative)
    if not prompt:
        notes["Prompt"] = f"empty, drawn as {WORDLESS!r}"
        prompt = WORDLESS
    return prompt, negative, tuple(style.name for style in found)


def _seed(asked: int) -> int:
    """Fix a seed: a random one for -1; A1111 takes larger ones than there are here."""
    return draw_seed() if asked < 0 else asked % NUM_SEEDS


def _size(width: int, height: int, notes: dict[str, Any]) -> tuple[int, int]:
    """Give the nearest size that can be drawn."""
    if min(width, height) < 1:
        raise RequestError(f"the size is {width}x{height}; expected {LEAST} to {MOST} a side")
    near = tuple(min(max(round(side / STEP) * STEP, LEAST), MOST) for side in (width, height))
    if near != (width, height):
        notes["Size asked"] = f"{width}x{height}"
    return near[0], near[1]


def _guidance(scale: float | None, notes: dict[str, Any]) -> float | None:
    if scale is not None and scale < 1:  # 0 to 1 is for A1111 to follow the prompt even less
        notes["CFG scale asked"] = scale
        return 1.0
    return scale


def _count(batch: int, times: int) -> int:
    if batch < 1 or times < 1 or batch * times > COUNT:
        raise RequestError(
            f"batch_size {batch} x n_iter {times} is {batch * times} pictures; "
            f"expected 1 to {COUNT}"
        )
    return batch * times


def _walk(sampler: str | None, schedule: str | None, notes: dict[str, Any]) -> dict[str, Any]:
    """Give the sampler and the schedule, and say what they are instead of."""
    first, second = names.sampler(sampler), names.schedule(schedule)
    if first.asked:
        notes["Sampler asked"] = first.asked
    if second.asked:
        notes["Schedule type asked"] = second.asked
    return {"sampler": first.ours, "schedule": second.ours or first.schedule}


def _second(
    call: Asked, request: Request, notes: dict[str, Any], left_out: re.Pattern[str]
) -> Second:
    """Work out the second pass: its size, and how much of it is drawn anew."""
    width, height = _larger(call, request)
    over = max(width, height) / MOST
    if over > 1:
        notes["Hires size asked"] = f"{round(width)}x{round(height)}"
        width, height = width / over, height / over
    width, height = _size(max(round(width), 1), max(round(height), 1), {})
    asked = call.get("hr_upscaler", "")
    upscaler = names.upscaler(asked) if asked not in names.LATENT else names.Named(names.UPSCALER)
    strength = min(max(call.get("denoising_strength", DENOISING), 0.0), 1.0)
    changes: dict[str, Any] = {}
    if call["hr_second_pass_steps"]:
        changes["steps"] = call["hr_second_pass_steps"]
    if call["hr_prompt"].strip():
        changes["prompt"] = left_out.sub("", call["hr_prompt"]).strip(" ,") or request.prompt
    if call["hr_negative_prompt"].strip():
        changes["negative_prompt"] = call["hr_negative_prompt"].strip()
    walk = _walk(call["hr_sampler_name"], call["hr_scheduler"], {})
    changes |= {key: value for key, value in walk.items() if value is not None}
    if call["hr_resize_x"] or call["hr_resize_y"]:
        notes["Hires resize"] = f"{call['hr_resize_x']}x{call['hr_resize_y']}"
    else:
        notes["Hires upscale"] = call["hr_scale"]
    if call["hr_second_pass_steps"]:
        notes["Hires steps"] = call["hr_second_pass_steps"]
    notes["Hires upscaler"] = names.UPSCALER
    if asked and (asked in names.LATENT or upscaler.asked or upscaler.ours != names.UPSCALER):
        notes["Hires upscaler asked"] = one_line(asked, 40)
    return Second(width=width, height=height, strength=strength, changes=changes)


def _larger(call: Asked, request: Request) -> tuple[float, float]:
    """Give width and height of the second pass, as they are asked for."""
    width, height = call["hr_resize_x"], call["hr_resize_y"]
    if width > 0 and height > 0:
        return width, height
    if width > 0:
        return width, width * request.height / request.width
    if height > 0:
        return height * request.width / request.height, height
    scale = call["hr_scale"]
    if not 0 < scale <= MOST:
        raise RequestError(f"hr_scale is {scale}; expected 1 to 4")
    return request.width * scale, request.height * scale


def _suffix(call: Asked, notes: dict[str, Any]) -> str | None:
    asked = call.get("override_settings", {}).get("samples_format")
    if not asked:
        return None
    suffix = SUFFIXES.get(str(asked).casefold())
    if suffix is None:
        notes["Format asked"] = one_line(asked, 20)
    return suffix or ".png"
