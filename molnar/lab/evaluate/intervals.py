"""Scores in, scores with 95 % intervals out.

Two kinds. ``wilson`` treats pictures as independent (Wilson 1927, the score interval).
``bootstrap`` resamples *prompts*, because four seeds of one prompt fail together: its interval is
the honest one for a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal law


@dataclass(frozen=True, slots=True)
class Interval:
    """A value in [low, high]; all three NaN when nothing was measured.

    Example:
        >>> wilson(8, 10).text()
        '0.80 [0.49, 0.94]'
    """

    value: float
    low: float
    high: float

    def text(self, digits: int = 2) -> str:
        """Write ``value [low, high]``; ``-`` when nothing was measured (never a zero)."""
        if np.isnan(self.value):
            return "-"
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


EMPTY = Interval(float("nan"), float("nan"), float("nan"))


def wilson(successes: int, trials: int) -> Interval:
    """Give the share of successes and Wilson's 95 % interval.

    Raises:
        ValueError: more successes than trials, or a negative count.
    """
    if not 0 <= successes <= trials:
        raise ValueError(
            f"got {successes} successes of {trials} trials, expected 0 <= successes <= trials"
        )
    if trials == 0:
        return EMPTY
    share = successes / trials
    scale = 1 + Z95**2 / trials
    centre = (share + Z95**2 / (2 * trials)) / scale
    half = Z95 * np.sqrt(share * (1 - share) / trials + Z95**2 / (4 * trials**2)) / scale
    # rounding must not push a bound past the value itself (0 of n, n of n)
    return Interval(
        share,
        float(min(share, max(0.0, centre - half))),
        float(max(share, min(1.0, centre + half))),
    )


def bootstrap(groups: Sequence[Sequence[float]], resamples: int = 2000, seed: int = 0) -> Interval:
    """Give the mean over groups (prompts) and its 95 % interval, resampling whole groups.

    Args:
        groups: one sequence of scores per prompt; empty ones are left out.
        resamples: number of bootstrap draws.
        seed: of the draws; same seed, same interval.
    """
    means = np.array([float(np.mean(group)) for group in groups if len(group)])
    if len(means) == 0:
        return EMPTY
    if len(means) == 1:
        return Interval(float(means[0]), float(means[0]), float(means[0]))
    picks = np.random.default_rng(seed).integers(0, len(means), (resamples, len(means)))
    low, high = np.quantile(means[picks].mean(1), [0.025, 0.975])
    return Interval(float(means.mean()), float(low), float(high))


def mean_of(
    strata: Sequence[Sequence[Sequence[float]]], resamples: int = 2000, seed: int = 0
) -> Interval:
    """Give the unweighted mean of strata (the six tasks), each resampled by prompt."""
    kept = [[float(np.mean(group)) for group in groups if len(group)] for groups in strata]
    tables = [np.array(means) for means in kept if means]
    if not tables:
        return EMPTY
    rng = np.random.default_rng(seed)
    draws = np.mean(
        [table[rng.integers(0, len(table), (resamples, len(table)))].mean(1) for table in tables],
        axis=0,
    )
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(np.mean([table.mean() for table in tables])), float(low), float(high))


def paired_p(
    first: Sequence[float], second: Sequence[float], resamples: int = 10_000, seed: int = 0
) -> float:
    """Give the two-sided bootstrap p-value of a difference on the same prompts.

    Call p < 0.01 a change.

    Args:
        first: score of one system per prompt.
        second: score of the other on the same prompts, same order.
        resamples: number of bootstrap draws.
        seed: of the draws.

    Raises:
        ValueError: the two lists differ in length or are empty.
    """
    if len(first) != len(second) or not first:
        raise ValueError(
            f"got {len(first)} and {len(second)} scores, expected the same prompts for both"
        )
    gaps = np.asarray(first, float) - np.asarray(second, float)
    picks = np.random.default_rng(seed).integers(0, len(gaps), (resamples, len(gaps)))
    draws = gaps[picks].mean(1)
    tail = min(float((draws <= 0).mean()), float((draws >= 0).mean()))
    return min(1.0, 2 * max(tail, 1 / resamples))
