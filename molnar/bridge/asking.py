"""A pipeline of diffusers in, what it can be asked for out: read from the signature of its call.

No family is named here; so any pipeline that diffusers brings, or will bring, can be asked.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

Parameters = Mapping[str, inspect.Parameter]

# The first of these that a call takes is the guidance; the others keep their defaults.
GUIDANCE = ("true_cfg_scale", "guidance_scale", "prior_guidance_scale", "decoder_guidance_scale")
STEPS = ("num_inference_steps", "decoder_num_inference_steps")
FIXED = {"clean_caption": False}  # or what is installed beside would decide what is read


@lru_cache(maxsize=64)
def parameters(kind: type) -> Parameters:
    """Give the parameters of a pipeline's call, in order."""
    return inspect.signature(kind.__call__).parameters


def takes(kind: type, name: str) -> bool:
    """Tell whether a pipeline's call takes an argument.

    Example:
        >>> class Draws:
        ...     def __call__(self, prompt, strength=0.5):
        ...         pass
        >>> takes(Draws, "strength"), takes(Draws, "mask_image")
        (True, False)
    """
    return name in parameters(kind)


def default(kind: type, *names: str) -> Any:
    """Give the default of the first of some arguments that a call takes; None if it takes none."""
    for name in names:
        if name in parameters(kind):
            value = parameters(kind)[name].default
            return None if value is inspect.Parameter.empty else value
    return None


def guidance_name(kind: type, distilled: bool = False) -> str | None:
    """Give the argument that guidance goes by.

    Args:
        kind: Of the pipeline.
        distilled: Guidance was learned into the model: a number it is told, and no second pass.
    """
    names: tuple[str, ...] = ("guidance_scale", *GUIDANCE) if distilled else GUIDANCE
    if takes(kind, "prior_num_inference_steps") and takes(kind, "prior_guidance_scale"):
        # A cascade is guided where the sentence is read, unless both stages are alike.
        first = "prior_guidance_scale"
        names = ("guidance_scale", "decoder_guidance_scale", first)
        if default(kind, "decoder_guidance_scale") == 0:
            names = (first,)
    return next((name for name in names if takes(kind, name)), None)


def arguments(kind: type, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of what is wanted what a call takes, and add what is always said."""
    asked = {k: v for k, v in {**FIXED, **wanted}.items() if k in parameters(kind)}
    said = {k: v for k, v in asked.items() if v is not None}
    return said | dict.fromkeys(_unsaid(kind, said))


def _unsaid(kind: type, said: Mapping[str, Any]) -> list[str]:
    """Name the defaults of a call that stand against what it is told: they must be None."""
    against = {
        # Ideogram's guidance of each of 48 steps, beside one for all of them.
        "guidance_schedule": "guidance_scale" in said,
        # Where SANA Sprint stands between two steps, when there are not two.
        "intermediate_timesteps": said.get("num_inference_steps") != 2,
    }
    return [name for name, wrong in against.items() if wrong and takes(kind, name)]


def expected_steps(kind: type, asked: Mapping[str, Any]) -> list[int]:
    """Give the steps of each stage of a call, in the order in which stages are drawn."""
    counts = {
        name: asked.get(name, parameters(kind)[name].default)
        for name in parameters(kind)
        if name.endswith("num_inference_steps")
    }
    first = [name for name in counts if name.startswith("prior_")]
    return [int(counts[name] or 0) for name in (*first, *(n for n in counts if n not in first))]
