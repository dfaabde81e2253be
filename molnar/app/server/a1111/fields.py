"""The JSON of a txt2img or img2img call in, typed values out, as A1111 reads them.

Every field may be absent or null; numbers may be texts of numbers; what A1111 does not know is
ignored. `infotext`, a `parameters` text, fills what is not given.

Source: A1111 `modules/processing.py` and `modules/api/models.py` (names and defaults only).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from molnar.base.errors import RequestError, one_line
from molnar.base.parameters import read_parameters

Kind = Literal["txt2img", "img2img"]

#: A1111's defaults. Where the value is None, the type is in `_TYPES`.
COMMON: dict[str, Any] = {
    "prompt": "", "negative_prompt": "", "styles": None, "seed": -1, "subseed": -1,
    "subseed_strength": 0.0, "seed_resize_from_h": -1, "seed_resize_from_w": -1,
    "sampler_name": None, "scheduler": None, "batch_size": 1, "n_iter": 1, "steps": None,
    "cfg_scale": None, "distilled_cfg_scale": None, "width": 512, "height": 512,
    "restore_faces": None, "tiling": None, "do_not_save_samples": False,
    "do_not_save_grid": False, "eta": None, "denoising_strength": None, "s_min_uncond": None,
    "s_churn": None, "s_tmax": None, "s_tmin": None, "s_noise": None, "override_settings": None,
    "override_settings_restore_afterwards": True, "refiner_checkpoint": None,
    "refiner_switch_at": None, "disable_extra_networks": False, "comments": None,
    "sampler_index": None, "script_name": None, "script_args": [], "send_images": True,
    "save_images": False, "alwayson_scripts": {}, "force_task_id": None, "infotext": None,
}  # fmt: skip
OF_KIND: dict[Kind, dict[str, Any]] = {
    "txt2img": {
        "enable_hr": False, "firstphase_width": 0, "firstphase_height": 0, "hr_scale": 2.0,
        "hr_upscaler": None, "hr_second_pass_steps": 0, "hr_resize_x": 0, "hr_resize_y": 0,
        "hr_checkpoint_name": None, "hr_sampler_name": None, "hr_scheduler": None,
        "hr_prompt": "", "hr_negative_prompt": "", "firstpass_image": None,
    },
    "img2img": {
        "init_images": None, "resize_mode": 0, "image_cfg_scale": None, "mask": None,
        "mask_blur_x": 4, "mask_blur_y": 4, "mask_blur": None, "mask_round": True,
        "inpainting_fill": 0, "inpaint_full_res": True, "inpaint_full_res_padding": 0,
        "inpainting_mask_invert": 0, "initial_noise_multiplier": None, "latent_mask": None,
        "include_init_images": False,
    },
}  # fmt: skip

_TYPES: dict[str, type] = {
    **dict.fromkeys(("steps", "mask_blur"), int),
    **dict.fromkeys(
        ("cfg_scale", "denoising_strength", "refiner_switch_at", "distilled_cfg_scale"), float
    ),
    **dict.fromkeys(("restore_faces", "tiling"), bool),
    **dict.fromkeys(
        (
            "sampler_name", "scheduler", "sampler_index", "script_name", "force_task_id",
            "infotext", "hr_upscaler", "hr_checkpoint_name", "hr_sampler_name", "hr_scheduler",
            "refiner_checkpoint", "mask",
        ),
        str,
    ),
    "styles": list, "init_images": list, "override_settings": dict,
}  # fmt: skip
_IGNORED = (
    "eta", "s_min_uncond", "s_churn", "s_tmax", "s_tmin", "s_noise", "comments", "image_cfg_scale",
    "initial_noise_multiplier", "latent_mask", "firstpass_image", "script_args",
)  # fmt: skip
_WANTED = {
    int: "a whole number", float: "a number", bool: "true or false", str: "text",
    list: "a list", dict: "an object",
}  # fmt: skip
#: Fields of a `parameters` text -> fields of a call.
_INFOTEXT = {
    "Steps": "steps", "Sampler": "sampler_name", "Schedule type": "scheduler",
    "CFG scale": "cfg_scale", "Seed": "seed", "Size-1": "width", "Size-2": "height",
    "Variation seed": "subseed", "Variation seed strength": "subseed_strength",
    "Denoising strength": "denoising_strength", "Tiling": "tiling", "Mask blur": "mask_blur",
    "Hires upscale": "hr_scale", "Hires upscaler": "hr_upscaler",
    "Hires steps": "hr_second_pass_steps", "Hires resize-1": "hr_resize_x",
    "Hires resize-2": "hr_resize_y", "Hires prompt": "hr_prompt",
    "Hires negative prompt": "hr_negative_prompt", "Hires sampler": "hr_sampler_name",
    "Hires schedule type": "hr_scheduler",
}  # fmt: skip
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)
_LARGEST = 2**64  # of a seed, which is the largest number there is
_TRUE, _FALSE = ("true", "1", "yes", "on", "t", "y"), ("false", "0", "no", "off", "f", "n", "")


@dataclass(frozen=True)
class Asked:
    """A call, every field of its type; `given` says which were not left to their defaults.

    Example:
        >>> call = asked({"prompt": "a fox", "steps": "9", "width": None}, "txt2img")
        >>> call["steps"], call["width"], "width" in call.given
        (9, 512, False)
    """

    kind: Kind
    values: Mapping[str, Any]
    given: frozenset[str] = field(default_factory=frozenset)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field's value; the default where it is None, or not of this kind of call."""
        found = self.values.get(name)
        return default if found is None else found

    def echo(self) -> dict[str, Any]:
        """Return the call as the answer repeats it: all fields, no pictures unless asked for."""
        said = dict(self.values)
        if self.kind == "img2img" and not said["include_init_images"]:
            said["init_images"] = said["mask"] = None
        return said


def asked(body: object, kind: Kind, frame: Mapping[str, int] | None = None) -> Asked:
    """Read a call.

    Args:
        body: Its JSON.
        kind: Which call it is.
        frame: `height` and `width` in place of A1111's, where the call says none: those that the
            model draws best.

    Raises:
        RequestError: It is no object, or a field has another type than A1111 expects.
    """
    if not isinstance(body, Mapping):
        raise RequestError(f"the body is {one_line(repr(body), 40)}; expected a JSON object")
    defaults = COMMON | OF_KIND[kind] | dict(frame or {})
    said = {name: body[name] for name in defaults if body.get(name) is not None}
    if isinstance(said.get("infotext"), str):
        said = {**_filled(said["infotext"], defaults), **said}
    values = {
        name: _typed(name, said[name], default) if name in said else default
        for name, default in defaults.items()
    }
    return Asked(kind, values, frozenset(said))


def typed(name: str, value: object, kind: type) -> Any:
    """Give a value of a type as A1111's models take it: texts of numbers, numbers of truth.

    Raises:
        RequestError: It is none.

    Example:
        >>> typed("steps", "20.0", int), typed("tiling", 1, bool), typed("cfg_scale", 7, float)
        (20, True, 7.0)
    """
    readers = {int: _whole, float: _number, bool: _truth}
    read = readers.get(kind, lambda same: same if isinstance(same, kind) else None)
    found = read(value)
    if found is None:
        raise RequestError(f"{name} is {one_line(repr(value), 60)}; expected {_WANTED[kind]}")
    return found


def _typed(name: str, value: object, default: object) -> Any:
    if name in _IGNORED:
        return value
    if name == "seed" or name == "subseed":
        return -1 if value == "" else typed(name, value, int)
    return typed(name, value, _TYPES.get(name) or type(default))


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, (int, float, str)):
        try:
            found = float(value)
        except (ValueError, OverflowError):
            return None
        return found if math.isfinite(found) else None
    return None


def _whole(value: object) -> int | None:
    written = isinstance(value, str) and len(value) <= 40 and _WHOLE.fullmatch(value.strip())
    # A large one has no equal float.
    exact = isinstance(value, int) or written
    number = int(value) if exact else _number(value)  # type: ignore[call-overload]
    fits = number is not None and abs(number) <= _LARGEST and number == int(number)
    return int(number) if number is not None and fits else None


def _truth(value: object) -> bool | None:
    if isinstance(value, (bool, int, float)):
        return bool(value)
    plain = str(value).strip().lower()
    return True if plain in _TRUE else False if plain in _FALSE else None


def _filled(infotext: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a `parameters` text gives; what cannot be read there is left out."""
    found = read_parameters(infotext)
    said: dict[str, Any] = {"prompt": found.prompt, "negative_prompt": found.negative_prompt}
    said |= {_INFOTEXT[key]: value for key, value in found.fields.items() if key in _INFOTEXT}
    if "hr_scale" in said or "hr_resize_x" in said:
        said["enable_hr"] = True
    fitting = {}
    for name, value in said.items():
        if name not in defaults:
            continue
        try:
            fitting[name] = _typed(name, value, defaults[name])
        except RequestError:
            continue
    return fitting
