from __future__ import annotations

import numpy as np
import pytest

from molnar.base.errors import ConfigError, RequestError
from molnar.diffusion import schedule


@pytest.mark.parametrize("name", schedule.SCHEDULES)
@pytest.mark.parametrize("shift", [1.0, 0.5, 3.0])
@pytest.mark.parametrize("steps", [1, 2, 7, 150])
def test_times_fall_strictly_from_noise_to_data(name, steps, shift):
    times = schedule.times_of(name, steps, shift)
    assert times.shape == (steps + 1,)
    assert times.dtype == np.float64
    assert times[0] == pytest.approx(1)
    assert times[-1] == 0
    assert (np.diff(times) < 0).all()


def test_simple_is_even():
    np.testing.assert_allclose(schedule.simple(4), [1, 0.75, 0.5, 0.25, 0])


def test_sgm_uniform_gives_its_last_place_to_zero():
    np.testing.assert_allclose(schedule.sgm_uniform(3), [1, 0.667, 0.334, 0])


def test_karras_is_even_in_the_seventh_root():
    times = schedule.karras(9)
    np.testing.assert_allclose(np.diff(times[:-1] ** (1 / 7)), (0.001 ** (1 / 7) - 1) / 8)
    assert times[-2] == pytest.approx(0.001)


def test_exponential_has_a_constant_ratio():
    times = schedule.exponential(7)[:-1]
    np.testing.assert_allclose(times[1:] / times[:-1], 0.001 ** (1 / 6))


def test_beta_matches_scipy():
    stats = pytest.importorskip("scipy.stats")
    expected = stats.beta.ppf(np.linspace(1, 0, 20, endpoint=False), 0.6, 0.6)
    np.testing.assert_allclose(schedule.beta(20)[:-1], expected, atol=1e-4)


def test_shift_has_fixed_ends_and_its_inverse():
    t = np.linspace(0, 1, 11)
    moved = schedule.shifted(t, 3.0)
    assert moved[0] == 0
    assert moved[-1] == 1
    assert (moved[1:-1] > t[1:-1]).all()
    np.testing.assert_allclose(schedule.shifted(moved, 1 / 3), t, atol=1e-12)
    assert schedule.shifted(0.5, 3.0) == pytest.approx(0.75)


def test_partial_starts_where_it_is_told():
    times = schedule.partial(schedule.simple(4), 0.6)
    np.testing.assert_allclose(times, [0.6, 0.45, 0.3, 0.15, 0])


@pytest.mark.parametrize("strength", [0, -1, 1.01, float("nan")])
def test_partial_refuses_what_is_no_strength(strength):
    with pytest.raises(RequestError, match="expected above 0 and at most 1"):
        schedule.partial(schedule.simple(4), strength)


def test_mistakes_are_explained():
    with pytest.raises(RequestError, match="did you mean 'karras'"):
        schedule.times_of("karas", 4)
    with pytest.raises(RequestError, match="steps is 0"):
        schedule.simple(0)
    with pytest.raises(ConfigError, match="shift is 0"):
        schedule.simple(4, 0)


def test_stratified_numbers_visit_every_slot_once():
    u = schedule.stratified(np.random.default_rng(0), 64)
    assert sorted((u * 64).astype(int)) == list(range(64))
    assert not (np.diff(u) > 0).all()


def test_logit_normal_has_the_asked_logits():
    t = schedule.logit_normal(schedule.stratified(np.random.default_rng(0), 4000), -0.4, 0.8)
    logits = np.log(t / (1 - t))
    assert logits.mean() == pytest.approx(-0.4, abs=0.01)
    assert logits.std() == pytest.approx(0.8, abs=0.01)
    assert schedule.logit_normal(0.5) == pytest.approx(0.5)
