"""What a scheduler is given and gives back at a step in, molnar's `t` and estimate of x0 out."""

from __future__ import annotations

from typing import Any

TRAIN = 1000.0  # numbers of the times that models of flow matching were trained on


def estimate(scheduler: Any, given: Any, t: Any, x: Any, gave: Any) -> Any:
    """Give the estimate of x0 that a step used.

    Args:
        scheduler: After the step.
        given: What the model said at t.
        t: The step's time, as the scheduler numbers it.
        x: The latent before the step.
        gave: The scheduler's own output.

    Returns:
        Of the shape of x; where it cannot be told, what the step came to.
    """
    for name in ("pred_original_sample", "denoised"):
        found = getattr(gave, name, None)
        if found is not None:
            return found
    after = gave.prev_sample
    if given.shape != x.shape:  # it also estimates a variance
        return after
    if is_flow(scheduler):
        return x - _number(t) / TRAIN * given
    kept = getattr(scheduler, "model_outputs", None)
    if kept and _is_data(scheduler):
        return kept[-1]
    alpha = _alpha(scheduler, t)
    return after if alpha is None else _from(scheduler, given, x, alpha)


def time_of(scheduler: Any, t: Any) -> float | None:
    """Translate a scheduler's time to molnar's: 0 is data, 1 is noise; None if it has no such."""
    if is_flow(scheduler):
        return min(1.0, max(0.0, _number(t) / TRAIN))
    alpha = _alpha(scheduler, t)
    if alpha is None:
        return None
    signal, noise = alpha**0.5, (1 - alpha) ** 0.5
    return float(noise / (signal + noise))


def is_flow(scheduler: Any) -> bool:
    """Tell whether a scheduler walks straight from noise to data."""
    kind = str(scheduler.config.get("prediction_type", ""))
    return type(scheduler).__name__.startswith("FlowMatch") or kind.startswith("flow")


def _from(scheduler: Any, given: Any, x: Any, alpha: float) -> Any:
    kind = scheduler.config.get("prediction_type", "epsilon")
    signal, noise = alpha**0.5, (1 - alpha) ** 0.5
    if kind == "v_prediction":
        return signal * x - noise * given
    return given if kind == "sample" else (x - noise * given) / signal


def _is_data(scheduler: Any) -> bool:
    """Tell whether a solver keeps estimates of the data, and not of the noise."""
    kind = str(scheduler.config.get("algorithm_type", "dpmsolver++"))
    return kind.endswith("++") and bool(scheduler.config.get("predict_x0", True))


def _alpha(scheduler: Any, t: Any) -> float | None:
    """Give the share of data in the variance of x at a time."""
    table = getattr(scheduler, "alphas_cumprod", None)
    if table is None:
        return None
    place = min(max(0, round(_number(t))), len(table) - 1)
    return float(table[place])


def _number(t: Any) -> float:
    return float(t.item() if hasattr(t, "item") else t)
