"""Pictures in, the request for one that mixes them out; and a prompt that a picture speaks for.

What pictures say is joined as weighted texts, what they look like as the mean of their pixels, and
nearly all of that mean is noise when drawing begins: colours and masses come through, edges do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import RequestError
from molnar.base.images import fit, from_model, resized
from molnar.base.request import Request
from molnar.pipeline import Pipeline
from molnar.seeing.describe import describe
from molnar.starting import as_seen, name_of
from molnar.text.grammar import parse
from molnar.verbs import Parent, Wish

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

FEWEST, MOST = 2, 5  # pictures
STRENGTH = 0.85  # of a blend: how much of the mean may change
HEAVIEST = 3.0  # weight of an image prompt
LOOSE, TIGHT = 0.98, 0.7  # strengths at image weights just above 0, and at 3
COARSE = 8  # cells a side to which an image prompt's colours are averaged


def blend(
    pipeline: Pipeline,
    parents: Sequence[Parent],
    weights: Sequence[float] | None = None,
    prompts: Sequence[str] | None = None,
    *,
    seed: int,
    size: tuple[int, int] | None = None,
) -> Wish:
    """Mix pictures: what they show, and their colours.

    Args:
        pipeline: A model with a planner: it describes pictures that do not say what they show.
        parents: 2 to 5 pictures, the one that leads first.
        weights: How much each counts, above 0; all alike if absent.
        prompts: What each shows; its own prompt, or what is seen in it, where empty or absent.
        seed: Of the new picture.
        size: Its height and width; those of the first picture if absent.

    Raises:
        RequestError: too few or too many pictures, or not a weight or a prompt for each.
    """
    if not FEWEST <= len(parents) <= MOST:
        raise RequestError(f"got {len(parents)} pictures; expected {FEWEST} to {MOST} to blend")
    shares = _shares(weights, len(parents))
    if prompts is not None and len(prompts) != len(parents):
        raise RequestError(f"got {len(prompts)} prompts; expected one for each picture")
    said = [
        (prompts[k] if prompts is not None else "") or _says(pipeline, parent)
        for k, parent in enumerate(parents)
    ]
    height, width = size or parents[0].size
    # A picture that is nothing but the first one would be drawn at weight 1: shares sum to it.
    text = " AND ".join(f"{one} :{share:g}" for one, share in zip(said, shares, strict=True))
    mean = sum(
        share * fit(as_seen(parent.pixels), height, width)
        for parent, share in zip(parents, shares, strict=True)
    )
    pixels = from_model(np.asarray(mean, np.float32))[0]
    base = next((parent.request for parent in parents if parent.request is not None), None)
    request = Request(
        prompt=text, height=height, width=width, seed=seed, image=name_of(pixels),
        strength=STRENGTH,
    )  # fmt: skip
    if base is not None:
        request = replace(request, steps=base.steps, sampler=base.sampler, quality=base.quality)
    return Wish(request=request, inputs={name_of(pixels): pixels})


def prompted(pipeline: Pipeline, request: Request, picture: Bytes, weight: float = 1.0) -> Wish:
    """Let a picture speak beside the prompt: what it shows joins the text, its colours the noise.

    Args:
        pipeline: A model with a planner.
        request: What is asked for.
        picture: uint8 H W 3, or H W 4 with straight alpha.
        weight: 0 = no influence, 1 = as much as Midjourney's default, 3 = the most.

    Raises:
        RequestError: the weight is out of its range, or the request starts from a picture already.
    """
    if not 0 <= weight <= HEAVIEST:
        raise RequestError(f"image weight is {weight:g}; expected 0 to {HEAVIEST:g}")
    if weight == 0:
        return Wish(request=request)
    if request.image:
        raise RequestError("the request starts from a picture already; expected one of the two")
    share = weight / (weight + 2)  # 1: a third, 3: three fifths
    seen = describe(pipeline, picture, 1)[0].prompt
    text = f"{_weighted(request.prompt, 1 - share)} AND {seen} :{round(share, 3):g}"
    strength = LOOSE + (TIGHT - LOOSE) * weight / HEAVIEST
    pixels = _coarse(picture, request.height, request.width)
    asked = replace(request, prompt=text, image=name_of(pixels), strength=round(strength, 3))
    return Wish(request=asked, inputs={name_of(pixels): pixels})


def _shares(weights: Sequence[float] | None, count: int) -> list[float]:
    """Scale weights to a sum of 1."""
    given = [1.0] * count if weights is None else [float(weight) for weight in weights]
    if len(given) != count:
        raise RequestError(f"got {len(given)} weights; expected one for each of {count} pictures")
    if not all(np.isfinite(weight) and weight > 0 for weight in given):
        raise RequestError(f"a weight is {min(given):g}; expected all above 0: leave a picture out")
    return [round(weight / sum(given), 3) for weight in given]


def _says(pipeline: Pipeline, parent: Parent) -> str:
    if parent.request is None:
        return describe(pipeline, parent.pixels, 1)[0].prompt
    # Of several terms or schedules only the words: terms within terms cannot be written.
    return parse(parent.request.prompt, 1, parent.request.literal).plain


def _weighted(prompt: str, share: float) -> str:
    """Give every term of a prompt its share."""
    found = parse(prompt, 1).distinct[0]
    total = sum(term.weight for term in found)
    scale = share / total if total > 0 else share
    return " AND ".join(f"{term.text} :{round(term.weight * scale, 3):g}" for term in found)


def _coarse(picture: Bytes, height: int, width: int) -> Bytes:
    """Keep of a picture only where which colours are."""
    small = resized(fit(as_seen(picture), height, width), COARSE, COARSE)
    coarse: Bytes = from_model(resized(small, height, width))[0]
    return coarse
