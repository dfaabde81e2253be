"""One generator of random numbers -> cheap choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Draw:
    """Cheap choices from one generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Draw numbers in blocks: asking numpy for one at a time costs more."""
        self._rng = rng
        self._block: list[float] = []

    def random(self) -> float:
        """Give a number in [0, 1)."""
        if not self._block:
            self._block = self._rng.random(48).tolist()
        return self._block.pop()

    def uniform(self, low: float, high: float) -> float:
        """Give a number in [low, high)."""
        return low + (high - low) * self.random()

    def chance(self, p: float) -> bool:
        """Give True with probability p."""
        return self.random() < p

    def choice(self, options: Sequence[T]) -> T:
        """Pick one, all alike."""
        return options[int(self.random() * len(options))]

    def weighted(self, options: Sequence[T], weights: Sequence[float]) -> T:
        """Pick one in proportion to its weight."""
        at = self.random() * sum(weights)
        for option, weight in zip(options, weights, strict=True):
            at -= weight
            if at < 0:
                return option
        return options[-1]
