from __future__ import annotations

import numpy as np
import pytest

from molnar.base.errors import ConfigError
from molnar.base.rng import PictureRng, noise
from molnar.diffusion.samplers import SAMPLERS, STOCHASTIC
from molnar.diffusion.schedule import SCHEDULES, beta, karras, partial, simple

DETERMINISTIC = sorted(set(SAMPLERS) - STOCHASTIC)
SECOND_ORDER = ["heun", "dpmpp_2m", "unipc"]


def last(sampler, denoise, x, times, rng=None):
    return [*SAMPLERS[sampler](denoise, x, times, rng)][-1].x


def error(sampler, gaussian, start, times):
    """Root mean square distance to the exact ODE at the last time."""
    end = last(sampler, gaussian.denoise, start, times)
    return np.sqrt(np.mean((end - gaussian.exact(start, times[-1])) ** 2))


def order(sampler, gaussian, start, end=0.0):
    """Power of the step size in the error, from 80 to 160 steps."""
    coarse, fine = (1 - (1 - end) * np.linspace(0, 1, n + 1) for n in (80, 160))
    errors = [error(sampler, gaussian, start, times) for times in (coarse, fine)]
    return np.log2(errors[0] / errors[1])


@pytest.mark.parametrize("sampler", ["euler", "ddim"])
def test_half_the_step_is_half_the_error_of_first_order(sampler, gaussian, start):
    assert order(sampler, gaussian, start) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("sampler", "end", "expected"),
    [
        ("heun", 0.0, 2),
        ("heun", 0.1, 2),
        ("dpmpp_2m", 0.1, 2),
        ("unipc", 0.0, 2),
        ("unipc", 0.1, 3),  # correcting raises the order by one where lambda is finite
    ],
)
def test_half_the_step_is_a_quarter_of_the_error(sampler, end, expected, gaussian, start):
    assert order(sampler, gaussian, start, end) == pytest.approx(expected, abs=0.15)


def test_dpmpp_2m_loses_only_a_logarithm_on_the_infinite_last_step(gaussian, start):
    assert 1.6 < order("dpmpp_2m", gaussian, start) < 2


@pytest.mark.parametrize("sampler", SECOND_ORDER)
def test_second_order_pays_at_few_steps(sampler, gaussian, start):
    times = simple(12)
    assert error(sampler, gaussian, start, times) < error("euler", gaussian, start, times) / 3


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sampler", DETERMINISTIC)
def test_all_deterministic_samplers_reach_the_same_picture(sampler, schedule, gaussian, start):
    assert error(sampler, gaussian, start, SCHEDULES[schedule](200, 1.0)) < 0.02


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_one_point_of_data_is_found_exactly(sampler, steps, start):
    target = np.full_like(start, 0.3)
    end = last(sampler, lambda x, t: target, start, simple(steps), PictureRng([1, 2, 3]))
    np.testing.assert_allclose(end, target, atol=1e-12)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_steps_tell_where_they_are(sampler, gaussian, start):
    times = beta(5)
    steps = [*SAMPLERS[sampler](gaussian.denoise, start, times, PictureRng([1, 2, 3]))]
    assert [step.index for step in steps] == [0, 1, 2, 3, 4]
    assert {step.of for step in steps} == {5}
    np.testing.assert_allclose([step.t for step in steps], times[1:])
    np.testing.assert_array_equal(steps[0].x0, gaussian.denoise(start, np.ones(3)))
    assert all(np.isfinite(step.x).all() for step in steps)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_denoiser_is_asked_at_one_time_per_sample(sampler, gaussian, start):
    asked = []

    def denoise(x, t):
        asked.append(t)
        return gaussian.denoise(x, t)

    x = start.astype(np.float32)
    end = last(sampler, denoise, x, simple(3), PictureRng([1, 2, 3]))
    assert end.dtype == np.float32
    assert {(t.shape, t.dtype) for t in asked} == {((3,), np.dtype(np.float32))}
    assert len(asked) == (5 if sampler == "heun" else 3)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_numpy_and_torch_agree(sampler, gaussian, start):
    torch = pytest.importorskip("torch")
    in_numpy = last(sampler, gaussian.denoise, start, karras(9), PictureRng([4, 5, 6]))
    x = torch.from_numpy(start)
    in_torch = last(sampler, gaussian.denoise, x, karras(9), PictureRng([4, 5, 6]))
    assert in_torch.dtype == torch.float64
    np.testing.assert_allclose(in_torch.numpy(), in_numpy, atol=1e-6)
    single = last(sampler, gaussian.denoise, x.float(), karras(9), PictureRng([4, 5, 6]))
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), in_numpy, atol=1e-5)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_time_grid_per_sample_equals_separate_runs(sampler, gaussian, start):
    grids = [simple(6), karras(6), partial(beta(6), 0.5)]
    together = last(sampler, gaussian.denoise, start, np.stack(grids), PictureRng([7, 8, 9]))
    for k, grid in enumerate(grids):
        one = start[k : k + 1]
        alone = last(sampler, gaussian.denoise, one, grid, PictureRng([7 + k]))
        np.testing.assert_array_equal(together[k : k + 1], alone)


@pytest.mark.parametrize("sampler", sorted(STOCHASTIC))
def test_stochastic_noise_belongs_to_the_picture_not_to_the_batch(sampler, gaussian, start):
    def draw(rows, seeds):
        return last(sampler, gaussian.denoise, start[rows], simple(6), PictureRng(seeds))

    both = draw([0, 1, 2], [5, 6, 7])
    np.testing.assert_array_equal(draw([2, 1], [7, 6]), both[[2, 1]])
    assert abs(draw([0, 1, 2], [5, 6, 8])[2] - both[2]).max() > 0.01


@pytest.mark.parametrize("sampler", ["euler_ancestral", "dpmpp_2m_sde"])
@pytest.mark.parametrize("until", [0.0, 0.4])
def test_mean_and_variance_are_those_of_the_data(sampler, until, gaussian):
    x = noise(11, 0, (1, 1, 100, 100)).astype(np.float64)
    times = 1 - (1 - until) * np.linspace(0, 1, 201)
    end = last(sampler, gaussian.denoise, x, times, PictureRng([11]))
    assert end.mean() == pytest.approx((1 - until) * gaussian.mean, abs=0.01)
    assert end.var() == pytest.approx(gaussian.variance(until), rel=0.06)


def test_the_posterior_has_the_right_variance_after_a_single_step(gaussian):
    """Given the true x0 (not its mean), one step of any length lands on the marginal exactly."""
    rng = np.random.default_rng(0)
    x0, x = rng.normal(0.7, 0.4, (1, 1, 200, 200)), rng.normal(size=(1, 1, 200, 200))
    x = 0.2 * x0 + 0.8 * x
    end = last("euler_ancestral", lambda x, t: x0, x, [0.8, 0.3], PictureRng([11]))
    assert end.mean() == pytest.approx(0.7 * gaussian.mean, abs=0.01)
    assert end.var() == pytest.approx(gaussian.variance(0.3), rel=0.02)


def test_lcm_answers_with_its_estimate_and_noises_it_anew(gaussian, start):
    rng, same = PictureRng([1, 2, 3]), PictureRng([1, 2, 3])
    steps = [*SAMPLERS["lcm"](gaussian.denoise, start, [1.0, 0.5, 0.0], rng)]
    expected = 0.5 * steps[0].x0 + 0.5 * same.normal((2, 4, 4))
    np.testing.assert_allclose(steps[0].x, expected)
    np.testing.assert_array_equal(steps[1].x, steps[1].x0)


def test_ddim_is_euler_on_straight_paths(gaussian, start):
    ends = [last(name, gaussian.denoise, start, karras(7)) for name in ("ddim", "euler")]
    np.testing.assert_allclose(*ends, atol=1e-12)


def test_unipc_corrects_what_dpmpp_2m_predicts(gaussian, start):
    times = simple(10)
    corrected, plain = (error(n, gaussian, start, times) for n in ("unipc", "dpmpp_2m"))
    assert corrected < plain


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_run_can_be_cancelled_between_steps(sampler, gaussian, start):
    calls = []

    def denoise(x, t):
        calls.append(t)
        return gaussian.denoise(x, t)

    steps = SAMPLERS[sampler](denoise, start, simple(50), PictureRng([1, 2, 3]))
    next(steps)
    steps.close()
    assert len(calls) <= 2


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([1.0], "have shape"),
        (np.ones((2, 3)), "have shape"),
        ([0.0, 1.0], "fall strictly"),
        ([1.0, 0.5, 0.5, 0.0], "fall strictly"),
        ([1.5, 0.0], "within 0 to 1"),
        ([1.0, float("nan")], "within 0 to 1"),
    ],
)
def test_a_grid_that_cannot_be_walked_is_refused(times, message, gaussian, start):
    with pytest.raises(ConfigError, match=message):
        last("euler", gaussian.denoise, start, times)


@pytest.mark.parametrize("sampler", sorted(STOCHASTIC))
def test_stochastic_samplers_ask_for_their_noise(sampler, gaussian, start):
    with pytest.raises(ConfigError, match="pass rng=PictureRng"):
        last(sampler, gaussian.denoise, start, simple(3))
    with pytest.raises(ConfigError, match="one seed each"):
        last(sampler, gaussian.denoise, start, simple(3), PictureRng([1]))
