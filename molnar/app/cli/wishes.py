"""Flags of `molnar make` in, requests out."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from molnar.base import metadata
from molnar.base.errors import DataError, RequestError, one_line
from molnar.base.request import Request, request_from
from molnar.base.rng import draw_seed
from molnar.text.expansion import Expanded, expand
from molnar.text.styles import built_in, named, read_styles
from molnar.text.trailing import Flags

STEP = 8  # pixels: sizes are multiples of it
#: Flags that are fields of a request under their own name.
FIELDS = (
    *("negative_prompt", "steps", "guidance", "count"),
    *("best_of", "sampler", "schedule", "quality"),
    *("image", "mask", "strength", "feather", "chaos", "stop"),
)
SWITCHES = ("transparent", "tile", "literal")

#: What a quality decides where a flag does not.
OF_QUALITY = ("steps", "guidance", "sampler")


def groups(flags: Mapping[str, Any]) -> list[list[Request]]:
    """Turn flags into checked requests: one list for each job, in it one request per seed.

    A prompt that is typed is expanded first (`text/expansion.py`); what stands at its end counts
    more than a flag, because it may differ from one combination to the next.

    Raises:
        RequestError: A flag is out of its range, or two contradict each other.
    """
    prompt = read_prompt(flags)
    base = _base(flags, prompt)
    seeds = [None if seed == -1 else seed for seed in flags["seed"]] or [base.seed]
    found = []
    for texts in _expanded(base, prompt, seeds, flags):
        group = [wish.validated() for text in texts for wish in _written(base, text)]
        _apart(group)
        found.append(group)
    return found


def _base(flags: Mapping[str, Any], prompt: str | None) -> Request:
    """Give the request that all others are made from."""
    given: dict[str, Any] = {key: flags[key] for key in FIELDS if flags[key] is not None}
    given |= size(flags)
    given |= {key: True for key in SWITCHES if flags[key]}
    if flags["outpaint"] is not None:
        given["outpaint"] = four(flags["outpaint"])
    if prompt is not None:
        given["prompt"] = prompt
    if flags["like"] is None:
        if prompt is None:
            raise RequestError('no prompt; expected what to draw, e.g. molnar "a red fox"')
        return Request(**given)
    base = request_from(metadata.read(flags["like"]))
    if flags["quality"] is not None:  # another quality means its steps, not the old ones
        base = base.replaced(**dict.fromkeys(OF_QUALITY))
    if prompt is not None:
        base = base.replaced(plan=(), template="")
    return base.replaced(**given)


def _expanded(
    base: Request, prompt: str | None, seeds: list[int | None], flags: Mapping[str, Any]
) -> list[list[Expanded]]:
    """Write out a typed prompt: for each job, its texts; with one seed of each still to come."""
    if prompt is None:
        plain = [Expanded(prompt=base.prompt, negative_prompt=base.negative_prompt)]
        return [[replace(plain[0], seed=-1 if s is None else s) for s in seeds]]
    known = dict(built_in())
    if flags["styles_file"] is not None:
        known |= read_styles(Path(flags["styles_file"]))
    styles = [named(name, known) for name in flags["style"]]
    jobs: dict[int, list[Expanded]] = {}
    for seed in seeds:
        every = expand(
            prompt,
            negative=base.negative_prompt,
            seed=draw_seed() if seed is None else seed,
            wildcards=[Path(folder) for folder in flags["wildcards"]],
            styles=styles,
            max_jobs=flags["max_jobs"],
            literal=base.literal,
        )
        for number, one in enumerate(every):
            open_seed = seed is None and one.template is None and one.flags.seed is None
            jobs.setdefault(number, []).append(replace(one, seed=-1) if open_seed else one)
    return [again for texts in jobs.values() for again in _repeated(base, texts)]


def _repeated(base: Request, texts: list[Expanded]) -> list[list[Expanded]]:
    """Give a job as often as its --repeat says, each time with the seeds that come next."""
    apart = base.count * base.best_of
    return [
        [text if text.seed == -1 else text.picture(k * apart) for text in texts]
        for k in range(texts[0].flags.repeat or 1)
    ]


def _written(base: Request, text: Expanded) -> list[Request]:
    """Turn an expanded text into requests: one, or one per picture where their texts differ."""
    changes = of_flags(text.flags)
    seed = None if text.seed == -1 else text.seed
    whole = base.replaced(
        prompt=text.prompt, negative_prompt=text.negative_prompt, seed=seed, **changes
    )
    if text.template is None or seed is None:
        return [whole]
    each = [text.picture(k * whole.best_of) for k in range(whole.count)]
    typed = whole.replaced(template=text.template[:2000])
    if all(one.prompt == text.prompt for one in each):
        return [typed]
    return [
        typed.replaced(
            prompt=one.prompt, negative_prompt=one.negative_prompt, seed=one.seed, count=1
        )
        for one in each
    ]


def of_flags(flags: Flags) -> dict[str, Any]:
    """Turn what stands at the end of a prompt into fields of a request.

    Raises:
        RequestError: It asks for what this model cannot do.
    """
    if flags.stylize not in (None, 100):
        raise RequestError(
            f"--stylize {flags.stylize}: this model has no style of its own to dose; leave it out, "
            "or say how closely to follow the prompt: --cfg-scale"
        )
    named = {"chaos": flags.chaos, "tile": flags.tile, "stop": flags.stop}
    found: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    if flags.quality is not None:
        found["quality"] = {0: "fast", 1: "normal"}.get(int(flags.quality), "best")
        found |= dict.fromkeys(OF_QUALITY)
    if flags.ar is not None:
        found["height"], found["width"] = shaped(f"{flags.ar[0]}:{flags.ar[1]}", None, None)
    return found


def four(text: str) -> tuple[int, ...]:
    """Read LEFT,TOP,RIGHT,BOTTOM in pixels.

    Example:
        >>> four("64,0,64,0")
        (64, 0, 64, 0)
    """
    found = re.fullmatch(r"(\d+),(\d+),(\d+),(\d+)", text.replace(" ", ""))
    if not found:
        raise RequestError(f"outpaint is {text!r}; expected LEFT,TOP,RIGHT,BOTTOM, e.g. 64,0,64,0")
    return tuple(int(one) for one in found.groups())


def _apart(wishes: list[Request]) -> None:
    """Refuse seeds whose candidates are the same: one picture might be chosen twice."""
    least = max(wish.count * wish.best_of for wish in wishes)
    known = sorted(wish.seed for wish in wishes if wish.seed is not None)
    near = [(one, other) for one, other in pairwise(known) if other - one < least]
    if near and wishes[0].best_of > 1:
        raise RequestError(
            f"seeds {near[0][0]} and {near[0][1]} choose among the same pictures; "
            f"expected seeds at least {least} apart, or no --best-of"
        )


def read_prompt(flags: Mapping[str, Any]) -> str | None:
    """Read the prompt from wherever it was given; None if nowhere."""
    words = " ".join(flags["words"]) or None
    given = [text for text in (words, flags["prompt"], flags["prompt_file"]) if text is not None]
    if len(given) > 1:
        raise RequestError(
            f"got {len(given)} prompts; expected one of PROMPT, --prompt, --prompt-file"
        )
    if not given:
        return None
    if flags["prompt_file"] is not None:
        path = Path(flags["prompt_file"])
        try:
            return path.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            raise DataError(f"{one_line(path)} is not UTF-8 text; save it as UTF-8") from None
        except OSError as error:
            raise DataError(f"{one_line(path)} cannot be read: {error.strerror}") from None
    return sys.stdin.read().strip() if given[0] == "-" else str(given[0])


def size(flags: Mapping[str, Any]) -> dict[str, int]:
    """Work out height and width from -H, -W, --size and --ar.

    Raises:
        RequestError: They do not parse, or say the same thing twice.
    """
    height, width = flags["height"], flags["width"]
    if flags["size"] is not None:
        found = re.fullmatch(r"(\d+)(?:[x*](\d+))?", flags["size"].lower())
        if not found:
            raise RequestError(f"size is {flags['size']!r}; expected WIDTHxHEIGHT, e.g. 512x512")
        if height is not None or width is not None:
            raise RequestError("got --size and --height or --width; expected one or the other")
        width, height = int(found[1]), int(found[2] or found[1])
    if flags["aspect"] is not None:
        height, width = shaped(flags["aspect"], height, width)
    return {
        key: value for key, value in (("height", height), ("width", width)) if value is not None
    }


def shaped(aspect: str, height: int | None, width: int | None) -> tuple[int, int]:
    """Give a picture a shape: of the given side, or of the usual area.

    Args:
        aspect: "3:2" is three wide, two high.
        height: Pixels, if given.
        width: Pixels, if given.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)[:/](\d+(?:\.\d+)?)", aspect)
    if not found or not float(found[1]) or not float(found[2]):
        raise RequestError(f"aspect is {aspect!r}; expected WIDTH:HEIGHT, e.g. 3:2")
    if height is not None and width is not None:
        raise RequestError("got --ar and both sides; expected --ar with one side, or none")
    ratio = float(found[1]) / float(found[2])
    if width is not None:
        return near(width / ratio), width
    if height is not None:
        return height, near(height * ratio)
    usual = Request(prompt="any")
    side = math.sqrt(usual.height * usual.width)
    return near(side / math.sqrt(ratio)), near(side * math.sqrt(ratio))


def near(pixels: float) -> int:
    """Round to a size that can be asked for."""
    return max(1, round(pixels / STEP)) * STEP
