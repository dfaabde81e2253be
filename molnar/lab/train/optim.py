"""Module and settings -> AdamW, its learning rate after any number of images, its state as tensors.

Source: Loshchilov and Hutter 2019, arXiv 1711.05101 (decoupled decay); the schedule as a pure
function of images seen is a habit of Karras et al. 2024, arXiv 2312.02696, appendix C.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from molnar.base.errors import TrainingError
from molnar.lab.train.settings import Plan, TrainSettings


def learning_rate(settings: TrainSettings, plan: Plan | None, seen: int) -> float:
    """Give the learning rate of the step that starts at `seen` images.

    Climbs linearly over `warmup` images, stays, then falls linearly to 0 between
    `plan.cooldown_from` and `plan.total`. Never 0 on a step that is taken: the first ends at
    `seen + batch`, the last starts at `total - batch`.
    """
    scale = min(1.0, (seen + settings.batch) / settings.warmup) if settings.warmup else 1.0
    if plan is not None and seen > plan.cooldown_from:
        left = (plan.total - seen) / (plan.total - plan.cooldown_from)
        scale = min(scale, max(0.0, left))
    return settings.lr * scale


def adamw(module: nn.Module, settings: TrainSettings) -> torch.optim.AdamW:
    """Build AdamW over the trainable parameters; only matrices and kernels are decayed."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:
        raise TrainingError("no parameter requires a gradient: nothing to train; check the task")
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.lr,
        betas=settings.betas,
        eps=1e-8,
        fused=True,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set one learning rate for every group."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def optimizer_tensors(optimizer: torch.optim.Optimizer, module: nn.Module) -> dict[str, Tensor]:
    """Flatten the optimiser's state to `{parameter|key: tensor}` for a safetensors file."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in module.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{name}|{key}"] = torch.as_tensor(value)
    return tensors


def load_optimizer_tensors(
    optimizer: torch.optim.Optimizer, module: nn.Module, tensors: dict[str, Tensor]
) -> None:
    """Put a flattened state back, in each parameter's own memory layout.

    The fused kernel walks parameter, gradient and moments with one pointer, so a moment in another
    layout than its channels-last kernel would be applied to the wrong elements.

    Raises:
        TrainingError: a tensor belongs to no parameter.
    """
    parameters = dict(module.named_parameters())
    unknown = sorted({name.split("|")[0] for name in tensors} - parameters.keys())
    if unknown:
        raise TrainingError(
            f"optimizer state for {len(unknown)} unknown parameters, first {unknown[0]!r}: "
            "the checkpoint is of another model; use --fresh"
        )
    for joined, value in tensors.items():
        name, key = joined.split("|")
        parameter = parameters[name]
        if value.shape == parameter.shape and value.ndim > 0:
            placed = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        else:
            placed = value.to(parameter.device)
        optimizer.state[parameter][key] = placed.detach()
