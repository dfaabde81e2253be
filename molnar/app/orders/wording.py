"""A prompt as typed in, the jobs it asks for out: what the command line and the server share.

Nothing here needs a model. `text/expansion.py` writes a prompt out; here its texts become requests.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from molnar.app.orders.orders import Make
from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.base.rng import draw_seed
from molnar.text.expansion import Expanded, expand
from molnar.text.permutations import MAX_JOBS
from molnar.text.styles import Style
from molnar.text.trailing import Flags

STEP = 8  # pixels: sizes are multiples of it
LEAST, MOST = 64, 2048  # pixels, each side
USUAL = (512, 512)  # height and width of a request that does not say
GRID = 4  # pictures of a job that is shown in one
#: What a quality decides where nothing else does.
OF_QUALITY = ("steps", "guidance", "sampler")
#: What a random seed is called where a number is expected.
RANDOM = -1


def fixed(seed: int | None) -> int:
    """Give the seed that was asked for, or a random one where that was."""
    return draw_seed() if seed is None or seed == RANDOM else seed


def counted(grid: bool, count: int | None) -> int | None:
    """Give the number of pictures: of a grid always four.

    Raises:
        RequestError: Another number is asked for.
    """
    if grid and count not in (None, GRID):
        raise RequestError(
            f"got a grid and count {count}; expected no count: a grid has {GRID} pictures"
        )
    return GRID if grid else count


def worded(text: str | None, seed: int) -> str | None:
    """Write out the prompt of a verb that draws from one picture: its variants, by the seed.

    Raises:
        RequestError: It asks for several prompts, or has parameters at its end.
    """
    if not text:
        return text
    one, *more = expand(text, seed=seed)
    if more:
        raise RequestError(
            f"the prompt is {1 + len(more)} prompts by its {{a, b}}; expected one with this verb"
        )
    if one.flags != Flags():
        raise RequestError(
            "the prompt has parameters at its end; expected none with this verb: use its flags"
        )
    return one.prompt


def written_out(
    common: Make,
    seeds: Sequence[int | None],
    *,
    typed: bool = True,
    styles: Sequence[Style] = (),
    wildcards: Sequence[Path] = (),
    max_jobs: int = MAX_JOBS,
    usual: tuple[int, int] = USUAL,
) -> list[Make]:
    """Write out a typed prompt: one order for each job, in it one request per seed and text.

    What stands at the end of the prompt counts more than the request's fields, because it may
    differ from one combination to the next.

    Args:
        common: Its only request has the prompt; all that is made shares the rest.
        seeds: One or more; None stays open where nothing was drawn by the seed.
        typed: False: the prompt was written out before.
        styles: To apply, in this order.
        wildcards: Folders of files for `__name__`.
        max_jobs: Most combinations.
        usual: Height and width of the area that a shape in the prompt has.

    Raises:
        RequestError: Something in the prompt cannot be done, or a field is out of its range.
    """
    [base] = common.requests
    jobs: dict[int, list[Expanded]] = {}
    for seed in seeds:
        every = [Expanded(prompt=base.prompt, negative_prompt=base.negative_prompt)]
        if typed:
            every = expand(
                base.prompt,
                negative=base.negative_prompt,
                seed=draw_seed() if seed is None else seed,
                wildcards=wildcards,
                styles=styles,
                max_jobs=max_jobs,
                literal=base.literal,
            )
        elif seed is not None:
            every = [replace(every[0], seed=seed)]
        for number, one in enumerate(every):
            is_open = seed is None and one.template is None and one.flags.seed is None
            jobs.setdefault(number, []).append(replace(one, seed=RANDOM) if is_open else one)
    repeated = [again for texts in jobs.values() for again in _repeated(base, texts)]
    return [_job(common, texts, usual) for texts in repeated]


def _job(common: Make, texts: Sequence[Expanded], usual: tuple[int, int]) -> Make:
    """Turn the texts of one job, one for each seed, into an order."""
    [base] = common.requests
    requests = [wish.validated() for text in texts for wish in _written(base, text, usual)]
    _apart(requests)
    weight = texts[0].flags.iw
    if weight is not None and not common.image_prompt:
        raise RequestError(
            f"--iw {weight:g} has no picture to weigh; expected an image prompt, or no --iw"
        )
    return replace(common, requests=tuple(requests), iw=common.iw if weight is None else weight)


def _repeated(base: Request, texts: list[Expanded]) -> list[list[Expanded]]:
    """Give a job as often as its --repeat says, each time with the seeds that come next."""
    apart = base.count * base.best_of
    return [
        [text if text.seed == RANDOM else text.picture(k * apart) for text in texts]
        for k in range(texts[0].flags.repeat or 1)
    ]


def _written(base: Request, text: Expanded, usual: tuple[int, int]) -> list[Request]:
    """Turn an expanded text into requests: one, or one per picture where their texts differ."""
    changes = of_flags(text.flags, usual)
    seed = None if text.seed == RANDOM else text.seed
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


def of_flags(flags: Flags, usual: tuple[int, int] = USUAL) -> dict[str, Any]:
    """Turn what stands at the end of a prompt into fields of a request.

    Args:
        flags: What stands there.
        usual: Height and width of the area that a shape has.

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
        found["height"], found["width"] = shaped(f"{flags.ar[0]}:{flags.ar[1]}", None, None, usual)
    return found


def _apart(wishes: list[Request]) -> None:
    """Refuse seeds whose candidates are the same: one picture might be chosen twice."""
    least = max(wish.count * wish.best_of for wish in wishes)
    known = sorted(wish.seed for wish in wishes if wish.seed is not None)
    near_ = [(one, other) for one, other in pairwise(known) if other - one < least]
    if near_ and wishes[0].best_of > 1:
        raise RequestError(
            f"seeds {near_[0][0]} and {near_[0][1]} choose among the same pictures; "
            f"expected seeds at least {least} apart, or no --best-of"
        )


def area_of(frame: Mapping[str, int] | None) -> tuple[int, int]:
    """Give the height and width of the area that pictures usually have.

    Example:
        >>> area_of({"height": 1024, "width": 768}), area_of({})
        ((1024, 768), (512, 512))
    """
    return (frame["height"], frame["width"]) if frame else USUAL


def native_frame(about: Mapping[str, Any]) -> dict[str, int]:
    """Give the height and width that a model draws best, of what a worker says of itself.

    Example:
        >>> native_frame({"frame": {"height": 1024, "width": 768}}), native_frame({})
        ({'height': 1024, 'width': 768}, {})
    """
    return dict(about.get("frame") or {})


def shaped(
    aspect: str, height: int | None, width: int | None, usual: tuple[int, int] = USUAL
) -> tuple[int, int]:
    """Give a picture a shape: of the given side, or of the usual area.

    Args:
        aspect: "3:2" is three wide, two high.
        height: Pixels, if given.
        width: Pixels, if given.
        usual: Height and width of a picture of the usual area.
    """
    found = re.fullmatch(r"(\d{1,5}(?:\.\d{1,5})?)[:/](\d{1,5}(?:\.\d{1,5})?)", aspect)
    if not found or not float(found[1]) or not float(found[2]):
        raise RequestError(f"aspect is {aspect!r}; expected WIDTH:HEIGHT, e.g. 3:2")
    if height is not None and width is not None:
        raise RequestError("got --ar and both sides; expected --ar with one side, or none")
    ratio = float(found[1]) / float(found[2])
    if width is not None:
        return near(width / ratio), width
    if height is not None:
        return height, near(height * ratio)
    side = math.sqrt(usual[0] * usual[1])
    return near(side / math.sqrt(ratio)), near(side * math.sqrt(ratio))


def around(size: tuple[int, int], outpaint: Sequence[int] = (0, 0, 0, 0)) -> dict[str, int]:
    """Give the height and width of a picture that starts from one, where nothing else says them.

    Args:
        size: Height and width of the picture to start from.
        outpaint: Pixels added left, top, right, bottom.
    """
    left, top, right, bottom = outpaint
    shrink = min(1.0, (MOST - max(left + right, top + bottom)) / max(size))
    return {
        "height": max(near(size[0] * shrink + top + bottom), LEAST),
        "width": max(near(size[1] * shrink + left + right), LEAST),
    }


def near(pixels: float) -> int:
    """Round to a size that can be asked for."""
    return max(1, round(pixels / STEP)) * STEP
