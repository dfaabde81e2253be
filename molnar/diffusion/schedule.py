"""A number of steps -> the times to visit when drawing; random numbers -> the times to train on.

A schedule returns `steps + 1` times, strictly falling from 1 (noise) to 0 (data). `shift` s moves
all of them: `t' = s t / (1 + (s - 1) t)`; above 1 it spends more steps near noise.

Source: shift: Esser et al. 2024, arXiv 2403.03206, equation 23; karras: Karras et al. 2022,
arXiv 2206.00364, equation 5, applied to t; beta: Lee et al. 2024, arXiv 2407.12173, section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import ConfigError, RequestError
from molnar.base.words import hint

Times = NDArray[np.float64]

T_MIN = 1e-3  # last time before 0 of the schedules that cannot reach 0 by themselves
KARRAS_RHO = 7.0
BETA_SHAPE = 0.6  # both parameters of the beta distribution: denser at both ends


def shifted(t: Any, shift: float) -> Any:
    """Move times in [0, 1] towards noise (shift > 1) or data (shift < 1); 0 and 1 stay."""
    return shift * t / (1 + (shift - 1) * t)


def simple(steps: int, shift: float = 1.0) -> Times:
    """Return evenly spaced times, [steps + 1]."""
    return _finished(np.linspace(1, 0, _counted(steps) + 1)[:-1], shift)


def sgm_uniform(steps: int, shift: float = 1.0) -> Times:
    """Return times evenly spaced down to T_MIN, whose last place is taken by 0, [steps + 1]."""
    return _finished(np.linspace(1, T_MIN, _counted(steps) + 1)[:-1], shift)


def karras(steps: int, shift: float = 1.0) -> Times:
    """Return times evenly spaced in t^(1/7) from 1 to T_MIN, then 0, [steps + 1]."""
    ends = np.linspace(1, T_MIN ** (1 / KARRAS_RHO), _counted(steps))
    return _finished(ends**KARRAS_RHO, shift)


def exponential(steps: int, shift: float = 1.0) -> Times:
    """Return times evenly spaced in log t from 1 to T_MIN, then 0, [steps + 1]."""
    return _finished(np.exp(np.linspace(0, np.log(T_MIN), _counted(steps))), shift)


def beta(steps: int, shift: float = 1.0) -> Times:
    """Return quantiles of a beta distribution that is dense at both ends, [steps + 1]."""
    places = np.linspace(1, 0, _counted(steps), endpoint=False)
    return _finished(_beta_quantiles(places, BETA_SHAPE), shift)


SCHEDULES: dict[str, Callable[[int, float], Times]] = {
    "simple": simple,
    "karras": karras,
    "exponential": exponential,
    "beta": beta,
    "sgm_uniform": sgm_uniform,
}


def times_of(name: str, steps: int, shift: float = 1.0) -> Times:
    """Return the times of a schedule by name.

    Raises:
        RequestError: If there is no such schedule, or steps or shift is out of range.
    """
    if name not in SCHEDULES:
        raise RequestError(
            f"schedule is {name!r}{hint(name, SCHEDULES)}; expected one of: {', '.join(SCHEDULES)}"
        )
    return SCHEDULES[name](steps, shift)


def partial(times: Times, strength: float) -> Times:
    """Return the end of a schedule, for starting from a picture instead of noise.

    Args:
        times: Falling times [steps + 1].
        strength: Time to start from, above 0 (nothing changes) to 1 (everything may).

    Returns:
        As many times, spread in the same manner from `strength` down to 0.

    Raises:
        RequestError: If strength is out of range.
    """
    if not 0 < strength <= 1:
        raise RequestError(f"strength is {strength}; expected above 0 and at most 1")
    return np.asarray(times * (strength / times[0]), np.float64)


def stratified(generator: np.random.Generator, size: int) -> Times:
    """Return `size` random numbers in (0, 1), one in each of `size` equal slots, in random order.

    Each is uniform by itself; together they cover the interval, so that a batch's loss varies less.
    """
    u = (generator.permutation(size) + generator.random(size)) / size
    return np.clip(u, 1e-9, 1 - 1e-9)


def logit_normal(u: Any, mean: float = 0.0, std: float = 1.0) -> Times:
    """Turn uniform numbers in (0, 1) into times whose logit is normal: sigmoid(N(mean, std)).

    Source: Esser et al. 2024, arXiv 2403.03206, section 3.1.
    """
    normal = NormalDist(mean, std)
    flat = np.asarray(u, np.float64)
    logits = np.array([normal.inv_cdf(value) for value in flat.ravel()]).reshape(flat.shape)
    return np.asarray(1 / (1 + np.exp(-logits)))


def _counted(steps: int) -> int:
    if steps < 1:
        raise RequestError(f"steps is {steps}; expected 1 or more")
    return steps


def _finished(times: NDArray[Any], shift: float) -> Times:
    """Shift falling times and end them with 0."""
    if not 0 < shift < np.inf:
        raise ConfigError(f"shift is {shift}; expected a finite number above 0")
    return np.append(shifted(times, shift), 0.0)


def _beta_quantiles(p: NDArray[Any], shape: float, points: int = 20_001) -> Times:
    """Return quantiles of Beta(shape, shape) by integrating its density once.

    With x = sin^2(a) the density in a is proportional to (sin a cos a)^(2 shape - 1), which has no
    pole at either end, so a plain trapezium rule will do (error below 1e-4 in t).
    """
    angle = np.linspace(0, np.pi / 2, points)
    density = np.abs(np.sin(2 * angle)) ** (2 * shape - 1)
    area = np.concatenate([[0], np.cumsum(density[1:] + density[:-1])])
    return np.asarray(np.sin(np.interp(p, area / area[-1], angle)) ** 2)
