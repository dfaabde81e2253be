"""A sampler and a schedule by molnar's names in, the scheduler of diffusers that does the same out.

A checkpoint's own scheduler says how it was trained; another one is made from its settings. Models
of flow matching and of cascades keep their own kind: diffusers has no other that fits them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from molnar.base.errors import RequestError
from molnar.base.metadata import SCHEDULE_LABELS
from molnar.base.request import Request

CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_ancestral": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "ddim": ("DDIMScheduler", {}),
    "dpmpp_2m": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver++", "solver_order": 2},
    ),
    "dpmpp_2m_sde": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "sde-dpmsolver++", "solver_order": 2},
    ),
    "unipc": ("UniPCMultistepScheduler", {}),
    "lcm": ("LCMScheduler", {}),
}
FLOW = {"euler": "FlowMatchEulerDiscreteScheduler", "heun": "FlowMatchHeunDiscreteScheduler"}
SPACED = {
    "karras": "use_karras_sigmas",
    "exponential": "use_exponential_sigmas",
    "beta": "use_beta_sigmas",
}
ANCESTRAL = "euler_ancestral"  # which diffusers does not space so, and `ancestral.py` does
TRAILING = "sgm_uniform"  # times that begin at pure noise and stop short of none
# Where a checkpoint's settings do not say it: latents go beyond [-1, 1] and are not to be clipped.
UNCLIPPED = {"clip_sample": False, "set_alpha_to_one": False}


def scheduler_for(own: Any, sampler: str | None, schedule: str | None, model: str = "") -> Any:
    """Make the scheduler of one picture: fresh, for it remembers where it is.

    Args:
        own: The checkpoint's own.
        sampler: One of molnar's samplers; None = the checkpoint's own.
        schedule: One of molnar's schedules; None = the checkpoint's own.
        model: What errors call the checkpoint.

    Raises:
        RequestError: The model cannot be drawn with it; what works is said.
    """
    if sampler is None and schedule is None:
        return type(own).from_config(own.config)
    works = samplers_of(own)
    if sampler is None:
        sampler = named(own)[0]
        if sampler is None:
            raise _refused("schedule", schedule, model, own, ())
    if sampler not in works:
        raise _refused("sampler", sampler, model, own, works)
    if schedule is not None and schedule not in schedules_of(own, sampler):
        what = f"schedule of sampler {sampler!r}"
        raise _refused(what, schedule, model, own, schedules_of(own, sampler))
    return _made(own, sampler, schedule)


def scheduled(request: Request, own: Any, title: str) -> Request:
    """Name a request's sampler and schedule, if they have names; refuse those that do not fit.

    Args:
        request: What is to be drawn.
        own: The checkpoint's own scheduler; None if it has none.
        title: What errors call the checkpoint.

    Raises:
        RequestError: The model cannot be drawn with them.
    """
    if request.sampler is None and request.schedule is None:
        sampler, schedule = (None, None) if own is None else named(own)
        return replace(request, sampler=sampler, schedule=schedule)
    if own is None:
        raise RequestError(f"{title} has one sampler of its own; expected none")
    sampler, schedule = named(scheduler_for(own, request.sampler, request.schedule, title))
    return replace(
        request,
        sampler=request.sampler or sampler,
        schedule=request.schedule or schedule or "simple",
    )


def named(own: Any) -> tuple[str | None, str | None]:
    """Give molnar's names of a scheduler's sampler and schedule; None and None if it has no names.

    What is named is the same: `scheduler_for` makes an equal one of the names. "simple" is spaced
    as the checkpoint says.
    """
    if flag := getattr(own, "flag", None):
        return ANCESTRAL, next(name for name, one in SPACED.items() if one == flag)
    same = (name for name in samplers_of(own) if _class(own, name) is type(own))
    for sampler in same:
        for schedule in schedules_of(own, sampler):
            made = _made(own, sampler, schedule)
            if _said(made) == _said(own):
                return sampler, schedule
    return None, None


def samplers_of(own: Any) -> tuple[str, ...]:
    """Name the samplers that a checkpoint can be drawn with, besides its own."""
    kind = type(own).__name__
    if kind in FLOW.values():
        # Heun's takes neither the times that a pipeline chooses nor a shift by size.
        plain = not own.config.get("use_dynamic_shifting")
        return tuple(FLOW) if plain else ("euler",)
    compatible = {one.__name__ for one in getattr(own, "compatibles", ())}
    if str(own.config.get("prediction_type", "epsilon")).startswith("flow"):
        return ()
    if str(own.config.get("variance_type", "")).startswith("learned"):
        return ("dpmpp_2m",) if "DPMSolverMultistepScheduler" in compatible else ()
    if "EulerDiscreteScheduler" in compatible:
        compatible.add("LCMScheduler")  # not listed, but made of the same settings by its authors
    return tuple(name for name, (one, _) in CLASSES.items() if one in compatible)


def schedules_of(own: Any, sampler: str) -> tuple[str, ...]:
    """Name the schedules that a sampler can follow with a checkpoint."""
    takes = _settings(own, sampler)
    spaced = [name for name, flag in SPACED.items() if flag in takes or sampler == ANCESTRAL]
    trailing = [TRAILING] if "timestep_spacing" in takes else []
    return tuple(name for name in SCHEDULE_LABELS if name in ("simple", *spaced, *trailing))


def _made(own: Any, sampler: str, schedule: str | None) -> Any:
    """Make a scheduler of the checkpoint's settings with others where the names say so."""
    if sampler == ANCESTRAL and schedule in SPACED:
        from molnar.bridge.ancestral import spaced

        # Not as `own` may be spaced, too: only one of the flags can be set.
        plain = {key: value for key, value in own.config.items() if key not in SPACED.values()}
        return spaced(plain, SPACED[schedule])
    made = _class(own, sampler)
    settings: dict[str, Any] = {}
    takes = _settings(own, sampler)
    if type(own).__name__ not in FLOW.values():
        settings |= CLASSES[sampler][1]
        settings |= {k: v for k, v in UNCLIPPED.items() if k in takes and k not in own.config}
    if schedule is not None:
        settings |= {flag: name == schedule for name, flag in SPACED.items() if flag in takes}
    if schedule == TRAILING:
        settings["timestep_spacing"] = "trailing"
    return made.from_config(own.config, **settings)


def _said(scheduler: Any) -> dict[str, Any]:
    return {k: v for k, v in scheduler.config.items() if not k.startswith("_")}


def _class(own: Any, sampler: str) -> Any:
    import diffusers

    flow = type(own).__name__ in FLOW.values()
    return getattr(diffusers, FLOW[sampler] if flow else CLASSES[sampler][0])


def _settings(own: Any, sampler: str) -> Iterable[str]:
    import inspect

    return inspect.signature(_class(own, sampler).__init__).parameters


def _refused(
    what: str, got: str | None, model: str, own: Any, works: Iterable[str]
) -> RequestError:
    expected = ", ".join(works)
    expected = f"one of: {expected}, or none" if expected else f"none, for its own ({_kind(own)})"
    return RequestError(
        f"{what} is {got!r}, and {model or 'this model'} cannot be drawn with it; "
        f"expected {expected}"
    )


def _kind(own: Any) -> str:
    return type(own).__name__.removesuffix("Scheduler")
