"""Names of A1111's samplers, schedules and upscalers <-> what molnar has.

What has another name here is translated. What A1111 has and molnar has not is replaced by the
nearest, and said; a name that is in neither is refused.

Source: A1111 `modules/sd_samplers_kdiffusion.py`, `modules/sd_schedulers.py` (names only).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from molnar.base.errors import RequestError, one_line
from molnar.base.parameters import SAMPLER_LABELS, SCHEDULE_LABELS, sampler_and_schedule
from molnar.base.words import hint

AUTOMATIC = "Automatic"  # what A1111 calls a schedule that the sampler's own choice decides
UPSCALER = "molnar"
PLAIN = ("None", "Lanczos", "Nearest")  # upscalers that need no model
LATENT = (
    "Latent", "Latent (antialiased)", "Latent (bicubic)", "Latent (bicubic antialiased)",
    "Latent (nearest)", "Latent (nearest-exact)",
)  # fmt: skip

_ALIASES = {
    "euler": ("k_euler",),
    "euler_ancestral": ("k_euler_a", "k_euler_ancestral"),
    "heun": ("k_heun",),
    "ddim": (),
    "dpmpp_2m": ("k_dpmpp_2m",),
    "dpmpp_2m_sde": ("k_dpmpp_2m_sde",),
    "unipc": ("uni_pc",),
    "lcm": ("k_lcm",),
}
# A1111's, Forge's and SD.Next's that molnar has not -> the nearest: of the same kind (stochastic
# or not), then of the same order.
_NEAREST = {
    "DPM++ SDE": "dpmpp_2m_sde",
    "DPM++ 2M SDE Heun": "dpmpp_2m_sde",
    "DPM++ 3M SDE": "dpmpp_2m_sde",
    "DPM++ 1S": "euler",
    "DPM++ 2S": "dpmpp_2m",
    "DPM++ 2S a": "euler_ancestral",
    "DPM++ 3M": "dpmpp_2m",
    "DPM2": "heun",
    "DPM2 a": "euler_ancestral",
    "DPM fast": "dpmpp_2m",
    "DPM adaptive": "dpmpp_2m",
    "DPM SDE": "dpmpp_2m_sde",
    "LMS": "dpmpp_2m",
    "PLMS": "dpmpp_2m",
    "PNDM": "dpmpp_2m",
    "IPNDM": "dpmpp_2m",
    "IPNDM_V": "dpmpp_2m",
    "DEIS": "dpmpp_2m",
    "DDPM": "euler_ancestral",
    "DDIM CFG++": "ddim",
    "Euler CFG++": "euler",
    "Euler a CFG++": "euler_ancestral",
    "Euler Max": "euler",
    "Euler Smea": "euler",
    "Euler Smea Dy": "euler",
    "Euler EDM": "euler",
    "Euler FlowMatch": "euler",
    "Heun EDM": "heun",
    "HeunPP2": "heun",
    "Restart": "euler_ancestral",
    "TCD": "lcm",
}
# Other spellings: k-diffusion's, ComfyUI's and SD.Next's.
_SPELLINGS = {
    "eulera": "Euler a",
    "eulerancestral": "Euler a",
    "dpm2a": "DPM2 a",
    "dpm2ka": "DPM2 a",
    "dpm2ancestral": "DPM2 a",
    "dpmpp2sa": "DPM++ 2S a",
    "dpmpp2sancestral": "DPM++ 2S a",
    "dpmppsdegpu": "DPM++ SDE",
    "dpmpp2msdegpu": "DPM++ 2M SDE",
    "dpmpp3msdegpu": "DPM++ 3M SDE",
    "dpmad": "DPM adaptive",
    "unipcbh2": "UniPC",
}
_NEAREST_SCHEDULE = {
    "Uniform": "simple",
    "Normal": "simple",
    "DDIM": "simple",
    "DDIM Uniform": "simple",
    "Linear": "simple",
    "Linear Quadratic": "simple",
    "Turbo": "simple",
    "Polyexponential": "exponential",
    "KL Optimal": "karras",
    "Align Your Steps": "karras",
    "Align Your Steps GITS": "karras",
    "Align Your Steps 11": "karras",
    "Align Your Steps 32": "karras",
    "AYS": "karras",
}
_AUTOMATIC = ("automatic", "auto", "default", "usesamesampler", "usesamescheduler", "none", "")


@dataclass(frozen=True)
class Named:
    """What a name means here; None leaves it to the model.

    Example:
        >>> sampler("LMS Karras")
        Named(ours='dpmpp_2m', asked='LMS', schedule='karras')
    """

    ours: str | None = None
    asked: str | None = None  # A1111's name of what had to be replaced
    schedule: str | None = None  # that stood behind a sampler's name, in our words


def sampler(name: str | None) -> Named:
    """Translate a sampler's name, with or without a schedule behind it.

    Raises:
        RequestError: There is none of this name; it lists those that there are.

    Example:
        >>> sampler("DPM++ 2M Karras"), sampler("k_euler_a").ours
        (Named(ours='dpmpp_2m', asked=None, schedule='karras'), 'euler_ancestral')
    """
    if name is None or _plain(name) in _AUTOMATIC:
        return Named()
    found = _known_sampler(name)
    if found is not None:
        return found
    head, last = sampler_and_schedule(name.strip())
    found = _known_sampler(head) if last else None
    if found is None:
        labels = tuple(SAMPLER_LABELS.values())
        raise RequestError(
            f"sampler {one_line(name, 40)!r} is not known{hint(name, labels)}; "
            f"expected one of: {', '.join(labels)}"
        )
    return Named(found.ours, found.asked, schedule(last).ours)


def schedule(name: str | None) -> Named:
    """Translate a schedule's name or label.

    Raises:
        RequestError: There is none of this name; it lists those that there are.

    Example:
        >>> schedule("SGM Uniform").ours, schedule("automatic").ours, schedule("Polyexponential")
        ('sgm_uniform', None, Named(ours='exponential', asked='Polyexponential', schedule=None))
    """
    plain = _plain(name or "")
    if plain in _AUTOMATIC:
        return Named()
    for ours in SCHEDULE_LABELS:
        if _plain(ours) == plain:
            return Named(ours)
    if plain == "trailing":  # what diffusers calls it
        return Named("sgm_uniform")
    for label, nearest in _NEAREST_SCHEDULE.items():
        if _plain(label) == plain:
            return Named(nearest, label)
    labels = (AUTOMATIC, *SCHEDULE_LABELS.values())
    raise RequestError(
        f"scheduler {one_line(str(name), 40)!r} is not known{hint(str(name), labels)}; "
        f"expected one of: {', '.join(labels)}"
    )


def samplers() -> list[dict[str, Any]]:
    """List what can be asked for, as `/samplers` does."""
    return [
        {"name": label, "aliases": [ours, *_ALIASES[ours]], "options": {}}
        for ours, label in SAMPLER_LABELS.items()
    ]


def schedulers() -> list[dict[str, Any]]:
    """List what can be asked for, as `/schedulers` does."""
    named = {"automatic": AUTOMATIC, **SCHEDULE_LABELS}
    return [
        {
            "name": name,
            "label": label,
            "aliases": None,
            "default_rho": 7.0 if name == "karras" else -1.0,
            "need_inner_model": False,
        }
        for name, label in named.items()
    ]


def upscalers() -> list[dict[str, Any]]:
    """List what makes pictures larger, as `/upscalers` does."""
    return [
        {
            "name": name,
            "model_name": "upscaler of the model" if name == UPSCALER else None,
            "model_path": None,
            "model_url": None,
            "scale": 4,
        }
        for name in (*PLAIN, UPSCALER)
    ]


def upscaler(name: str) -> Named:
    """Translate an upscaler's name; those of other programs are all replaced by ours.

    Example:
        >>> upscaler("lanczos"), upscaler("R-ESRGAN 4x+")
        (Named(ours='Lanczos', asked=None, schedule=None), Named(ours='molnar', asked='R-ESRGAN 4x+', schedule=None))
    """  # noqa: E501
    for known in (*PLAIN, UPSCALER):
        if name.strip().casefold() == known.casefold():
            return Named(known)
    return Named(UPSCALER, one_line(name, 40))


def _known_sampler(name: str) -> Named | None:
    plain = _plain(name).removeprefix("k") if name.lower().startswith("k_") else _plain(name)
    plain = _plain(_SPELLINGS.get(plain, plain))
    for ours, label in SAMPLER_LABELS.items():
        if plain in (_plain(label), _plain(ours)):
            return Named(ours)
    for label, nearest in _NEAREST.items():
        if _plain(label) == plain:
            return Named(nearest, label)
    return None


def _plain(name: str) -> str:
    """Leave out what people write differently: case, spaces, underscores; + is p."""
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("+", "p"))
