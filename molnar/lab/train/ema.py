"""Weights after each step -> their running average, which is what sheets show and bundles ship.

Source: Karras et al. 2024, arXiv 2312.02696, section 3.1 (power-function profile).
"""

from __future__ import annotations

import copy
import functools
import math

import numpy as np
import torch
from torch import Tensor, nn

from molnar.lab.train.settings import TrainSettings


@functools.lru_cache(maxsize=16)
def power_exponent(std: float) -> float:
    """Give gamma of the power-function profile of relative width `std` (.05 = last ~5 %).

    Solves std = sqrt((g + 1) / ((g + 2)^2 (g + 3))), which with s = std^-2 is
    g^3 + 7 g^2 + (16 - s) g + (12 - s) = 0.
    """
    s = std**-2
    return float(np.roots([1.0, 7.0, 16.0 - s, 12.0 - s]).real.max())


def decay(settings: TrainSettings, seen: int) -> float:
    """Give the share of the old average kept at the step that ends at `seen` images, in [0, 1).

    "constant": min(ema_decay, (1 + n) / (10 + n)); "power": (1 - 1 / n)^(gamma + 1), n steps taken.
    """
    steps = seen / settings.batch
    if settings.ema == "power":
        exponent = power_exponent(settings.ema_std) + 1.0
        return math.pow(1.0 - 1.0 / max(1.0, steps), exponent)
    return min(settings.ema_decay, (1.0 + steps) / (10.0 + steps))


class Ema:
    """A frozen fp32 copy of a module that follows it.

    Example:
        >>> ema = Ema(torch.nn.Linear(2, 2))
        >>> any(p.requires_grad for p in ema.module.parameters())
        False
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(requires_grad=False)

    @torch.no_grad()
    def update(self, module: nn.Module, kept: float) -> None:
        """Move the average towards `module`: ema = kept * ema + (1 - kept) * weights."""
        averages: list[Tensor] = list(self.module.parameters())
        weights: list[Tensor] = list(module.parameters())
        if not math.isclose(kept, 1.0):
            torch._foreach_lerp_(averages, weights, 1.0 - kept)
        for average, value in zip(self.module.buffers(), module.buffers(), strict=True):
            average.copy_(value)
