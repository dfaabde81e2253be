"""Intervals against closed forms, and what they must never do."""

import math

import numpy as np
import pytest

from molnar.lab.evaluate.intervals import EMPTY, bootstrap, mean_of, paired_p, wilson


def test_wilson_gives_the_textbook_values():
    # Newcombe 1998, table I: 81 of 263 -> 0.2553 to 0.3662
    found = wilson(81, 263)
    assert found.value == pytest.approx(81 / 263)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)


@pytest.mark.parametrize("successes", [0, 7])
def test_wilson_never_claims_certainty(successes):
    found = wilson(successes, 7)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 0.3


def test_nothing_measured_is_a_dash_and_not_a_zero():
    assert wilson(0, 0).text() == bootstrap([]).text() == mean_of([]).text() == "-"
    assert math.isnan(EMPTY.value)


@pytest.mark.parametrize(("successes", "trials"), [(2, 1), (-1, 3)])
def test_wilson_refuses_impossible_counts(successes, trials):
    with pytest.raises(ValueError, match="expected"):
        wilson(successes, trials)


def test_seeds_of_one_prompt_that_agree_do_not_narrow_the_interval():
    rng = np.random.default_rng(3)
    prompts = rng.integers(0, 2, 60).tolist()
    once, four = bootstrap([[p] for p in prompts]), bootstrap([[p] * 4 for p in prompts])
    assert four == once
    assert (
        wilson(4 * sum(prompts), 240).high - wilson(4 * sum(prompts), 240).low
        < four.high - four.low
    )


def test_bootstrap_covers_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        found = bootstrap(rng.integers(0, 2, (80, 1)).tolist(), resamples=300)
        hits += found.low <= 0.5 <= found.high
    assert 88 <= hits <= 99


def test_tasks_weigh_the_same_whatever_their_size():
    found = mean_of([[[1.0]] * 90, [[0.0]] * 10])
    assert found.value == 0.5
    assert found.low == found.high == 0.5  # within each task nothing varies


def test_paired_comparison_sees_a_small_steady_difference():
    base = np.linspace(0, 1, 40)
    assert paired_p((base + 0.05).tolist(), base.tolist()) < 0.01
    noise = np.random.default_rng(1).normal(0, 0.2, 40)
    assert paired_p((base + noise - noise.mean()).tolist(), base.tolist()) > 0.3
    with pytest.raises(ValueError, match="same prompts"):
        paired_p([1.0], [])
