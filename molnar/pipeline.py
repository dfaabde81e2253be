"""Prompt -> picture: the only file that knows every stage, one paragraph per stage.

Pictures are computed one at a time, each from noise keyed by its own seed, so that neither the size
of a request nor the pictures beside it ever change a picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molnar.base.clock import Clock
from molnar.base.images import fit, from_model, on_white
from molnar.base.request import Picture, Request
from molnar.base.rng import PictureRng, varied
from molnar.base.types import Denoise, Parts, Step, TextEmbedding
from molnar.bundle import Bundle
from molnar.canvas import canvas
from molnar.choosing import rank, rated, sight
from molnar.diffusion.flow import Velocity, add_noise
from molnar.diffusion.flowmap import stepping
from molnar.diffusion.guidance import Guidance, anchored, mixed, paired, stepwise
from molnar.diffusion.samplers import SAMPLERS
from molnar.diffusion.schedule import partial, times_of
from molnar.diffusion.seamless import seamless
from molnar.drawn import (
    REACH,
    Drawn,
    check_places,
    drawable,
    last_step,
    manner_of,
    smaller,
    upscale_of,
)
from molnar.engines import open_parts, prepare
from molnar.reading import Heard, Reader, Told
from molnar.resolving import by_flow_map, resolved
from molnar.starting import (
    Library,
    as_seen,
    begin,
    check_mask,
    from_files,
    laid_back,
    remembered,
)
from molnar.starting import transparent as see_through

__all__ = ["Pipeline", "load"]

Pixels = NDArray[np.uint8]
CALM = 0.7  # rescale of guidance by several texts


def load(
    model: str | Path = "sticker",
    engine: str = "onnx",
    *,
    threads: int | None = None,
    search: Sequence[Path] = (),
) -> Pipeline:
    """Open a model.

    Args:
        model: The name of a bundle, or its folder.
        engine: "onnx", or "torch" where it is installed.
        threads: CPU threads; None = one per core.
        search: Folders that hold bundles, looked through before the shipped ones.

    Raises:
        BundleError: The bundle is not there, or is damaged.
        ConfigError: There is no such engine.
    """
    bundle = Bundle.load(model, search=search)
    parts = open_parts(bundle, engine, threads=threads)
    first = ("velocity", "text", "planner")  # while tokenizer and words are read
    prepare(parts, *(name for name in first if name in bundle.manifest.parts))
    return Pipeline(bundle, parts, engine)


class Pipeline(Reader):
    """A model that draws.

    Example:
        >>> pipeline = load("sticker")  # doctest: +SKIP
        >>> [picture] = pipeline(Request(prompt="a red fox", seed=7))  # doctest: +SKIP
    """

    def __init__(
        self, bundle: Bundle, parts: Parts, engine: str = "onnx", library: Library = from_files
    ) -> None:
        """Join a bundle and what computes it.

        Args:
            bundle: A verified bundle.
            parts: Its parts, from `engines.open_parts`.
            engine: What is written into pictures as the engine's name.
            library: Where the pictures that requests name come from.
        """
        super().__init__(bundle, parts)
        self.engine = engine
        self.library = library
        self._seen: dict[str, Pixels] = {}  # pictures that requests named, by their hash

    @property
    def name(self) -> str:
        """The model's name."""
        return self.bundle.manifest.name

    @property
    def hash(self) -> str:
        """The sha256 that names the model."""
        return self.bundle.hash

    def apart(self, library: Library) -> Pipeline:
        """Give a pipeline for another thread: the same model, not loaded twice.

        Args:
            library: Where the pictures that its requests name come from.
        """
        _ = self.meaning  # read here, or every copy would read its own
        other = copy(self)
        other.library = library
        other._seen = {}
        return other

    def __call__(self, request: Request) -> list[Picture]:
        """Draw every picture of a request."""
        return [event for event in self.draw(request) if isinstance(event, Picture)]

    def steps(self, request: Request) -> Iterator[Step]:
        """Draw, and yield the sampler's steps, picture after picture."""
        return (event for event in self.draw(request) if isinstance(event, Step))

    def resolve(self, request: Request) -> Request:
        """Fill in what the request leaves to the model, a random seed included.

        Raises:
            RequestError: A field is out of its range, or the model has no such quality.
        """
        full = resolved(request, self.bundle.manifest)
        image, mask = (
            remembered(name, self._seen, self.library) for name in (request.image, request.mask)
        )
        if mask:
            check_mask(self._seen[mask], self._seen[image])
        seen_through = bool(image) and see_through(self._seen[image])
        transparent = full.transparent or seen_through
        return replace(full, image=image, mask=mask, transparent=transparent)

    def notes(self, request: Request) -> list[str]:
        """Say what the pictures of a request will not show as asked; one line each."""
        notes = []
        if canvas(request, self.bundle.manifest).cropped and not drawable(
            request, self.bundle.manifest.aspects
        ):
            shapes = ", ".join(self.bundle.manifest.aspects)
            notes.append(
                f"this model draws {shapes}: "
                f"the picture is cut to {request.width} x {request.height}"
            )
        request = self.resolve(request)
        for text in self.texts(request):
            if self.read(text) != self.lexicon.read(text):
                notes.append(f"read as: {self.read(text)}")
            lost = self.tokenizer.truncated(self.wording(request.replaced(prompt=text)).text)
            if lost:
                notes.append(f"the prompt is too long for this model, not read: {' '.join(lost)}")
        return notes

    def draw(self, request: Request, only: Sequence[int] | None = None) -> Iterator[Step | Picture]:
        """Draw picture after picture: the steps of each, then the picture itself.

        Closing the iterator stops the work at once.

        Args:
            request: What to draw. Its seed must be given if only some are drawn here, and the
                others elsewhere.
            only: Which of its pictures, from 0; None = all. They are what they are among all.

        Raises:
            RequestError: A field of the request is out of its range, or it has no such picture.
        """
        request = self.resolve(request)
        wanted = range(request.count) if only is None else check_places(only, request.count)
        assert request.seed is not None
        shape = canvas(request, self.bundle.manifest)
        later = {"upscaler": shape.enlargements > 0, "clip": request.best_of > 1}
        prepare(self.parts, "decoder", *(name for name, needed in later.items() if needed))
        clock = Clock()
        with clock.times("text"):
            heard = self.heard(request)
            unknown = self.unknown(", ".join(self.texts(request)))
        inputs = {name: self._seen[name] for name in (request.image, request.mask) if name}
        start = begin(request, inputs, shape, self.parts.encode)
        for index in wanted:
            clock = Clock(text=clock.seconds["text"])
            found: list[Drawn] = []
            for number in range(request.best_of):
                alone = request.single(index * request.best_of + number)
                drawn = Drawn(alone, clock, shape, start)
                if start is not None and request.strength == 0:
                    added = any(request.outpaint)
                    drawn.image = as_seen(start.frame if added else inputs[request.image])
                else:
                    for step in self._sample(drawn, heard):
                        yield step.among(number, request.best_of)
                    self._decode(drawn, heard.text if request.best_of > 1 else None)
                found.append(drawn)
            best = max(found, key=lambda drawn: rank(drawn.fit))  # the first of equals
            yield Picture(
                image=self._finish(best),
                request=request,
                seed=best.seed,
                index=index,
                model=self.bundle.manifest.name,
                model_hash=self.bundle.hash,
                engine=self.engine,
                seconds=clock.seconds,
                unknown=unknown,
                variations=best.request.variations,
                plan=best.plan,
                inputs=inputs,
                fit=best.fit,
            )

    def _sample(self, drawn: Drawn, heard: Heard) -> Iterator[Step]:
        """Embeddings and noise -> a plan, and a latent, step by step."""
        manifest, request = self.bundle.manifest, drawn.request
        assert request.sampler is not None
        latent = manifest.latent.shape(height=drawn.shape.height, width=drawn.shape.width)
        with drawn.clock.times("plan"):
            told = self.lead(request, heard, latent[1:])
            drawn.plan = told.plan
        if manner_of(self.bundle, drawn.plan) is not None:
            prepare(self.parts, "finisher")
        times = self._times(request)
        denoise = self._denoiser(drawn, heard, told, times)
        steps = (((v.seed, v.strength)) for v in request.variations)
        x = varied(drawn.seed, latent, tuple(steps))[None]
        if drawn.start is not None and times[0] < 1:
            x = add_noise(drawn.start.latent, x, np.full(1, times[0], np.float32))
        sampler = SAMPLERS[request.sampler](denoise, x, times, PictureRng([drawn.seed]))
        last = last_step(len(times) - 1, request.stop)
        while True:
            with drawn.clock.times("diffusion"):
                step = next(sampler, None)
            if step is None:
                return
            drawn.latent = step.x if step.index + 1 < last or last == step.of else step.x0
            yield replace(step, of=last)
            if step.index + 1 == last:
                return

    def _times(self, request: Request) -> list[float]:
        """The times to visit: all of the schedule, or the end of it from a picture on."""
        assert request.schedule is not None
        assert request.steps is not None
        assert request.strength is not None
        shift = self.bundle.manifest.defaults.shift
        times = times_of(request.schedule, request.steps, shift)
        if request.image and request.strength < 1:
            times = partial(times, request.strength)
        return [float(t) for t in times]

    def _denoiser(self, drawn: Drawn, heard: Heard, told: Told, times: Sequence[float]) -> Denoise:
        """Close all that is known of a picture over the network: (x_t, t) -> estimate of x0."""
        defaults, request = self.bundle.manifest.defaults, drawn.request
        assert request.guidance is not None
        low, high = defaults.interval
        guidance = Guidance(scale=request.guidance, low=low, high=high, rescale=defaults.rescale)
        # Words with weights are followed far beyond what was learned: contrast must not run away.
        calm = replace(guidance, rescale=max(guidance.rescale, CALM))
        velocity: Velocity = self.parts.velocity
        velocity = seamless(velocity, times) if request.tile else velocity
        if by_flow_map(request, self.bundle.manifest):
            velocity = stepping(velocity, times)
        each = [
            paired(velocity, stage[0][1], heard.null, guidance)
            if len(stage) == 1 and stage[0][0] == 1
            else mixed(velocity, stage, heard.null, calm)
            for stage in told.stages
        ]
        denoise = each[0] if len(each) == 1 else stepwise(each, heard.which, times)
        if drawn.start is None or drawn.start.fresh is None:
            return denoise
        return anchored(denoise, drawn.start.latent, drawn.start.fresh)

    def _decode(self, drawn: Drawn, text: TextEmbedding | None) -> None:
        """A latent -> a small picture, and if there are several, how well it fits the text."""
        with drawn.clock.times("decode"):
            drawn.image = drawn.decoded(self.parts, self.bundle)
        if text is None:
            return
        with drawn.clock.times("choose"):
            size = drawn.request.height, drawn.request.width
            drawn.fit = rated(self.parts, sight(self.bundle), drawn.image, text, size)

    def _finish(self, drawn: Drawn) -> Pixels:
        """A small picture -> upscaler -> the pixels of the picture."""
        image, request = drawn.image, drawn.request
        with drawn.clock.times("upscale"):
            scale = upscale_of(self.bundle)
            while scale > 1 and smaller(image, request):
                image = drawn.edged(self.parts.upscale, image, margin=REACH, scale=scale)
                image = np.clip(image, -1, 1)
            image = fit(image, request.height, request.width)
        if not request.transparent:
            image = on_white(image)
        pixels = from_model(image)[0]
        if not request.transparent:
            pixels = np.ascontiguousarray(pixels[..., :3])
        return pixels if drawn.start is None else laid_back(pixels, drawn.start)
