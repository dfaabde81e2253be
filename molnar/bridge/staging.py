"""Two checkpoints that draw one picture: the first begins it, the second goes on with that.

SDXL's refiner takes over a latent that is still noisy, at the last fifth of the schedule (Podell et
al. 2023, "SDXL", section 2.5). DeepFloyd IF's second stage enlarges a small finished picture
four times (Saharia et al. 2022, "Imagen", section 2.3). Both are told the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from molnar.base.errors import RequestError, one_line
from molnar.base.request import Request
from molnar.bridge import refusing
from molnar.bridge.adapting import Worn
from molnar.bridge.beside import HANDOVER, SCALE, second_path
from molnar.bridge.calling import Call
from molnar.bridge.enlarging import CELLS
from molnar.bridge.options import Options
from molnar.bridge.recognising import Found, recognise
from molnar.bridge.saying import said
from molnar.bridge.schedulers import scheduler_for

FLOYD_STEPS = 100  # of IF's first stage, to the second's own number
FEWEST = 5  # steps, so that a fifth of them is one
SECOND = {"sdxl": ("sdxl-refiner", "sdxl"), "if": ("if-ii",)}
LENT = {"if-ii": ("text_encoder", "tokenizer")}  # parts that are the first model's by design

Load = Callable[[Found, Mapping[str, Any]], Any]
"""What was recognised, and parts that are not to be loaded -> a live pipeline."""


@dataclass
class Second:
    """A live pipeline that goes on where another one ends.

    Args:
        pipe: Of the task "image" or "upscale".
        found: What it was recognised as.
    """

    pipe: Any
    found: Found

    def left_out(self, request: Request, first: Found) -> str | None:
        """Say why it takes no part in a picture; None if it does.

        Args:
            request: Resolved.
            first: The checkpoint that begins.
        """
        task, title = refusing.task_of(request, first.family), self.found.family.title
        steps = request.steps or FEWEST
        if self.found.family.name == "if-ii":
            if task != "text":
                return f"{title} is left out: it enlarges only what is drawn from words"
            if request.height <= first.family.height and request.width <= first.family.width:
                return f"{title} is left out: {request.width} x {request.height} needs no second"
            return None
        if task == "inpaint":
            return f"{title} is left out: it refines whole pictures, not what is inside a mask"
        if steps < FEWEST:
            return f"{title} is left out: its share of {steps} steps is none, {FEWEST} are enough"
        if task == "image" and int(steps * (request.strength or 0)) <= steps * (1 - HANDOVER):
            return f"{title} is left out: a strength of {request.strength:g} leaves no step before"
        return None

    def after(self, call: Call, request: Request, worn: Worn) -> Call:
        """Give the call that begins a picture and hands it on to this pipeline.

        Args:
            call: As it would draw alone.
            request: Of this picture, resolved.
            worn: Its texts.
        """
        if self.found.family.name == "if-ii":
            return self._enlarging(call, request, worn)
        return self._refining(call, request, worn)

    def _refining(self, call: Call, request: Request, worn: Worn) -> Call:
        pipe = copy(self.pipe)
        if pipe.text_encoder_2 is getattr(call.pipe, "text_encoder_2", None):
            pipe.tokenizer_2 = call.pipe.tokenizer_2  # it may know words that were learned
        told = said(pipe, self.found.family, request, None, worn)
        own = self._call(pipe, {**told, "denoising_start": HANDOVER}, call, request)
        steps = request.steps or FEWEST
        if request.image:
            steps = int(steps * (request.strength or 0))
        last = round((request.steps or FEWEST) * (1 - HANDOVER))
        return replace(
            call,
            arguments={**call.arguments, "denoising_end": HANDOVER, "output_type": "latent"},
            stages=(steps - last, last),
            then=_with_image(own),
        )

    def _enlarging(self, call: Call, request: Request, worn: Worn) -> Call:
        first, second, family = copy(call.pipe), copy(self.pipe), self.found.family
        # The same sentence: its encoder is the largest part by far, and runs once.
        first.encode_prompt = second.encode_prompt = lru_cache(first.encode_prompt)
        whole = call.arguments["num_inference_steps"]
        steps = max(1, round(whole * family.steps / FLOYD_STEPS))
        shared = replace(request, steps=steps, guidance=family.guidance)
        own = self._call(second, said(second, family, shared, None, worn), call, request)
        height, width = (
            -(-side // (SCALE * CELLS)) * CELLS for side in (request.height, request.width)
        )
        small = {"height": height, "width": width, "output_type": "pt"}
        return replace(
            call,
            pipe=first,
            arguments={**call.arguments, **small},
            stages=(whole, steps),
            then=_with_image(own),
        )

    def _call(self, pipe: Any, told: dict[str, Any], call: Call, request: Request) -> Call:
        title = self.found.family.title
        scheduler = scheduler_for(pipe.scheduler, request.sampler, request.schedule, title)
        return replace(call, pipe=pipe, arguments=told, scheduler=scheduler)


def _with_image(call: Call) -> Callable[[Any], Call]:
    return lambda drawn: replace(call, arguments={**call.arguments, "image": drawn.images})


def open_second(found: Found, options: Options, first: Any, load: Load) -> Second | None:
    """Open the checkpoint that goes on after another, and let both share what is equal.

    Args:
        found: The first.
        options: They may name the second.
        first: The first's live pipeline.
        load: Opens a checkpoint.

    Raises:
        CheckpointError: There is none at the path that was named.
        RequestError: It cannot go on after the first.
    """
    path = second_path(found, options)
    if path is None:
        return None
    other = recognise(path)
    fitting = SECOND.get(found.family.name, ())
    if other.family.name not in fitting:
        wanted = f"a checkpoint of {' or '.join(fitting)}" if fitting else "none, leave it out"
        raise RequestError(
            f"refiner {one_line(path)} is {other.family.title}, which cannot go on after "
            f"{found.family.title}; expected {wanted}"
        )
    lent = LENT.get(other.family.name, ())
    pipe = load(other, dict.fromkeys(lent))
    pipe.register_modules(**{name: getattr(first, name) for name in lent})
    pipe = _of_task(pipe, other)
    _share(first, pipe)
    pipe.set_progress_bar_config(disable=True)
    return Second(pipe, other)


def _of_task(pipe: Any, found: Found) -> Any:
    """Give the pipeline that starts from a picture, of the same networks."""
    import diffusers

    tasks = found.family.pipelines
    kind = getattr(diffusers, tasks.get("upscale") or tasks["image"])
    return pipe if type(pipe) is kind else kind.from_pipe(pipe)


def _share(first: Any, second: Any) -> None:
    """Let the second use networks of the first that have the same weights, and drop its own."""
    for name, part in second.components.items():
        same = getattr(first, name, None)
        if part is not same and hasattr(part, "state_dict") and _equal(part, same):
            second.register_modules(**{name: same})


def _equal(one: Any, other: Any) -> bool:
    import torch

    if type(one) is not type(other):
        return False
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
