"""Flags of `molnar make` in, requests out."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from molnar.base import metadata
from molnar.base.errors import DataError, RequestError, one_line
from molnar.base.request import Request, request_from

STEP = 8  # pixels: sizes are multiples of it
#: Flags that are fields of a request under their own name.
FIELDS = (
    *("negative_prompt", "steps", "guidance", "count"),
    *("best_of", "sampler", "schedule", "quality"),
)

#: What a quality decides where a flag does not.
OF_QUALITY = ("steps", "guidance", "sampler")


def requests(flags: Mapping[str, Any]) -> list[Request]:
    """Turn flags into checked requests, one per seed.

    Raises:
        RequestError: A flag is out of its range, or two contradict each other.
    """
    given: dict[str, Any] = {key: flags[key] for key in FIELDS if flags[key] is not None}
    given |= size(flags)
    prompt = read_prompt(flags)
    if prompt is not None:
        given["prompt"] = prompt
    if flags["transparent"]:
        given["transparent"] = True
    if flags["like"] is not None:
        base = request_from(metadata.read(flags["like"]))
        if flags["quality"] is not None:  # another quality means its steps, not the old ones
            base = base.replaced(**dict.fromkeys(OF_QUALITY))
        base = base.replaced(**given)
    elif prompt is None:
        raise RequestError('no prompt; expected what to draw, e.g. molnar "a red fox"')
    else:
        base = Request(**given)
    seeds = [None if seed == -1 else seed for seed in flags["seed"]] or [base.seed]
    found = [base.replaced(seed=seed).validated() for seed in seeds]
    _apart(found)
    return found


def _apart(wishes: list[Request]) -> None:
    """Refuse seeds whose candidates are the same: one picture might be chosen twice."""
    least = wishes[0].count * wishes[0].best_of
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
