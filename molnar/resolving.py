"""A request with open fields in, one that leaves nothing open out: what the model recommends."""

from __future__ import annotations

import re
from dataclasses import replace

from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.base.rng import draw_seed
from molnar.bundle import Defaults, Manifest
from molnar.diffusion.flowmap import LEAST

CLEAR = re.compile(r"\btransparent\b", re.IGNORECASE)
STRENGTH = 0.75  # of a picture that is only started from
HEEDED = 2.0  # least guidance with a negative prompt, where the request leaves it open
STRAIGHT = "euler"  # the sampler that goes as far as a flow map says


def resolved(request: Request, manifest: Manifest) -> Request:
    """Fill in what a request leaves to the model, a random seed included.

    Args:
        request: Of which picture and mask are at hand.
        manifest: Of the model.

    Raises:
        RequestError: A field is out of its range, or the model has no such quality or part.
    """
    request.validated()
    if request.best_of > 1 and "clip" not in manifest.parts:
        raise RequestError(
            f"got best_of {request.best_of}, and model {manifest.name!r} has no "
            "CLIP to choose by; expected 1, or a model with one"
        )
    check_coherent(request)
    if request.image and "encoder" not in manifest.parts:
        raise RequestError(
            f"got a picture, and model {manifest.name!r} has no encoder to see it; "
            "expected a prompt alone, or a model with one"
        )
    if request.guides:
        raise RequestError(
            f"got a guide, and model {manifest.name!r} takes no ControlNet "
            "and no IP-Adapter; expected none, or a checkpoint of Stable Diffusion or Flux"
        )
    open_fields = (request.steps, request.guidance, request.sampler)
    defaults = defaults_of(manifest, request.quality if None in open_fields else "normal")
    guidance = defaults.guidance if request.guidance is None else request.guidance
    if request.negative_prompt and request.guidance is None:
        guidance = max(guidance, HEEDED)  # without guidance nothing is kept away from
    full = replace(
        request,
        steps=defaults.steps if request.steps is None else request.steps,
        guidance=guidance,
        sampler=STRAIGHT if request.sampler is None else request.sampler,
        schedule=defaults.schedule if request.schedule is None else request.schedule,
    )
    mapped = by_flow_map(full, manifest)
    return replace(
        full,
        sampler=full.sampler if mapped or request.sampler else defaults.sampler,
        seed=draw_seed() if request.seed is None else request.seed,
        strength=strength_of(request),
        transparent=request.transparent or bool(CLEAR.search(request.prompt)),
    )


def by_flow_map(request: Request, manifest: Manifest) -> bool:
    """Tell whether a picture is drawn by the network's flow map: a few steps, guided by themselves.

    It is where the request's quality has one and all else is as that quality has it: a flow map
    knows one schedule, one strength of guidance, the numbers of steps that it was taught, and
    pictures that are started from at `flowmap.LEAST` or later.

    Args:
        request: With no open field but the seed.
        manifest: Of the model.
    """
    if request.quality != "normal" and request.quality not in manifest.qualities:
        return False
    own = defaults_of(manifest, request.quality)
    asked = (request.guidance, request.sampler, request.schedule)
    if request.steps not in own.flow_map or strength_of(request) < LEAST:
        return False
    return asked == (own.guidance, STRAIGHT, own.schedule)


def check_coherent(request: Request) -> None:
    """Refuse fields that say nothing without a picture, and some that cannot go together.

    Raises:
        RequestError: There are such.
    """
    if not request.image and (request.mask or any(request.outpaint)):
        raise RequestError("got a mask or an outpaint without a picture; expected an image too")
    if not request.image and request.strength not in (None, 1.0):
        raise RequestError(
            f"strength is {request.strength} without a picture; expected an image too, "
            "or no strength"
        )
    if request.tile and request.image:
        raise RequestError("got tile and a picture; expected one or the other")


def strength_of(request: Request) -> float:
    """Give how much may change: all of what is new, most of a picture that is only started from."""
    if request.strength is not None:
        return request.strength
    return STRENGTH if request.image and not request.mask and not any(request.outpaint) else 1.0


def defaults_of(manifest: Manifest, quality: str) -> Defaults:
    """Give a model's own settings at a quality.

    Raises:
        RequestError: It has no such quality.
    """
    if quality == "normal":
        return manifest.defaults
    if quality not in manifest.qualities:
        have = ", ".join(("normal", *manifest.qualities))
        raise RequestError(f"model {manifest.name!r} has no quality {quality!r}; it has: {have}")
    changed = vars(manifest.qualities[quality]).items()
    return replace(manifest.defaults, **{k: v for k, v in changed if v is not None})
