"""Flags of `molnar make` in, what is asked for out."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from molnar.app.orders.orders import Make
from molnar.app.orders.wording import OF_QUALITY, RANDOM, area_of, counted, shaped, written_out
from molnar.base import metadata
from molnar.base.errors import DataError, RequestError, one_line
from molnar.base.request import Guide, Request, request_from
from molnar.starting import SCHEME
from molnar.text.styles import built_in, named, read_styles

#: Flags that are fields of a request under their own name.
FIELDS = (
    *("negative_prompt", "steps", "guidance"),
    *("best_of", "sampler", "schedule", "quality"),
    *("image", "mask", "strength", "feather", "chaos", "stop"),
)
SWITCHES = ("transparent", "tile", "literal")


def orders(flags: Mapping[str, Any]) -> list[Make]:
    """Turn flags into orders: one for each job, in it one request per seed.

    A prompt that is typed is expanded first (`text/expansion.py`); what stands at its end counts
    more than a flag, because it may differ from one combination to the next.

    Raises:
        RequestError: A flag is out of its range, or two contradict each other.
    """
    if flags["iw"] is not None and flags["image_prompt"] is None:
        raise RequestError("got --iw without a picture; expected --image-prompt PICTURE too")
    prompt = read_prompt(flags)
    base = _base(flags, prompt)
    common = Make(
        requests=(base,),
        grid=bool(flags["grid"]),
        image_prompt=flags["image_prompt"] or "",
        iw=1.0 if flags["iw"] is None else flags["iw"],
    )
    known = dict(built_in())
    if flags["styles_file"] is not None:
        known |= read_styles(Path(flags["styles_file"]))
    return written_out(
        with_loras(common, flags.get("lora") or ()),
        [None if seed == RANDOM else seed for seed in flags["seed"]] or [base.seed],
        typed=prompt is not None,
        styles=[named(name, known) for name in flags["style"]],
        wildcards=[Path(folder) for folder in flags["wildcards"]],
        max_jobs=flags["max_jobs"],
        usual=area_of(flags.get("frame")),
    )


def _base(flags: Mapping[str, Any], prompt: str | None) -> Request:
    """Give the request that all others are made from."""
    given: dict[str, Any] = {key: flags[key] for key in FIELDS if flags[key] is not None}
    if (count := counted(flags["grid"], flags["count"])) is not None:
        given["count"] = count
    given |= {**flags.get("frame", {}), **size(flags)}
    given |= {key: True for key in SWITCHES if flags[key]}
    if flags["outpaint"] is not None:
        given["outpaint"] = four(flags["outpaint"])
    if guides := guides_of(flags):
        given["guides"] = guides
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


def with_loras(order: Make, loras: Sequence[str]) -> Make:
    """Write LoRAs into the prompt: before it, since a comment or parameters may stand at its end.

    Example:
        >>> order = Make(requests=(Request(prompt="a fox"),))
        >>> with_loras(order, ["ink:0.8", "oil"]).requests[0].prompt
        '<lora:ink:0.8> <lora:oil:1> a fox'

    Raises:
        RequestError: A prompt is literal: nothing in it names a LoRA.
    """
    if not loras:
        return order
    if any(request.literal for request in order.requests):
        raise RequestError(
            "got --lora and a literal prompt, which reads no names; expected one of them"
        )
    from molnar.bridge.lora_files import given_loras  # few pictures need it

    named = " ".join(f"<lora:{one.name}:{one.weights}>" for one in given_loras(loras))
    requests = (request.replaced(prompt=f"{named} {request.prompt}") for request in order.requests)
    return replace(order, requests=tuple(requests))


def guides_of(flags: Mapping[str, Any]) -> tuple[Guide, ...]:
    """Read --control and --ip.

    Raises:
        RequestError: One of them names no model or no picture.
    """
    return tuple(guide(kind, one) for kind in ("control", "ip") for one in flags.get(kind) or ())


def guide(kind: str, text: str) -> Guide:
    """Read MODEL=PICTURE or MODEL=PICTURE:WEIGHT.

    Raises:
        RequestError: It is neither.

    Example:
        >>> guide("control", "canny=edges.png:0.8")
        Guide(kind='control', model='canny', image='edges.png', weight=0.8)
    """
    model, _, picture = (part.strip() for part in text.partition("="))
    if not model or not picture:
        raise RequestError(
            f"{kind} is {one_line(text, 80)!r}; expected MODEL=PICTURE or MODEL=PICTURE:WEIGHT, "
            "e.g. canny=edges.png:0.8"
        )
    file, colon, weight = picture.rpartition(":")
    # A name with a colon is one all the same: a file, a hash, or one with the letter of a drive.
    if not colon or Path(picture).exists() or f"{file}:" == SCHEME or len(file) == 1:
        file, weight = picture, "1"
    try:
        return Guide(kind=kind, model=_placed(model), image=file, weight=float(weight))
    except ValueError:
        raise RequestError(
            f"the weight in {kind} {one_line(text, 80)!r} is {one_line(weight, 20)!r}; expected a "
            "number from 0 to 2"
        ) from None


def _placed(model: str) -> str:
    """Give the path of a model that is there, whole, but for whose home it is in; else the name."""
    path = Path(model)
    with suppress(RuntimeError):  # nobody's home
        path = path.expanduser()
    if not path.exists():
        return model
    whole = path.absolute()
    with suppress(RuntimeError, ValueError):
        return f"~/{whole.relative_to(Path.home()).as_posix()}"
    return whole.as_posix()


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
        height, width = shaped(flags["aspect"], height, width, area_of(flags.get("frame")))
    return {
        key: value for key, value in (("height", height), ("width", width)) if value is not None
    }
