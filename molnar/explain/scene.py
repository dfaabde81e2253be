"""A picture on its way, and what the network expects it to be when it is told something else.

The picture is stopped at a few moments of its own path from noise to data. There the network is
asked once more for its estimate, with one thing changed in what it is told: a word left out of the
text, an item left out of the plan, a colour left open. What changes in the estimate is due to it.
Nothing is read off weights or activations, so this needs no engine but the one that draws.

Source: Fong and Vedaldi 2017, arXiv 1704.03296, section 3.1 (explaining by deletion), here of what
conditions a picture, not of the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from molnar.base.clock import Clock
from molnar.base.errors import RequestError
from molnar.base.images import fit
from molnar.base.request import Picture, Request
from molnar.base.rng import varied
from molnar.base.types import Denoise, Latent, Plan, Step, TextEmbedding
from molnar.canvas import Canvas, canvas
from molnar.diffusion.flow import add_noise
from molnar.diffusion.guidance import Guidance, anchored, mixed
from molnar.drawn import Drawn
from molnar.pipeline import Pipeline
from molnar.reading import Branches, Heard
from molnar.starting import begin

Floats = NDArray[np.float32]
Tell = Callable[[Step], object]
TIMES = (0.9, 0.7)  # where a picture is stopped: what goes where is decided early


@dataclass(frozen=True)
class Moment:
    """A picture on its way."""

    t: float
    x: Latent  # 1 C h w
    stage: int  # number of what the prompt says then


@dataclass(frozen=True)
class Drawing:
    """A finished picture and the way to it."""

    picture: Picture
    steps: tuple[Step, ...]

    @property
    def request(self) -> Request:
        """Its own, resolved."""
        return self.picture.request.single(0)


def drawing(pipeline: Pipeline, request: Request, tell: Tell = lambda step: None) -> Drawing:
    """Draw one picture, and keep every step.

    Args:
        pipeline: What draws.
        request: Of one picture; what it leaves open is filled in.
        tell: Called with each step.

    Raises:
        RequestError: A field is out of its range, or nothing is drawn.
    """
    steps: list[Step] = []
    finished: list[Picture] = []
    for event in pipeline.draw(request.replaced(count=1, best_of=1)):
        if isinstance(event, Picture):
            finished.append(event)
        else:
            steps.append(event)
            tell(event)
    if not steps:
        raise RequestError(
            "the picture was only enlarged: no step of it was drawn, so there is nothing to "
            "explain; expected one that was drawn: explain the picture it was made from"
        )
    return Drawing(finished[0], tuple(steps))


class Scene:
    """One picture, stopped at some moments.

    Example:
        >>> scene = Scene(pipeline, drawing(pipeline, request))  # doctest: +SKIP
        >>> scene.estimate(scene.branches(0), scene.moments[0]).shape  # doctest: +SKIP
        (1, 4, 128, 128)
    """

    def __init__(self, pipeline: Pipeline, drawn: Drawing) -> None:
        """Read again what the picture was told.

        Args:
            pipeline: What drew it.
            drawn: The picture.
        """
        request = drawn.request
        manifest = pipeline.bundle.manifest
        self.pipeline = pipeline
        self.request = request
        self.shape: Canvas = canvas(request, manifest)
        self.latent = manifest.latent.shape(height=self.shape.height, width=self.shape.width)
        self.heard = pipeline.heard(request)
        told = pipeline.lead(request, self.heard, self.latent[1:])
        self.plan: Plan = told.plan
        self._stages = told.stages
        self._known: dict[str, Heard | None] = {request.prompt: self.heard}
        self.moments = self._moments(drawn.steps)
        self.start = begin(request, drawn.picture.inputs, self.shape, pipeline.parts.encode)

    def _moments(self, steps: Sequence[Step]) -> tuple[Moment, ...]:
        """Choose the steps nearest to `TIMES`; a path of one step is walked back a little."""
        which = self.heard.which
        free = [step for step in steps if 0 < step.t < 1]
        if not free:
            variations = [(v.seed, v.strength) for v in self.request.variations]
            noise = varied(self.request.seed or 0, self.latent, variations)[None]
            t = np.full(1, TIMES[-1], np.float32)
            return (Moment(float(t[0]), add_noise(steps[-1].x0, noise, t), which[-1]),)
        chosen = {min(free, key=lambda step: abs(step.t - t)).index: None for t in TIMES}
        return tuple(self.moment(step) for step in free if step.index in chosen)

    def moment(self, step: Step) -> Moment:
        """Stop the picture after a step."""
        which = self.heard.which
        return Moment(step.t, step.x, which[min(step.index + 1, len(which) - 1)])

    def branches(self, stage: int, plan: Plan | None = None) -> Branches:
        """Give what the network is told, with another plan for what the prompt says first."""
        (weight, text), *rest = self._stages[stage]
        if plan is not None:
            text = self.pipeline.told(replace(text, plan=None), plan, self.latent[1:])
        return ((weight, text), *rest)

    def said_less(self, prompt: str) -> tuple[Branches, ...]:
        """Give what the network is told, stage by stage, of another prompt with the same plan.

        Only the first of several sub-prompts keeps its plan; the others get those of the other
        prompt. Where that says less often something else, its last stage stays.
        """
        heard = self._heard(prompt)
        if heard is None:
            nothing = self._nothing()
            return tuple(((1.0, replace(nothing, plan=row[0][1].plan)),) for row in self._stages)
        several = any(sum(voice.of is None for voice in row) > 1 for row in heard.stages)
        request = self.request.replaced(prompt=prompt)
        led = self.pipeline.lead(request, heard, self.latent[1:]).stages if several else ()
        found: list[Branches] = []
        for k, stage in enumerate(self._stages):
            now = min(k, len(heard.stages) - 1)
            row: list[tuple[float, TextEmbedding]] = []
            for n, (voice, (_, told)) in enumerate(zip(heard.stages[now], stage, strict=False)):
                own = several and n > 0 and voice.of is None
                plan = led[now][n][1].plan if own else told.plan
                row.append((voice.weight, replace(voice.text, plan=plan)))
            found.append(tuple(row))
        return tuple(found)

    def first(self, prompt: str) -> TextEmbedding:
        """Give the text that the last plan of a prompt is written from."""
        heard = self._heard(prompt)
        return self._nothing() if heard is None else heard.text

    def _heard(self, prompt: str) -> Heard | None:
        """Hear another prompt; None if it says nothing."""
        if prompt not in self._known:
            other = self.request.replaced(prompt=prompt)
            self._known[prompt] = self.pipeline.heard(other) if prompt else None
        return self._known[prompt]

    def _nothing(self) -> TextEmbedding:
        return self.pipeline.parts.embed(self.pipeline.tokenizer.encode([""]))

    def estimate(self, branches: Branches, moment: Moment) -> Floats:
        """Say what the network expects the picture to be: 1 4 H W in [-1, 1], premultiplied."""
        return self.decoded(self.denoiser(branches)(moment.x, time_of(moment)))

    def denoiser(self, branches: Branches, guidance: Guidance | None = None) -> Denoise:
        """Close what the network is told over it, what must stay of an old picture included."""
        scale = guidance or Guidance()
        denoise = mixed(self.pipeline.parts.velocity, branches, self.heard.null, scale)
        if self.start is None or self.start.fresh is None:
            return denoise
        return anchored(denoise, self.start.latent, self.start.fresh)

    def decoded(self, latent: Latent) -> Floats:
        """Turn a latent into what it shows: 1 4 H W in [-1, 1], premultiplied."""
        drawn = Drawn(self.request, Clock(), self.shape, plan=self.plan, latent=latent)
        image: Floats = drawn.decoded(self.pipeline.parts, self.pipeline.bundle)
        return image

    def cut(self, image: Floats) -> Floats:
        """Cut what the model drew, 1 C H W, to the shape of the picture, at its own scale."""
        _, _, width, height = self.window
        side = min(self.shape.height, self.shape.width)
        return fit(image, max(1, round(height * side)), max(1, round(width * side)))

    @property
    def window(self) -> tuple[float, float, float, float]:
        """What is shown of what the model drew: left, top, width and height, as plans count."""
        request, shape = self.request, self.shape
        scale = min(shape.height / request.height, shape.width / request.width)
        height, width = request.height * scale, request.width * scale
        left, top = (shape.width - width) / 2, (shape.height - height) / 2
        side = min(shape.height, shape.width)
        return left / side, top / side, width / side, height / side


def time_of(moment: Moment) -> Floats:
    """Give a moment's time as networks take it: float32 1."""
    return np.full(1, moment.t, np.float32)
