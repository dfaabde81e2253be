"""The meaning of a phrase in, how near it is to every name out.

A name is near by what it and all that goes with it have in common, and by the one or two things
said of it that are nearest. Which name is meant is also learned: a linear classifier of all that
is said of the names knows which words tell one from another.

Source: Arora et al. 2017, "A simple but tough-to-beat baseline for sentence embeddings" (a phrase
as the weighted mean of its words, and a linear classifier on it).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

WHOLE = 0.2  # share of a name's centre beside its nearest keys
LEARNED = 0.02  # weight of a logit beside cosines
LOUD = 8.0  # factor of unit vectors before the classifier, so that its weights stay about 1
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Nearest:
    """Where names lie, N of them in K dimensions.

    Example:
        >>> places = Nearest(np.array([[9, 0], [0, 9]], np.int8))
        >>> places.near(np.array([3.0, 4.0], np.float32)).round(1).tolist()
        [0.6, 0.8]
    """

    centres: NDArray[Any]  # N K
    keys: NDArray[Any] | None = None  # M K, of what goes with names, name after name
    counts: tuple[int, ...] = ()  # N, rows of `keys` of each name, at least one
    weights: NDArray[Any] | None = None  # N K of the classifier
    biases: NDArray[Any] | None = None  # N

    def __post_init__(self) -> None:
        """Check that the parts fit; raises ValueError."""
        count, keys = len(self.centres), 0 if self.keys is None else len(self.keys)
        if keys and (len(self.counts) != count or min(self.counts) < 1):
            raise ValueError(f"keys are counted for {len(self.counts)} of {count} names")
        if sum(self.counts) != keys:
            raise ValueError(f"{sum(self.counts)} keys are counted, and {keys} are there")
        if (self.weights is None) != (self.biases is None):
            raise ValueError("a classifier needs weights and biases; one of them is missing")
        if self.weights is not None and self.weights.shape != self.centres.shape:
            raise ValueError(
                f"weights are {self.weights.shape}, names {self.centres.shape}; they must agree"
            )

    def near(self, meant: NDArray[Any]) -> Floats:
        """Give the cosines of a vector K with all names, float32 N in [-1, 1]."""
        unit = _unit(meant[None])
        whole = (unit @ self._centres.T)[0]
        if self._keys is None:
            return np.asarray(whole, np.float32)
        cosines = (unit @ self._keys.T)[0]
        return np.asarray(WHOLE * whole + (1 - WHOLE) * self._two(cosines), np.float32)

    def rank(self, meant: NDArray[Any]) -> Floats:
        """Give what the best name has most of, float32 N: nearness and, if learned, logits."""
        near = self.near(meant)
        if self.weights is None or self.biases is None:
            return near
        learned = LOUD * (_unit(meant[None]) @ self.weights.astype(np.float32).T)[0] + self.biases
        return np.asarray(near + LEARNED * learned, np.float32)

    def _two(self, cosines: Floats) -> Floats:
        """Give the mean of each name's two largest of M cosines, or its only one: float32 N."""
        counts = np.array(self.counts)
        starts = np.cumsum(counts) - counts
        first = np.maximum.reduceat(cosines, starts)
        largest = cosines == np.repeat(first, counts)
        rest = np.maximum.reduceat(np.where(largest, -np.inf, cosines), starts)
        alone = np.add.reduceat(largest.astype(int), starts) == 1
        second = np.where(alone & (counts > 1), rest, first)
        return np.asarray((first + second) / 2, np.float32)

    @cached_property
    def _centres(self) -> Floats:
        return _unit(self.centres)

    @cached_property
    def _keys(self) -> Floats | None:
        return None if self.keys is None or not len(self.keys) else _unit(self.keys)


def _unit(rows: NDArray[Any]) -> Floats:
    rows = rows.astype(np.float32)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))
