"""One model for several pictures at once: each in a thread of its own, and none of them changed.

A picture alone has all cores. While there are several, every core computes for itself, which costs
less than sharing each small multiplication between cores, and steps of different pictures are put
into one batch. A picture must not depend on that, so nothing is believed of the arithmetic: the
first time that inputs of some shape are computed in another way they are computed both ways, and
unless all bits are equal that shape is never computed in the other way again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.types import TextEmbedding, Tokens
from molnar.engines import open_parts, prepare
from molnar.engines.lanes import ROWS, Lanes

if TYPE_CHECKING:
    from molnar.base.types import Array, Latent, Time
    from molnar.bundle import Bundle

Question = tuple["Latent", "Time", TextEmbedding]  # x B C H W, t B, what is told of each row
# With more threads ONNX Runtime cuts a batch of two in other places, and the last bits change.
MOST = 2
LARGE = 500_000  # numbers of an image: to enlarge more takes hundreds of megabytes


class Shared:
    """Parts of a bundle for several threads at once.

    Example:
        >>> shared = Shared(Bundle.load("sticker"))  # doctest: +SKIP
        >>> with shared.drawing():  # doctest: +SKIP
        ...     [picture] = Pipeline(bundle, shared)(request)
    """

    def __init__(
        self, bundle: Bundle, engine: str = "onnx", threads: int | None = None, *, rows: int = ROWS
    ) -> None:
        """Remember where the parts are; nothing is loaded yet.

        Args:
            bundle: A verified bundle.
            engine: "onnx"; with "torch" calls come one after the other.
            threads: Cores to use; None = all that this process may.
            rows: Of one batch, at most; a picture with guidance takes two.

        Raises:
            ConfigError: Unknown engine or impossible number of threads.
        """
        cores = available() if threads is None else threads
        if engine == "onnx":
            self._wide = open_parts(bundle, engine, threads=min(cores, MOST))
            self._narrow = open_parts(bundle, engine, threads=1) if cores > 1 else self._wide
        else:  # its threads are those of the whole process
            self._wide = self._narrow = open_parts(bundle, engine, threads=threads)
        self._lanes = Lanes(cores if engine == "onnx" else 1, rows=rows)
        self._large = threading.Lock()
        self._used: dict[str, None] = {}  # names of parts, in the order they were asked for
        self._same: dict[Any, bool] = {}  # shapes -> whether both ways give the same bits

    def drawing(self) -> AbstractContextManager[None]:
        """Say that this thread draws a picture, until the block ends."""
        if self.active:
            prepare(self._narrow, *self._used)
        return self._lanes.entered()

    @property
    def active(self) -> int:
        """How many pictures are being drawn."""
        return self._lanes.members

    @property
    def cores(self) -> int:
        """How many calls are computed at a time."""
        return self._lanes.count

    def prepare(self, *names: str) -> None:
        """Start to load parts in the background, because they will be needed soon."""
        self._used.update(dict.fromkeys(names))
        prepare(self._wide, *names)
        if self.active > 1:
            prepare(self._narrow, *names)

    def embed(self, tokens: Tokens) -> TextEmbedding:
        """Embed ids int64 B L with mask bool B L."""
        found: TextEmbedding = self._alone("embed", tokens)
        return found

    def plan(self, written: Array, text: TextEmbedding) -> Sequence[Array]:
        """Rate the next number of a plan: logits of names, colours and bins, 1 K each."""
        found: Sequence[Array] = self._alone("plan", written, text)
        return found

    def velocity(self, x: Latent, t: Time, text: TextEmbedding) -> Latent:
        """Estimate `noise - x0` at x float32 B C H W and t float32 B in [0, 1]."""
        kind = None if self.active <= 1 else kind_of(x, t, text)
        if kind is None:  # also one row alone: it is multiplied by other kernels than several are
            return self._alone("velocity", x, t, text)
        return self._lanes.join(kind, x.shape[0], (x, t, text), self._together)

    def decode(self, latent: Latent) -> Array:
        """Turn a latent float32 B C H W into an image B 4 H W in [-1, 1], premultiplied."""
        return self._alone("decode", latent)

    def finish(self, image: Array, manner: Array) -> Array:
        """Paint over an image B 4 H W in [-1, 1]; manner float32 B K says in which looks."""
        return self._alone("finish", image, manner)

    def encode(self, image: Array) -> Latent:
        """Turn an image float32 B 4 H W in [-1, 1], premultiplied, into a latent B C H W."""
        return self._alone("encode", image)

    def upscale(self, image: Array) -> Array:
        """Enlarge an image float32 B 4 H W in [-1, 1] by the upscaler's factor."""
        if self.active > 1 and image.size > LARGE:  # all cores for one, then for the next
            with self._large:
                return self._lanes.run(lambda: self._wide.upscale(image))
        return self._alone("upscale", image)

    def rate(self, image: Array, text: TextEmbedding) -> Array:
        """Say how well images float32 B 4 S S in [-1, 1], premultiplied, fit texts: cosines B."""
        return self._alone("rate", image, text)

    def _alone(self, name: str, *asked: Any) -> Any:
        """Compute one call: with all cores if there is one picture, in a lane if there are more."""
        if self.active <= 1:
            return getattr(self._wide, name)(*asked)
        return self._lanes.run(lambda: self._exactly(name, *asked))

    def _exactly(self, name: str, *asked: Any) -> Any:
        """Compute on one core what must not differ from what all cores give."""
        narrow: Callable[..., Any] = getattr(self._narrow, name)
        wide: Callable[..., Any] = getattr(self._wide, name)
        if self._narrow is self._wide:
            return wide(*asked)
        key = (name, *shapes(*asked))
        if key not in self._same:
            expected = wide(*asked)
            self._same[key] = bits(narrow(*asked)) == bits(expected)
            return expected
        return narrow(*asked) if self._same[key] else wide(*asked)

    def _together(self, questions: Sequence[Question]) -> Sequence[Latent]:
        """Compute the velocities of several pictures as one batch."""
        if len(questions) == 1:
            return [self._exactly("velocity", *questions[0])]
        key = (kind_of(*questions[0]), sum(len(x) for x, _, _ in questions))
        if self._same.get(key):
            return self._stacked(questions)
        each = [self._exactly("velocity", *one) for one in questions]
        if key not in self._same:
            self._same[key] = bits(self._stacked(questions)) == bits(each)
        return each

    def _stacked(self, questions: Sequence[Question]) -> Sequence[Latent]:
        xs, ts, texts = zip(*questions, strict=True)
        text = TextEmbedding(
            tokens=np.concatenate([one.tokens for one in texts]),
            pooled=np.concatenate([one.pooled for one in texts]),
            mask=np.concatenate([one.mask for one in texts]),
            plan=_below([one.plan for one in texts]),
            until=_below([one.until for one in texts]),
        )
        found = self._narrow.velocity(np.concatenate(xs), np.concatenate(ts), text)
        return np.split(found, np.cumsum([len(x) for x in xs])[:-1])


def _below(each: Sequence[Array | None]) -> Array | None:
    """Put arrays of one kind below each other, or none if there are none."""
    given = [array for array in each if array is not None]
    return np.concatenate(given) if given else None


def available() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def kind_of(x: Latent, t: Time, text: TextEmbedding) -> tuple[Any, ...] | None:
    """Say what a velocity has in common with those it can be computed with; None = with none."""
    told = (x, t, text.tokens, text.pooled, text.mask, text.plan, text.until)
    rows = {len(array) for array in told if array is not None}
    if len(rows) > 1 or rows == {1}:
        return None
    return tuple(None if array is None else array.shape[1:] for array in told)


def arrays(*values: Any) -> Iterator[NDArray[Any]]:
    """List the arrays in what goes into a part or comes out of it, in a fixed order."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from arrays(*value)
        elif isinstance(value, (Tokens, TextEmbedding)):
            yield from arrays(*vars(value).values())
        else:
            yield np.asarray(value)


def shapes(*values: Any) -> tuple[tuple[int, ...], ...]:
    """Give the shapes of what a part is asked; nothing planned has none."""
    return tuple(array.shape for array in arrays(*values))


def bits(*values: Any) -> list[bytes]:
    """Give what a part found, to the last bit."""
    return [array.tobytes() for array in arrays(*values)]
