"""A network that is told where a step ends -> a few large steps that go as far as many small ones.

`u(x_t, t, s)` is the mean velocity from t to s along the guided path through x_t, so that
`x_s = x_t - (t - s) u` exactly: one estimate a step, guidance included, and as few steps as were
taught. What a sampler shows on the way, `x_t - t u`, is then no estimate of the data but a blurred
one. With s = t it is the velocity itself, unguided, as of any network.

Source: flow maps: Boffi et al. 2024, arXiv 2406.07507; taught by a guided network that
takes more steps: Meng et al. 2023, arXiv 2210.03142, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from molnar.base.arrays import like
from molnar.base.types import Latent, TextEmbedding, Time
from molnar.diffusion.flow import Velocity
from molnar.diffusion.guidance import step_at
from molnar.diffusion.schedule import Times, shifted

WHOLE = 0.75  # share of the taught steps that belong to pictures drawn from noise alone
LEAST = 0.3  # least strength of the others, which start from a picture


def stepping(velocity_fn: Velocity, times: Sequence[float]) -> Velocity:
    """Ask for the mean velocity until the next of the times that a sampler visits.

    Args:
        velocity_fn: A network with a flow map.
        times: Falling; a first-order sampler ("euler") then steps from each to the next.
    """

    def mean(x: Latent, t: Time, text: TextEmbedding) -> Latent:
        until = np.full(len(x), times[step_at(t, times) + 1], np.float32)
        return velocity_fn(x, t, replace(text, until=like(until, x)))

    return mean


def legs(
    generator: np.random.Generator,
    size: int,
    steps: Sequence[int],
    *,
    shift: float = 1.0,
    parts: int = 2,
) -> Times:
    """Draw `size` steps to teach, each from one of the grids that will be drawn with.

    Args:
        generator: Keyed by what makes the batch unique.
        size: B.
        steps: How many steps the grids have, all alike likely.
        shift: Of the grids, of the schedule "simple".
        parts: Into how many smaller steps a teacher divides each.

    Returns:
        Float64 B parts + 1, falling: where a step begins, the parts of it, where it ends.
    """
    count = np.asarray(steps)[generator.integers(len(steps), size=size)]
    first = generator.integers(count)
    places = 1 - (first[:, None] + np.arange(parts + 1) / parts) / count[:, None]
    whole = generator.random(size) < WHOLE
    strength = np.where(whole, 1.0, generator.uniform(LEAST, 1, size))
    return np.asarray(shifted(places.clip(0, 1), shift) * strength[:, None], np.float64)
