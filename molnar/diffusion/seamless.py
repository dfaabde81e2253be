"""A network that knows edges -> one whose edges meet, so that a picture tiles without a seam.

The picture is turned on a torus by half its size at every other step: what was the edge is then the
middle, and the network sees to it that it is drawn as one. What is planned turns with it.

Source: the shifted crops of Bar-Tal et al. 2023, arXiv 2302.08113, section 4, with one crop a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from molnar.base.types import Latent, TextEmbedding, Time
from molnar.diffusion.flow import Velocity
from molnar.diffusion.guidance import step_at


def seamless(velocity_fn: Velocity, times: Sequence[float]) -> Velocity:
    """Turn the latent by half its size at every second step, ask, and turn it back.

    Args:
        velocity_fn: A network on numpy arrays.
        times: The times that the sampler visits, falling.
    """

    def turned(x: Latent, t: Time, text: TextEmbedding) -> Latent:
        if step_at(t, times) % 2 == 0:
            return velocity_fn(x, t, text)
        half = (x.shape[2] // 2, x.shape[3] // 2)
        back = (-half[0], -half[1])
        plan = None if text.plan is None else np.roll(text.plan, half, axis=(2, 3))
        found = velocity_fn(np.roll(x, half, axis=(2, 3)), t, replace(text, plan=plan))
        return np.roll(found, back, axis=(2, 3))

    return turned
