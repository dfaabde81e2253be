"""Where training pictures come from: an endless, numbered stream of captioned pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molnar.base.images import to_model
from molnar.plan.items import Plan

Shape = tuple[int, int]  # height and width in pixels


class Drawn(NamedTuple):
    """A batch of pictures and what is known of them."""

    images: Tensor  # Float B 4 H W in [-1, 1], premultiplied
    captions: Sequence[str]
    plans: Sequence[Plan | None]  # None where nobody knows what is where


class Captioned(Protocol):
    """A picture and what it shows."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """Uint8 H W 4, premultiplied."""
        ...

    @property
    def caption(self) -> str:
        """What the picture shows."""
        ...


class Source(Protocol):
    """Pictures by number, without end: the world, or a data set that starts again."""

    def sample(self, index: int) -> Any:
        """Give picture `index` (a `Captioned`): a pure function. Worlds also take a `shape`."""
        ...


@runtime_checkable
class BatchSource(Protocol):
    """A source that makes whole batches faster than picture by picture (on a GPU)."""

    def pictures(self, first: int, size: int, shape: Shape | None = None) -> Drawn:
        """Give pictures number first ... first + size - 1."""
        ...


def pictures(
    source: Source | BatchSource, first: int, size: int, shape: Shape | None = None
) -> Drawn:
    """Give pictures number first ... first + size - 1.

    Args:
        source: Where they come from.
        first: Number of the first.
        size: How many.
        shape: Height and width in pixels, of sources that draw any; None = the source's own.
    """
    if isinstance(source, BatchSource):
        return source.pictures(first, size, shape)
    asked: dict[str, Any] = {} if shape is None else {"shape": shape}
    samples = [source.sample(index, **asked) for index in range(first, first + size)]
    images = to_model(np.stack([sample.image for sample in samples]))
    return Drawn(
        torch.from_numpy(images),
        [sample.caption for sample in samples],
        [getattr(sample, "plan", None) for sample in samples],
    )
