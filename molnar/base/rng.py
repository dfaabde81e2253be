"""A seed and an index -> noise, the same on every machine, in every batch, on any day.

Random numbers come from a counter-based generator whose key *is* the picture's identity, so that no
picture depends on what was drawn before it. They are drawn on the CPU in numpy.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox 4x64-10).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUM_SEEDS = 2**32  # seeds are 0 ... NUM_SEEDS - 1
NUM_STREAMS = 256  # independent streams of one picture

START = 0  # stream of the noise a picture starts from
SAMPLING = 1  # stream of the noise that stochastic samplers add
PLANNING = 2  # stream that decides what a text leaves open
SWAYING = 3  # stream that moves what was planned, in a variation


def draw_seed() -> int:
    """Return a fresh seed in [0, 2**32 - 1] from the operating system."""
    return secrets.randbelow(NUM_SEEDS)


def batch_seeds(seed: int, count: int) -> list[int]:
    """Return the seeds of `count` pictures: seed, seed + 1, ..., wrapping round at 2**32."""
    return [(seed + k) % NUM_SEEDS for k in range(count)]


def noise(seed: int, index: int, shape: Sequence[int], stream: int = START) -> NDArray[np.float32]:
    """Return standard normal noise that depends on its arguments alone.

    Args:
        seed: 0 to 2**32 - 1.
        index: Number of the picture under this seed, 0 or more.
        shape: Shape of one picture's noise, e.g. (C, H, W).
        stream: 0 to 255; streams of one picture are independent of each other.

    Raises:
        ValueError: If seed, index or stream is out of range.

    Example:
        >>> bool((noise(7, 0, (2, 3)) == noise(7, 0, (2, 3))).all())
        True
    """
    return _philox(seed, index, stream).standard_normal(tuple(shape), dtype=np.float32)


def varied(
    seed: int, shape: Sequence[int], steps: Sequence[tuple[int, float]], index: int = 0
) -> NDArray[np.float32]:
    """Return a seed's noise, moved towards the noise of other seeds, one after the other.

    Args:
        seed: 0 to 2**32 - 1.
        shape: Shape of one picture's noise.
        steps: Seeds, and how far to go towards each: 0 stays, 1 arrives.
        index: Of the noise, as in `noise`.

    Source: Shoemake 1985, "Animating rotation with quaternion curves" (slerp): two noises of many
    numbers stand at right angles, and so the way between them keeps their spread.
    """
    moved = noise(seed, index, shape)
    for other, strength in steps:
        angle = strength * np.pi / 2
        towards = np.float32(np.sin(angle)) * noise(other, index, shape)
        moved = np.float32(np.cos(angle)) * moved + towards
    return moved


class PictureRng:
    """Normal noise for a batch in which every picture draws from its own stream.

    Successive calls go on in each picture's stream, so a stochastic sampler draws the same numbers
    for a picture whichever others share its batch.

    Args:
        seeds: One seed per picture of the batch.
        stream: Which stream of each picture, 0 to 255.

    Example:
        >>> both, alone = PictureRng([7, 8]), PictureRng([8])
        >>> bool((both.normal((4,))[1:] == alone.normal((4,))).all())
        True
    """

    def __init__(self, seeds: Sequence[int], stream: int = SAMPLING) -> None:
        self.seeds = tuple(seeds)
        self._generators = [_philox(seed, 0, stream) for seed in self.seeds]

    def normal(self, shape_of_one: Sequence[int]) -> NDArray[np.float32]:
        """Return the next noise of every picture, float32 [B, *shape_of_one]."""
        shape = tuple(shape_of_one)
        out = np.empty((len(self._generators), *shape), np.float32)
        for row, generator in zip(out, self._generators, strict=True):
            row[...] = generator.standard_normal(shape, dtype=np.float32)
        return out


def generator(*key: int) -> np.random.Generator:
    """Return a generator keyed by any tuple of integers, e.g. (seed, images_seen, purpose).

    Training draws all its randomness this way, so that a resumed run repeats an unbroken one.

    Raises:
        ValueError: If a number is negative or the key is empty.
    """
    if not key or min(key) < 0:
        raise ValueError(f"the key is {key}; expected one or more integers, none negative")
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(list(key))))


def _philox(seed: int, index: int, stream: int) -> np.random.Generator:
    if not (0 <= seed < NUM_SEEDS and 0 <= index < 2**56 and 0 <= stream < NUM_STREAMS):
        raise ValueError(
            f"seed {seed}, index {index}, stream {stream}; expected 0 <= seed < {NUM_SEEDS}, "
            f"0 <= index < 2**56 and 0 <= stream < {NUM_STREAMS}"
        )
    key: NDArray[Any] = np.array([seed, index << 8 | stream], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
