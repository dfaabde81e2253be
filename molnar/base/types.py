"""What crosses from one stage to the next: shapes, units and the few dataclasses that carry them.

Shape letters, used in every docstring: B batch, C channels, H W rows and columns, L sequence,
D width, N heads, K width per head, P pooled width.

Time `t` lies in [0, 1]: 0 is data, 1 is noise; `x_t = (1 - t) x0 + t noise`;
`velocity = noise - x0`.
An `Array` is a numpy array or a torch tensor: the path of a picture only uses what both offer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

Array = Any
Latent = Any  # float32 B C H W, mean 0, std about 1
Time = Any  # float32 B, in [0, 1]

Denoise = Callable[[Latent, Time], Latent]
"""(x_t B C H W, t B) -> estimate of x0, B C H W."""


@dataclass(frozen=True)
class Tokens:
    """Token numbers of a batch of sentences, padded to one length.

    Example:
        >>> import numpy as np
        >>> Tokens(ids=np.zeros((1, 4), np.int64), mask=np.ones((1, 4), bool)).ids.shape
        (1, 4)
    """

    ids: Array  # int64 B L
    mask: Array  # bool B L, True where a real token stands


@dataclass(frozen=True)
class TextEmbedding:
    """What a network is told of a batch of pictures: a text, maybe a plan, maybe how far to go.

    Example:
        >>> import numpy as np
        >>> TextEmbedding(
        ...     tokens=np.zeros((1, 4, 8), np.float32),
        ...     pooled=np.zeros((1, 8), np.float32),
        ...     mask=np.ones((1, 4), bool),
        ... ).tokens.shape
        (1, 4, 8)
    """

    tokens: Array  # float32 B L D, one vector per token
    pooled: Array  # float32 B P, one vector per sentence
    mask: Array  # bool B L, True where a real token stands
    plan: Array | None = None  # float32 B F H W, what is planned for each cell of the latent
    until: Array | None = None  # float32 B, time at which the step ends; None = when it begins


#: Shapes that plans name: beside each other, unless one is inside the other. Drawings may touch.
SHAPES = frozenset(
    {"circle", "square", "triangle", "star", "heart", "hexagon", "diamond", "ring", "cross"}
    | {"crescent", "bar", "frame"}
)


@dataclass(frozen=True, slots=True)
class Mention:
    """What a text says of one thing, word for word."""

    names: frozenset[int]  # numbers of the names it may mean; none: a colour said of nothing
    colour: str | None = None  # one of plan.items.COLOURS, said of it; None = none
    count: int | None = 1  # how many; None = several, it is not said how many; 0 = "without"
    loose: bool = False  # maybe no thing: a tag after a comma, "in fog", a school of something


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One thing of a plan. Places and sizes are fractions of the picture's shorter side.

    Example:
        >>> Item(name="circle", colour="red", x=0.5, y=0.5, width=0.4, height=0.4).behind
        False
    """

    name: str  # a shape, a concept, an accessory, a place, "background", a look or a style
    colour: str | None = None  # one of plan.items.COLOURS; None = its own colours
    x: float = 0.5  # centre, rightwards
    y: float = 0.5  # centre, downwards
    width: float = 1.0
    height: float = 1.0
    behind: bool = False  # fills the picture behind all things, or is said of all of it: a look


Plan = tuple[Item, ...]
"""What lies behind first, then things in the order in which they cover each other."""


@dataclass(frozen=True)
class Step:
    """One finished step of a sampler: all that a bar, a preview or an explanation consumes.

    Example:
        >>> Step(index=0, of=8, t=0.875, x=None, x0=None).index
        0
    """

    index: int  # 0 ... of - 1
    of: int
    t: float  # time reached after this step; with one time per sample, the largest
    x: Latent  # the latent at t
    x0: Latent  # the estimate of the data that this step used

    def among(self, number: int, count: int) -> Step:
        """Count it among the steps of `count` pictures of which this is number 0, 1, ..."""
        return replace(self, index=number * self.of + self.index, of=count * self.of)


class Parts(Protocol):
    """What an engine offers: each part of a bundle as a callable on arrays of its own kind."""

    def embed(self, tokens: Tokens) -> TextEmbedding:
        """Turn tokens (B L) into embeddings."""
        ...

    def plan(self, written: Array, text: TextEmbedding) -> Sequence[Array]:
        """Rate the next number of a plan (numbers so far int64 1 S): names, colours, bins."""
        ...

    def velocity(self, x: Latent, t: Time, text: TextEmbedding) -> Latent:
        """Estimate `noise - x0` at (x B C H W, t B)."""
        ...

    def decode(self, latent: Latent) -> Array:
        """Turn a latent B C h w into an image B 4 H W in [-1, 1], premultiplied."""
        ...

    def finish(self, image: Array, manner: Array) -> Array:
        """Paint over an image B 4 H W in [-1, 1]; manner (B K) says in which looks."""
        ...

    def encode(self, image: Array) -> Latent:
        """Turn an image B 4 H W in [-1, 1], premultiplied, into a latent B C h w."""
        ...

    def upscale(self, image: Array) -> Array:
        """Enlarge an image B 4 H W in [-1, 1] by the upscaler's factor."""
        ...

    def rate(self, image: Array, text: TextEmbedding) -> Array:
        """Say how well images B 4 S S in [-1, 1], premultiplied, fit texts: cosines B."""
        ...
