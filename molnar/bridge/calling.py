"""One call of a pipeline of diffusers in, its steps on the way and its picture out.

Each picture gets a copy of the pipeline that shares all networks, with schedulers of its own: they
remember where they are. In it the noise is the picture's, and each scheduler tells its steps;
so every pipeline that has a scheduler can be followed and stopped, whatever callbacks it offers.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.clock import Clock
from molnar.base.images import on_paper
from molnar.base.types import Step
from molnar.bridge.asking import expected_steps
from molnar.bridge.following import estimate, time_of
from molnar.bridge.noise import PictureNoise
from molnar.bridge.stepping import Hand

Pixels = NDArray[np.uint8]
PACKED = 2  # cells of a latent each way that some transformers take as one token


@dataclass
class Call:
    """A pipeline that draws one picture."""

    pipe: Any  # of the checkpoint; it is copied, not changed
    arguments: Mapping[str, Any]
    noise: PictureNoise
    scheduler: Any  # of this picture alone
    stop: int = 100  # percentage of the steps after which the estimate is the picture
    size: tuple[int, int] = (0, 0)  # height and width in pixels
    clock: Clock = field(default_factory=Clock)
    stages: tuple[int, ...] = ()  # steps of each stage, where the pipeline alone does not say
    then: Callable[[Any], Call] | None = None  # what goes on with what this one returns

    def __call__(self, hand: Hand[Step]) -> Any:
        """Draw: hand over each step, return what the pipeline returns."""
        stages = list(self.stages) or expected_steps(type(self.pipe), self.arguments)
        told = _Told(self, hand, stages)
        call, drawn = self, told.drawn(self)
        while call.then is not None:
            call = call.then(drawn)
            drawn = told.drawn(call)
        told.begin("")
        return drawn


def pixels_of(drawn: Any) -> Pixels:
    """Give the pixels of the first picture that a pipeline returned: uint8 H W 3."""
    images = getattr(drawn, "images", None)
    first = (drawn[0] if images is None else images)[0]
    if isinstance(first, np.ndarray):
        first = (first * 255).round().astype(np.uint8)
    pixels = np.asarray(first if first.__class__ is np.ndarray else first.convert("RGB"))
    return np.ascontiguousarray(on_paper(pixels))


def last_step(steps: int, stop: int) -> int:
    """Turn a percentage of the steps into how many are taken, one at least."""
    return max(1, round(steps * stop / 100))


class _Told:
    """Follows a call from step to step."""

    def __init__(self, call: Call, hand: Hand[Step], expected: list[int]) -> None:
        self.call, self.hand = call, hand
        self.counts = expected  # steps of each stage, corrected once its scheduler knows
        self.stage = -1  # which is being drawn
        self.done = 0  # steps before this stage
        self.timed, self.since = "", 0.0  # the stage whose time runs, and since when
        self.index = 0  # of the next step, in its stage
        self.halfway = False  # this stage ends where noise is left
        self.fresh: dict[int, Any] = {}  # schedulers by whom they stand for
        self.current: Any = None  # the scheduler of this stage

    def begin(self, stage: str) -> None:
        """Count the time from here on as that of a stage; who waits for steps is not counted."""
        now = time.perf_counter()
        if self.timed:
            seconds = self.call.clock.seconds
            seconds[self.timed] = round(seconds.get(self.timed, 0.0) + now - self.since, 4)
        self.timed, self.since = stage, now

    def drawn(self, call: Call) -> Any:
        """Draw one of the calls that follow each other."""
        live = self.copied(call.pipe, call.scheduler)
        self.halfway = "denoising_end" in call.arguments
        self.begin("text")
        draw = live if starts_apart(type(live)) else call.noise.starting(live.__call__)
        return draw(**call.arguments, generator=call.noise.generator)

    def copied(self, pipe: Any, scheduler: Any = None) -> Any:
        """Copy a pipeline, and those within it, with schedulers that tell their steps."""
        live, parts = copy(pipe), vars(pipe)
        inner = {k: v for k, v in parts.items() if hasattr(v, "components") and callable(v)}
        for name, part in inner.items():  # first: they, not what holds them, walk the steps
            last = scheduler if name != "prior_pipe" else None
            setattr(live, name, self.copied(part, last))
        for name, part in parts.items():
            if name.startswith("_") or not hasattr(part, "set_timesteps"):
                continue
            if id(part) not in self.fresh:
                mine = scheduler if name == "scheduler" else None
                mine = type(part).from_config(part.config) if mine is None else mine
                self.fresh[id(part)] = self._followed(mine, live)
            setattr(live, name, self.fresh[id(part)])
        for name in dir(type(pipe)):
            if is_start(name):
                setattr(live, name, self._starting(getattr(live, name)))
        return live

    def _starting(self, prepare: Any) -> Any:
        drawn = self.call.noise.starting(prepare)

        @wraps(prepare)
        def started(*args: Any, **kwargs: Any) -> Any:
            self.begin("diffusion")
            return drawn(*args, **kwargs)

        return started

    def _followed(self, scheduler: Any, live: Any) -> Any:
        original = scheduler.step
        asked = inspect.signature(original)
        drawn = self.call.noise.sampling(original)

        @wraps(original)
        def step(*args: Any, **kwargs: Any) -> Any:
            given = asked.bind(*args, **kwargs).arguments
            plain = given.pop("return_dict", True)
            gave = drawn(**given, return_dict=True)
            model_said, t, x = (given[name] for name in list(given)[:3])
            x0 = estimate(scheduler, model_said, t, x, gave)
            self._tell(scheduler, live, gave, x0)
            return gave if plain else gave.to_tuple()

        scheduler.step = step
        return scheduler

    def _tell(self, scheduler: Any, live: Any, gave: Any, x0: Any) -> None:
        if scheduler is not self.current:
            self._next_stage(scheduler, live)
        of = sum(self.counts)
        index, self.index = self.done + self.index, self.index + 1
        if self.call.stop < 100 and self.stage == len(self.counts) - 1:
            last = last_step(self.counts[self.stage], self.call.stop)
            of = self.done + last
            if self.index == last < self.counts[self.stage]:
                gave["prev_sample"] = x0
                live._interrupt = True  # the pipeline's own way to skip what is left
        step = Step(
            index=index,
            of=max(of, index + 1),
            t=self._reached(scheduler, index, of),
            x=self._array(gave.prev_sample),
            x0=self._array(x0),
        )
        ended = self.stage == len(self.counts) - 1 and step.index + 1 >= of
        self.begin("")
        self.hand(step)
        self.begin("decode" if ended else "diffusion")

    def _next_stage(self, scheduler: Any, live: Any) -> None:
        if self.current is not None:
            self.done += self.index
            self.counts[self.stage] = self.index
        self.current, self.index, self.stage = scheduler, 0, self.stage + 1
        known = getattr(live, "_num_timesteps", None) or len(scheduler.timesteps)
        if self.stage == len(self.counts):
            self.counts.append(known)
        self.counts[self.stage] = known

    def _reached(self, scheduler: Any, index: int, of: int) -> float:
        """Give the time that a step came to."""
        place = getattr(scheduler, "step_index", None)
        times = getattr(scheduler, "timesteps", ())
        if self.halfway and place is None:
            return max(0.0, 1 - (index + 1) / of)
        if self.index >= self.counts[self.stage] and not self.halfway:
            return 0.0
        if place is None:
            place = self.index + len(times) - self.counts[self.stage]
        at = time_of(scheduler, times[place]) if place < len(times) else 0.0
        return max(0.0, 1 - (index + 1) / of) if at is None else at

    def _array(self, x: Any) -> Any:
        """Give a latent as float32 1 C h w; tokens of packed ones are laid out again."""
        array = x.detach().float().cpu().numpy()
        if array.ndim == 5 and array.shape[2] == 1:
            array = array[:, :, 0]
        height, width = self.call.size
        if array.ndim == 3 and height and array.shape[2] % PACKED**2 == 0:
            return _unpacked(array, height / width)
        return array


STARTS = frozenset({"prepare_intermediate_images", "_encode_vae_image", "noise_image_embeddings"})


def is_start(name: str) -> bool:
    """Tell whether a method of a pipeline draws noise to start from."""
    return (name.startswith("prepare_") and "latents" in name) or name in STARTS


def starts_apart(kind: type) -> bool:
    """Tell whether a pipeline draws noise in methods of their own, and not within its call."""
    return any(is_start(name) for name in dir(kind))


def _unpacked(tokens: NDArray[np.float32], shape: float) -> NDArray[np.float32]:
    """Lay tokens 1 L 4C out as a latent 1 C h w, if a height and width of that shape fit them."""
    count, channels = tokens.shape[1], tokens.shape[2] // PACKED**2
    rows = round((count * shape) ** 0.5)
    if rows == 0 or count % rows:
        return tokens
    cells = tokens.reshape(1, rows, count // rows, channels, PACKED, PACKED)
    laid = cells.transpose(0, 3, 1, 4, 2, 5)
    return laid.reshape(1, channels, rows * PACKED, count // rows * PACKED)
