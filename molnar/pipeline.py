"""Prompt -> picture: the only file that knows every stage, one paragraph per stage.

Pictures are computed one at a time, each from noise keyed by its own seed, so that neither the size
of a request nor the pictures beside it ever change a picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.clock import Clock
from molnar.base.errors import RequestError
from molnar.base.images import fit, from_model, on_white
from molnar.base.quantise import unpacked
from molnar.base.request import Picture, Request, UnknownWord
from molnar.base.rng import PLANNING, PictureRng, batch_seeds, draw_seed, generator, noise
from molnar.base.types import Parts, Step, TextEmbedding
from molnar.base.weights import load as load_arrays
from molnar.bundle import Bundle, Defaults
from molnar.canvas import Canvas, canvas
from molnar.choosing import rank, rated, sight
from molnar.diffusion.guidance import Guidance, paired
from molnar.diffusion.samplers import SAMPLERS
from molnar.diffusion.schedule import times_of
from molnar.engines import open_parts
from molnar.plan.items import Plan, spread
from molnar.plan.paint import paint
from molnar.plan.writing import write
from molnar.text.meaning import Meaning
from molnar.text.prompt import Prompt
from molnar.text.tokens import Tokenizer
from molnar.text.words import Lexicon

__all__ = ["Pipeline", "load"]

CLEAR = re.compile(r"\btransparent\b", re.IGNORECASE)
CLEAR_WORDS = "on a transparent background"  # as in the captions it was trained on
Floats = NDArray[np.float32]


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


class Pipeline:
    """A model that draws.

    Example:
        >>> pipeline = load("sticker")  # doctest: +SKIP
        >>> [picture] = pipeline(Request(prompt="a red fox", seed=7))  # doctest: +SKIP
    """

    def __init__(self, bundle: Bundle, parts: Parts, engine: str = "onnx") -> None:
        """Join a bundle and what computes it.

        Args:
            bundle: A verified bundle.
            parts: Its parts, from `engines.open_parts`.
            engine: What is written into pictures as the engine's name.
        """
        self.bundle = bundle
        self.parts = parts
        self.engine = engine
        self.tokenizer = Tokenizer.load(bundle.path(bundle.manifest.tokenizer))
        self.lexicon = Lexicon.load(bundle.path(bundle.manifest.words))
        self.names = names_of(bundle)
        self._meaning: Meaning | None = None

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
        request.validated()
        if request.best_of > 1 and "clip" not in self.bundle.manifest.parts:
            raise RequestError(
                f"got best_of {request.best_of}, and model {self.bundle.manifest.name!r} has no "
                "CLIP to choose by; expected 1, or a model with one"
            )
        open_fields = (request.steps, request.guidance, request.sampler)
        defaults = self._defaults(request.quality if None in open_fields else "normal")
        return replace(
            request,
            steps=defaults.steps if request.steps is None else request.steps,
            guidance=defaults.guidance if request.guidance is None else request.guidance,
            sampler=defaults.sampler if request.sampler is None else request.sampler,
            schedule=defaults.schedule if request.schedule is None else request.schedule,
            seed=draw_seed() if request.seed is None else request.seed,
            transparent=request.transparent or bool(CLEAR.search(request.prompt)),
        )

    def _defaults(self, quality: str) -> Defaults:
        """Give the model's own settings at a quality."""
        manifest = self.bundle.manifest
        if quality == "normal":
            return manifest.defaults
        if quality not in manifest.qualities:
            have = ", ".join(("normal", *manifest.qualities))
            raise RequestError(
                f"model {manifest.name!r} has no quality {quality!r}; it has: {have}"
            )
        changed = vars(manifest.qualities[quality]).items()
        return replace(manifest.defaults, **{k: v for k, v in changed if v is not None})

    def notes(self, request: Request) -> list[str]:
        """Say what the pictures of a request will not show as asked; one line each."""
        notes = []
        if canvas(request, self.bundle.manifest).cropped:
            shapes = ", ".join(self.bundle.manifest.aspects)
            notes.append(
                f"this model draws {shapes}: "
                f"the picture is cut to {request.width} x {request.height}"
            )
        read = self.wording(self.resolve(request)).text
        if self.read(request.prompt) != self.lexicon.read(request.prompt):
            notes.append(f"read as: {self.read(request.prompt)}")
        lost = self.tokenizer.truncated(read)
        if lost:
            notes.append(f"the prompt is too long for this model, not read: {' '.join(lost)}")
        return notes

    def draw(self, request: Request) -> Iterator[Step | Picture]:
        """Draw picture after picture: the steps of each, then the picture itself.

        Closing the iterator stops the work at once.

        Raises:
            RequestError: A field of the request is out of its range.
        """
        request = self.resolve(request)
        assert request.seed is not None
        shape = canvas(request, self.bundle.manifest)
        later = {"upscaler": shape.enlargements > 0, "clip": request.best_of > 1}
        prepare(self.parts, "decoder", *(name for name, needed in later.items() if needed))
        clock = Clock()
        with clock.times("text"):
            text, null = self.embed(request)
            unknown = self.unknown(request.prompt)
        seeds = batch_seeds(request.seed, request.count * request.best_of)
        for index in range(request.count):
            clock = Clock(text=clock.seconds["text"])
            found: list[_Drawn] = []
            for number, seed in enumerate(seeds[index * request.best_of :][: request.best_of]):
                drawn = _Drawn(seed, clock)
                for step in self._sample(request, drawn, shape, (text, null)):
                    yield step.among(number, request.best_of)
                self._decode(request, drawn, text)
                found.append(drawn)
            best = max(found, key=lambda drawn: rank(drawn.fit))  # the first of equals
            yield Picture(
                image=self._finish(request, best, shape),
                request=request,
                seed=best.seed,
                index=index,
                model=self.bundle.manifest.name,
                model_hash=self.bundle.hash,
                engine=self.engine,
                seconds=clock.seconds,
                unknown=unknown,
                plan=best.plan,
                fit=best.fit,
            )

    def wording(self, request: Request) -> Prompt:
        """Prompt as typed -> as the model reads it: clean, emoji by name, background said."""
        prompt = Prompt.parse(request.prompt, request.negative_prompt)
        text = self.read(prompt.text)
        if request.transparent and not CLEAR.search(text):
            text = f"{text.rstrip(' .,')} {CLEAR_WORDS}"
        # What to keep away from is read as it is: nobody would see what it was changed to.
        return Prompt(text, self.lexicon.read(prompt.negative))

    def read(self, text: str) -> str:
        """Text as typed -> in words that the model was taught, as far as they are known."""
        text = self.lexicon.read(text)
        if self._meaning is None and self.bundle.manifest.meaning is not None:
            self._meaning = Meaning.load(self.bundle.path(self.bundle.manifest.meaning))
        return text if self._meaning is None else self._meaning.read(text)

    def embed(self, request: Request) -> tuple[TextEmbedding, TextEmbedding]:
        """Prompt -> tokens -> embeddings: those of the prompt, and of what to keep away from."""
        prompt = self.wording(request)
        both = self.parts.embed(self.tokenizer.encode([prompt.text, prompt.negative]))
        return _row(both, 0), _row(both, 1)

    def plan(self, text: TextEmbedding, seed: int) -> Plan:
        """Decide what there will be, in which colour and in which box; empty without a planner.

        Args:
            text: Embedding of one prompt.
            seed: Of the picture: decides what the prompt leaves open.
        """
        if self.names is None:
            return ()
        rng = generator(seed, PLANNING)
        return write(lambda numbers: self.parts.plan(numbers, text), tuple(self.names), rng)

    def _told(self, text: TextEmbedding, plan: Plan, shape: Canvas) -> TextEmbedding:
        """Tell every cell of the latent what is planned there."""
        if not plan or self.names is None:
            return text
        cells = self.bundle.manifest.latent.shape(height=shape.height, width=shape.width)[1:]
        wide = text.pooled.shape[-1]
        painted = paint(spread(plan, *cells), self.names, cells, wide)
        return replace(text, plan=painted[None])

    def unknown(self, prompt: str) -> list[UnknownWord]:
        """List the words of a prompt that the model was never taught, and taught ones near."""
        return self.lexicon.unknown(
            prompt, lambda words: self.parts.embed(self.tokenizer.encode(words)).pooled
        )

    def _sample(
        self,
        request: Request,
        drawn: _Drawn,
        shape: Canvas,
        texts: tuple[TextEmbedding, TextEmbedding],
    ) -> Iterator[Step]:
        """Embeddings and noise -> a plan, and a latent, step by step."""
        manifest = self.bundle.manifest
        assert request.guidance is not None
        assert request.sampler is not None
        assert request.schedule is not None
        assert request.steps is not None
        with drawn.clock.times("plan"):
            drawn.plan = self.plan(texts[0], drawn.seed)
            told = self._told(texts[0], drawn.plan, shape)
        low, high = manifest.defaults.interval
        guidance = Guidance(
            scale=request.guidance, low=low, high=high, rescale=manifest.defaults.rescale
        )
        denoise = paired(self.parts.velocity, told, texts[1], guidance)
        latent = manifest.latent.shape(height=shape.height, width=shape.width)
        x = noise(drawn.seed, 0, latent)[None]
        times = times_of(request.schedule, request.steps, manifest.defaults.shift)
        steps = SAMPLERS[request.sampler](denoise, x, times, PictureRng([drawn.seed]))
        while True:
            with drawn.clock.times("diffusion"):
                step = next(steps, None)
            if step is None:
                return
            drawn.latent = step.x
            yield step

    def _decode(self, request: Request, drawn: _Drawn, text: TextEmbedding) -> None:
        """A latent -> a small picture, and if there are several, how well it fits the text."""
        with drawn.clock.times("decode"):
            drawn.image = np.clip(self.parts.decode(drawn.latent), -1, 1)
        if request.best_of == 1:
            return
        with drawn.clock.times("choose"):
            size = request.height, request.width
            drawn.fit = rated(self.parts, sight(self.bundle), drawn.image, text, size)

    def _finish(self, request: Request, drawn: _Drawn, shape: Canvas) -> NDArray[np.uint8]:
        """A small picture -> upscaler -> the pixels of the picture."""
        image = drawn.image
        with drawn.clock.times("upscale"):
            for _ in range(shape.enlargements):
                image = np.clip(self.parts.upscale(image), -1, 1)
            image = fit(image, request.height, request.width)
        if not request.transparent:
            image = on_white(image)
        pixels = from_model(image)[0]
        return pixels if request.transparent else np.ascontiguousarray(pixels[..., :3])


@dataclass
class _Drawn:
    """A picture on its way."""

    seed: int
    clock: Clock  # shared by those that one is chosen from
    plan: Plan = ()
    latent: Any = None  # 1 C h w
    image: Any = None  # 1 4 H W in [-1, 1], as decoded
    fit: float | None = None


def names_of(bundle: Bundle) -> dict[str, Floats] | None:
    """Read the names that plans can hold and their sentence vectors; None without a planner."""
    part = bundle.manifest.parts.get("planner")
    if part is None:
        return None
    stored = load_arrays(bundle.path(part.weights))
    own = {key: stored[key] for key in stored if key.split(".")[0] == "vectors"}
    return dict(zip(part.config["names"], unpacked(own)["vectors"], strict=True))


def prepare(parts: Parts, *names: str) -> None:
    """Let an engine that loads its parts lazily begin with these, side by side."""
    begin: Callable[..., None] | None = getattr(parts, "prepare", None)
    if begin is not None:
        begin(*names)


def _row(text: TextEmbedding, row: int) -> TextEmbedding:
    here = slice(row, row + 1)
    return TextEmbedding(text.tokens[here], text.pooled[here], text.mask[here])
