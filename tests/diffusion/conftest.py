"""A data distribution whose ideal denoiser and exact path are known in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from molnar.base.arrays import per_sample


@dataclass(frozen=True)
class Gaussian:
    """Data N(mean, std^2) in every pixel: x_t is N((1 - t) mean, (1 - t)^2 std^2 + t^2)."""

    mean: float = 0.7
    std: float = 0.4

    def variance(self, t: Any) -> Any:
        return (1 - t) ** 2 * self.std**2 + t**2

    def denoise(self, x: Any, t: Any) -> Any:
        t = per_sample(t, x)
        gain = (1 - t) * self.std**2 / self.variance(t)
        return self.mean + gain * (x - (1 - t) * self.mean)

    def exact(self, start: Any, t: float) -> Any:
        """Where the ODE carries noise (its point at t = 1) by time t."""
        return (1 - t) * self.mean + self.variance(t) ** 0.5 * start


@pytest.fixture
def gaussian() -> Gaussian:
    return Gaussian()


@pytest.fixture
def start() -> Any:
    return np.random.default_rng(3).standard_normal((3, 2, 4, 4))
