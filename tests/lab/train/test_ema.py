"""The running average against its definition, written out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from molnar.lab.train.ema import Ema, decay, power_exponent
from molnar.lab.train.settings import TrainSettings


def test_the_ramp_reaches_the_decay_and_stays() -> None:
    settings = TrainSettings(images=1, batch=10, ema_decay=0.999)
    assert decay(settings, 10) == pytest.approx(2 / 11)
    assert decay(settings, 100) == pytest.approx(11 / 20)
    assert decay(settings, 10**7) == 0.999


def test_updates_are_the_sum_they_stand_for() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 8.0)
    ema = Ema(module)
    expected = 8.0
    for value, kept in ((4.0, 0.5), (2.0, 0.25), (1.0, 0.75)):
        nn.init.constant_(module.weight, value)
        ema.update(module, kept)
        expected = kept * expected + (1 - kept) * value
    assert float(ema.module.weight) == expected  # powers of two: exact
    assert not ema.module.weight.requires_grad


def test_buffers_are_copied_not_averaged() -> None:
    module = nn.BatchNorm1d(2)
    ema = Ema(module)
    module.running_mean.fill_(3.0)
    ema.update(module, 0.999)
    assert torch.equal(ema.module.running_mean, module.running_mean)


@pytest.mark.parametrize("std", [0.05, 0.10, 0.25])
def test_power_profile_has_the_width_it_is_named_after(std: float) -> None:
    settings = TrainSettings(images=1, batch=1, ema="power", ema_std=std)
    steps = 2000
    weights: list[float] = []
    for step in range(1, steps + 1):
        kept = decay(settings, step)
        weights = [kept * weight for weight in weights] if step == 1 else weights
        weights.append(1 - kept)
    # Unroll: a weight put in at step n is kept by every later step.
    share, later = [0.0] * steps, 1.0
    for step in range(steps, 0, -1):
        share[step - 1] = weights[step - 1] * later
        later *= decay(settings, step)
    assert math.fsum(share) == pytest.approx(1.0)
    mean = math.fsum(s * (n + 1) / steps for n, s in enumerate(share))
    variance = math.fsum(s * ((n + 1) / steps - mean) ** 2 for n, s in enumerate(share))
    assert math.sqrt(variance) == pytest.approx(std, rel=0.01)


def test_exponents_of_the_paper() -> None:
    # Karras et al. 2024, appendix C: sigma_rel 0.05 and 0.10 are gamma 16.97 and 6.94.
    assert power_exponent(0.05) == pytest.approx(16.97, abs=0.01)
    assert power_exponent(0.10) == pytest.approx(6.94, abs=0.01)
