"""The learning rate at known places, and what is decayed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from molnar.base.errors import TrainingError
from molnar.lab.train.optim import (
    adamw,
    learning_rate,
    load_optimizer_tensors,
    optimizer_tensors,
)
from molnar.lab.train.settings import TrainSettings, plan_images, plan_minutes

SETTINGS = TrainSettings(images=1000, batch=10, lr=2.0, warmup=100, cooldown=0.5)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [(0, 0.2), (10, 0.4), (90, 2.0), (100, 2.0), (500, 2.0), (510, 1.96), (750, 1.0), (990, 0.04)],
)
def test_learning_rate_climbs_stays_and_falls_to_zero(seen: int, expected: float) -> None:
    assert learning_rate(SETTINGS, plan_images(SETTINGS), seen) == pytest.approx(expected)


def test_learning_rate_is_constant_until_there_is_a_plan() -> None:
    timed = TrainSettings(minutes=10, batch=10, lr=2.0, warmup=0)
    assert learning_rate(timed, None, 10**9) == 2.0
    assert learning_rate(timed, None, 0) == 2.0


def test_a_plan_by_minutes_starts_its_cooldown_where_it_is_made() -> None:
    timed = TrainSettings(minutes=10, batch=10, lr=1.0, warmup=0, cooldown=0.25)
    assert plan_minutes(timed, seen=700, elapsed_s=449.0, pace=2.0) is None
    plan = plan_minutes(timed, seen=700, elapsed_s=450.0, pace=2.0)
    assert plan is not None
    assert (plan.cooldown_from, plan.total) == (700, 700 + 300)  # 150 s left at 2 pictures/s
    # So nothing that was trained before the plan existed would have been trained otherwise.
    assert learning_rate(timed, plan, 700) == learning_rate(timed, None, 700)


def test_a_run_is_rounded_up_to_whole_batches() -> None:
    assert plan_images(TrainSettings(images=25, batch=24)).total == 48


def test_only_matrices_are_decayed() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2), nn.Linear(2, 2))
    decayed, plain = adamw(module, SETTINGS).param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.01, 0.0)
    assert [p.ndim for p in decayed["params"]] == [4, 2]
    assert [p.ndim for p in plain["params"]] == [1, 1, 1, 1]


def test_frozen_modules_are_refused() -> None:
    with pytest.raises(TrainingError, match="nothing to train"):
        adamw(nn.Linear(2, 2).requires_grad_(requires_grad=False), SETTINGS)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_state_survives_a_round_trip_in_any_memory_layout(layout: torch.memory_format) -> None:
    def build() -> nn.Module:
        torch.manual_seed(0)
        return nn.Conv2d(3, 4, 3).to(memory_format=layout)

    def step(module: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
        image = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
        module(image.to(memory_format=layout)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    one = build()
    first = adamw(one, SETTINGS)
    for seed in range(3):
        step(one, first, seed)
    saved = {
        name: value.clone().contiguous() for name, value in optimizer_tensors(first, one).items()
    }
    assert {name.split("|")[1] for name in saved} == {"step", "exp_avg", "exp_avg_sq"}

    two = build()
    two.load_state_dict(one.state_dict())
    second = adamw(two, SETTINGS)
    load_optimizer_tensors(second, two, saved)
    step(one, first, 9)
    step(two, second, 9)
    assert torch.equal(one.weight, two.weight)


def test_state_of_another_model_is_refused() -> None:
    module = nn.Linear(2, 2)
    with pytest.raises(TrainingError, match="unknown parameters, first 'other'"):
        load_optimizer_tensors(adamw(module, SETTINGS), module, {"other|exp_avg": torch.zeros(2)})
