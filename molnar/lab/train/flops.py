"""A task -> parameters, operations per picture, and how long a run will take."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from molnar.lab.train.process import compute_type
from molnar.lab.train.settings import TrainSettings
from molnar.lab.train.task import Task

#: Share of the matrix-product rate that a training step reaches: memory, small layers, data. A rule
#: of thumb for an order of magnitude; the run itself soon shows the true pace.
EFFICIENCY = 0.4


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run costs before it is started."""

    parameters: int  # all, of the trained module
    trainable: int
    flops_per_picture: float  # forward and backward; one multiply-add counts as 2
    matmul_flops_per_s: float  # measured here and now
    pictures_per_s: float  # estimated
    images: int | None  # length of the run, if the settings give it; else what fits
    minutes: float | None  # estimated if images are given, else the budget


def count_flops(task: Task, size: int) -> float:
    """Count the floating-point operations of one training step, per picture.

    Args:
        task: Its module gets gradients, which are dropped again.
        size: Pictures in the step that is counted.
    """
    batch = task.batch(0, size)
    device = next(task.module.parameters()).device
    batch = {key: value.to(device) for key, value in batch.items()}
    with FlopCounterMode(display=False) as counter:
        loss, _ = task.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
    task.module.zero_grad(set_to_none=True)
    return float(counter.get_total_flops()) / size


def matmul_rate(device: torch.device, dtype: torch.dtype, seconds: float = 0.3) -> float:
    """Measure the rate of square matrix products, in floating-point operations per second."""
    side = 512 if device.type == "cpu" else 8192
    left = torch.randn(side, side, device=device, dtype=dtype)
    (left @ left).sum().item()  # warm up, and wait
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        (left @ left)[0, 0].item()
        count += 1
    return 2.0 * side**3 * count / (time.perf_counter() - start)


def estimate(task: Task, settings: TrainSettings, device: torch.device) -> Estimate:
    """Estimate length and cost of a run; trains nothing."""
    dtype = compute_type(settings, device)
    flops = count_flops(task, min(settings.batch, 8))
    rate = matmul_rate(device, dtype)
    pace = EFFICIENCY * rate / max(flops, 1.0)
    images, minutes = settings.images, settings.minutes
    if images is not None:
        minutes = images / pace / 60.0
    elif minutes is not None:
        images = int(minutes * 60.0 * pace)
    return Estimate(
        parameters=count_parameters(task.module),
        trainable=sum(p.numel() for p in task.module.parameters() if p.requires_grad),
        flops_per_picture=flops,
        matmul_flops_per_s=rate,
        pictures_per_s=pace,
        images=images,
        minutes=minutes,
    )


def count_parameters(module: nn.Module) -> int:
    """Count all parameters of a module."""
    return sum(p.numel() for p in module.parameters())
