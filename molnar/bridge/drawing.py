"""A public checkpoint that draws: `Request` in, steps and `Picture` out, as our own model does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.clock import Clock
from molnar.base.errors import RequestError
from molnar.base.images import fit, from_model, on_paper
from molnar.base.request import Picture, Request
from molnar.base.rng import draw_seed
from molnar.base.types import Step
from molnar.bridge import asking, enlarging, refusing
from molnar.bridge.adapting import Wardrobe
from molnar.bridge.calling import Call, pixels_of
from molnar.bridge.computing import Computing
from molnar.bridge.family import Family
from molnar.bridge.guiding import Guiding
from molnar.bridge.marking import Marks
from molnar.bridge.noise import PictureNoise
from molnar.bridge.previews import Preview
from molnar.bridge.recognising import Found
from molnar.bridge.saying import begun, said
from molnar.bridge.schedulers import scheduled, scheduler_for
from molnar.bridge.staging import Second
from molnar.bridge.stepping import handed
from molnar.bridge.telling import card_of, count_of
from molnar.resolving import check_coherent, strength_of
from molnar.starting import Library, as_seen, check_mask, from_files, laid_back, remembered

Pixels = NDArray[np.uint8]


@dataclass
class Shared:
    """What all copies of a checkpoint have in common."""

    computing: Computing
    wardrobe: Wardrobe
    guiding: Guiding
    pipes: dict[str, Any] = field(default_factory=dict)  # by task, of the same networks
    turn: Any = field(default_factory=threading.RLock)  # one computes at a time
    preview: Preview | None = None


class Checkpoint:
    """A public model behind the surface of `molnar.pipeline.Pipeline`.

    Example:
        >>> checkpoint = open_checkpoint(recognise(path), Options())  # doctest: +SKIP
        >>> [picture] = checkpoint(Request(prompt="a red fox", seed=7))  # doctest: +SKIP
    """

    def __init__(
        self,
        computing: Computing,
        found: Found,
        *,
        engine: str,
        hashed: Callable[[], str] = str,
        library: Library = from_files,
        adapters: Sequence[Path] = (),
    ) -> None:
        """Take a live pipeline of diffusers and how it is computed.

        Args:
            computing: Begun.
            found: What the checkpoint was recognised as.
            engine: What is written into pictures as the engine's name.
            hashed: Gives the sha256 of the checkpoint; it may take its time.
            library: Where the pictures that requests name come from.
            adapters: Folders of LoRAs and embeddings that prompts may name; models of guides
                lie beside them.
        """
        self.found, self.engine, self.library = found, engine, library
        self.second: Second | None = None  # goes on with what this one began
        self._hashed = hashed
        guiding = Guiding(computing, found.family, adapters)
        wardrobe = Wardrobe(computing.pipe, adapters, computing.options.loras)
        self.marks = Marks(wardrobe, guiding)
        self._shared = Shared(computing, wardrobe, guiding)
        self._seen: dict[str, Pixels] = {}

    @property
    def name(self) -> str:
        """What is written into pictures as the model's name."""
        return self.found.name

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.found.path

    def card(self) -> dict[str, Any]:
        """Tell name, family, size, hash, licence and recommended settings, as plain JSON."""
        return card_of(self.found, name=self.name, sha256=self.hash)

    def count(self, prompt: str) -> tuple[int, int]:
        """Count the tokens of a prompt, and those that its first text encoder reads at most."""
        return count_of(self.pipe, prompt)

    @property
    def family(self) -> Family:
        """What is common to all checkpoints of its kind."""
        return self.found.family

    @property
    def pipe(self) -> Any:
        """The pipeline of diffusers: one that draws from words, or what the checkpoint is for."""
        return self._shared.computing.pipe

    @property
    def hash(self) -> str:
        """The sha256 of the checkpoint, hexadecimal."""
        return self._hashed()

    def apart(self, library: Library) -> Checkpoint:
        """Give a checkpoint for another thread: the same networks, not loaded twice.

        Args:
            library: Where the pictures that its requests name come from.
        """
        other = copy(self)
        other.library, other._seen = library, {}
        return other

    def __call__(self, request: Request) -> list[Picture]:
        """Draw every picture of a request."""
        return [event for event in self.draw(request) if isinstance(event, Picture)]

    def steps(self, request: Request) -> Iterator[Step]:
        """Draw, and yield the scheduler's steps, picture after picture."""
        return (event for event in self.draw(request) if isinstance(event, Step))

    def resolve(self, request: Request) -> Request:
        """Fill in what the request leaves to the checkpoint, a random seed included.

        Sampler and schedule stay None where the checkpoint's own have no name here.

        Raises:
            RequestError: A field is out of its range, or the family cannot do it.
        """
        request.validated()
        check_coherent(request)
        refusing.check(request, self.family)
        kind = type(self._pipe_for(request))
        steps, guidance = request.steps or self.found.steps, request.guidance
        if guidance is None:
            guidance = max(1.0, float(self.found.guidance))
        elif (
            asking.guidance_name(kind, distilled=not self.family.negative) is None and guidance != 1
        ):
            raise RequestError(
                f"guidance is {guidance}, and {self.family.title} has none; expected 1, or none"
            )
        image, mask, *maps = (
            remembered(name, self._seen, self.library)
            for name in (request.image, request.mask, *(one.image for one in request.guides))
        )
        if mask:
            check_mask(self._seen[mask], self._seen[image])
        full = replace(
            request,
            steps=steps,
            guidance=guidance,
            seed=draw_seed() if request.seed is None else request.seed,
            strength=strength_of(request),
            image=image,
            mask=mask,
            guides=tuple(
                replace(one, image=name) for one, name in zip(request.guides, maps, strict=True)
            ),
        )
        if image:
            enlarging.check(full, self.family, self._seen[image].shape[:2])
        if full.guides:
            refined = self.second is not None and not self.second.left_out(full, self.found)
            self._shared.guiding.check(full, self._pipe_for(full), refined)
        worn = self._shared.wardrobe.read(full)
        if worn.loras and self._shared.computing.options.backend != "torch":
            raise RequestError(
                "got a LoRA, and the converted network keeps the weights it was made with; "
                "expected none, or --backend torch"
            )
        for text, what in ((worn.prompt, "prompt"), (worn.negative, "negative prompt")):
            refusing.read(text, full, self.family, what)
        return scheduled(full, getattr(self.pipe, "scheduler", None), self.family.title)

    def notes(self, request: Request) -> list[str]:
        """Say what the pictures of a request will not show as asked; one line each."""
        full = self.resolve(request)
        led = self._shared.guiding.read(full)
        controls = [one.path for one in led if one.guide.kind == "control"]
        told: list[str | None] = [*self._shared.computing.notes(full, controls)]
        worn = self._shared.wardrobe.read(full)
        count, most = count_of(self.pipe, worn.prompt)
        if count > most and self.family.prompts != "clip":  # whose long prompts are cut in chunks
            told.append(f"the prompt has {count} tokens, and this model reads {most} of them")
        if enlarging.enlarges(full, self.family):
            told.append(enlarging.loss(full, self.family, self._seen[full.image].shape[:2]))
        if full.guides:
            with self._shared.turn:
                told += self._shared.guiding.notes(full, self._pipe_for(full), self._seen)
        if worn.loras:
            with self._shared.turn:
                told += self._shared.wardrobe.notes(worn)
        if self.second is not None:
            told.append(self.second.left_out(full, self.found))
        return [line for line in told if line]

    def preview(self, step: Step) -> Pixels:
        """Guess what a step comes to: uint8 H W 3, small, without a run of the decoder."""
        if self._shared.preview is None:
            with self._shared.turn:
                self._shared.preview = Preview.of(self.pipe, self._shared.computing.decoder)
        return self._shared.preview(step.x0)

    def draw(self, request: Request, only: Sequence[int] | None = None) -> Iterator[Step | Picture]:
        """Draw picture after picture: the steps of each, then the picture itself.

        Closing the iterator ends the work within a step.

        Args:
            request: What to draw. Its seed must be given if only some are drawn here.
            only: Which of its pictures, from 0; None = all. They are what they are among all.

        Raises:
            RequestError: The family cannot draw it, or it has no such picture.
        """
        request = self.resolve(request)
        wanted = range(request.count) if only is None else only
        for index in wanted:
            if not 0 <= index < request.count:
                raise RequestError(
                    f"got picture {index}; expected 0 to {request.count - 1} of this request"
                )
        inputs = {name: self._seen[name] for name in request.pictures}
        start = begun(request, self.family, inputs)
        larger = enlarging.enlarges(request, self.family)
        adapters = self.marks.begin(request)
        for index in wanted:
            alone = request.single(index)
            clock = Clock()
            if start is not None and request.strength == 0 and not larger:
                pixels = on_paper(start.frame)
            else:
                draw = partial(self._steps, alone, start, inputs, clock)
                with closing(self._shared.computing.patiently(draw)) as steps:
                    pixels = yield from steps
            if pixels.shape[:2] != (request.height, request.width):
                pixels = on_paper(
                    from_model(fit(as_seen(pixels), request.height, request.width))[0]
                )
            if start is not None:
                pixels = laid_back(pixels, start)
            assert alone.seed is not None
            yield Picture(
                image=pixels,
                request=request,
                seed=alone.seed,
                index=index,
                model=self.name,
                model_hash=self.hash,
                engine=self.engine,
                seconds=clock.seconds,
                variations=alone.variations,
                inputs=inputs,
                adapters=adapters(),
            )

    def _steps(self, request: Request, start: Any, inputs: Any, clock: Clock) -> Any:
        """Draw one picture: a generator of steps that returns pixels uint8 H W 3."""
        assert request.seed is not None
        pipe = self._pipe_for(request)
        own = getattr(pipe, "scheduler", None)
        whole = request.stop == 100
        if not whole and not hasattr(type(pipe), "interrupt"):
            raise RequestError(f"{self.family.title} cannot stop early; expected stop 100")

        wardrobe, computing, second = self._shared.wardrobe, self._shared.computing, self.second
        worn, guiding = wardrobe.read(request), self._shared.guiding
        guides = guiding.read(request)

        def fresh(own: Any) -> Any:
            return scheduler_for(own, request.sampler, request.schedule, self.family.title)

        def work(hand: Any) -> Any:
            wardrobe.wear(worn)
            wardrobe.lend(pipe)
            guiding.wear(guides)
            led = guiding.lead(pipe, guides, inputs)
            computing.prepare(request, worn)
            call = Call(
                pipe=led.pipe,
                arguments={**said(led.pipe, self.family, request, start, worn), **led.arguments},
                noise=PictureNoise(request.seed or 0, request.variations),
                scheduler=None if own is None else fresh(own),
                stop=request.stop,
                size=(request.height, request.width),
                clock=clock,
            )
            if second is not None and second.left_out(request, self.found) is None:
                call = second.after(call, request, worn)

            def back(step: Step) -> None:
                hand(step)
                wardrobe.wear(worn)  # another picture may have been drawn meanwhile
                guiding.wear(guides)
                computing.prepare(request, worn)

            return pixels_of(call(back))

        return handed(work, self._shared.turn)

    def _pipe_for(self, request: Request) -> Any:
        """Give the pipeline of a request's task, made of the same networks."""
        task = refusing.task_of(request, self.family)
        pipes = self._shared.pipes
        if task not in pipes:
            import diffusers

            kind = getattr(diffusers, self.family.pipelines[task])
            same = type(self.pipe) is kind
            pipes[task] = self.pipe if same else kind.from_pipe(self.pipe)
            pipes[task].set_progress_bar_config(disable=True)
        return pipes[task]
