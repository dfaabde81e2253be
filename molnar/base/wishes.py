"""What a picture of any tool says -> what to ask of molnar, under our names (`wishes`).

Samplers and schedules have a name in each tool: "DPM++ 2M Karras", "dpmpp_2m" with "karras",
"k_dpmpp_2m", "dpmpp_2m_k". Those that we have get our name; the others are left to the model.
"""

from __future__ import annotations

import re
from typing import Any

from molnar.base.dialects import of_parameters
from molnar.base.metadata import Metadata
from molnar.base.parameters import sampler_and_schedule

_SAMPLERS = {
    "euler": "euler",
    "eulera": "euler_ancestral",
    "eulerancestral": "euler_ancestral",
    "heun": "heun",
    "ddim": "ddim",
    "dpmpp2m": "dpmpp_2m",
    "dpmpp2msde": "dpmpp_2m_sde",
    "dpmpp2msdegpu": "dpmpp_2m_sde",
    "unipc": "unipc",
    "unipcbh2": "unipc",
    "lcm": "lcm",
}
_SCHEDULES = {
    "simple": "simple",
    "karras": "karras",
    "k": "karras",
    "exponential": "exponential",
    "beta": "beta",
    "sgmuniform": "sgm_uniform",
    "trailing": "sgm_uniform",
}
_FIELDS = ("prompt", "negative_prompt", "steps", "guidance", "seed", "width", "height")


def wishes(found: Metadata) -> dict[str, Any]:
    """Return what a file asks to repeat: the fields of a `Request` that it names.

    Values have the right type, but are as the other tool had them: whether they are within our
    limits is for the caller to see.

    Args:
        found: What `metadata.read` returned, of any tool but ours (our record says it all).

    Returns:
        Some of prompt, negative_prompt, steps, guidance, seed, width, height, sampler, schedule;
        empty if the file says nothing.

    Example:
        >>> from molnar.base.foreign import Foreign
        >>> said = Foreign(tool="invokeai", prompt="a fox", seed=7, sampler="dpmpp_2m_k")
        >>> wishes(Metadata("invokeai", foreign=said))
        {'prompt': 'a fox', 'seed': 7, 'sampler': 'dpmpp_2m', 'schedule': 'karras'}
    """
    said = found.foreign
    if said is None and found.parameters is not None:
        said = of_parameters(found.parameters)
    if said is None:
        return {}
    wanted = {name: getattr(said, name) for name in _FIELDS}
    wanted["sampler"], wanted["schedule"] = our_names(said.sampler, said.schedule)
    return {name: value for name, value in wanted.items() if value is not None}


def our_names(sampler: str | None, schedule: str | None) -> tuple[str | None, str | None]:
    """Return our names of another tool's sampler and schedule, None for what we do not have.

    Example:
        >>> our_names("DPM++ 2M SDE Karras", None), our_names("k_euler_ancestral", "native")
        (('dpmpp_2m_sde', 'karras'), ('euler_ancestral', None))
    """
    name, last = sampler_and_schedule(sampler or "")
    if name.endswith("_k"):  # InvokeAI's Karras
        name, last = name[:-2], "k"
    ours = _SAMPLERS.get(_plain(name.removeprefix("k_")))
    times = _SCHEDULES.get(_plain(schedule or ""))
    return ours, times or _SCHEDULES.get(_plain(last or ""))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("+", "p"))
