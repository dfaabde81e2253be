from __future__ import annotations

import numpy as np
import pytest

from molnar.base.errors import ConfigError
from molnar.base.rng import PictureRng
from molnar.base.types import TextEmbedding
from molnar.diffusion.flow import denoiser
from molnar.diffusion.guidance import (
    Guidance,
    anchored,
    classifier_free,
    interval,
    mixed,
    none,
    paired,
    rescale,
    step_at,
    stepwise,
)
from molnar.diffusion.samplers import SAMPLERS, STOCHASTIC


def text(value, rows=1, kind=np.asarray):
    return TextEmbedding(
        tokens=kind(np.full((rows, 3, 2), value, np.float32)),
        pooled=kind(np.full((rows, 2), value, np.float32)),
        mask=kind(np.ones((rows, 3), bool)),
    )


def velocity(x, t, text):
    """A network that listens: x, t and all three arrays of the text matter."""
    heard = (text.tokens * text.mask[:, :, None]).sum(axis=1) + text.pooled
    return 0.3 * x + (t * heard[:, 0])[:, None, None, None]


@pytest.fixture
def x():
    return np.random.default_rng(1).standard_normal((3, 2, 4, 4)).astype(np.float32)


@pytest.fixture
def t():
    return np.array([0.9, 0.5, 0.1], np.float32)


def with_text(x, t):
    return 2 * x


def without(x, t):
    return x - 1


def refused(x, t):
    raise AssertionError("asked for an estimate that guidance does not need")


def test_scale_one_is_the_identity(x, t):
    assert classifier_free(with_text, refused, 1.0) is with_text
    assert none(with_text) is with_text


def test_scale_zero_is_without_text_and_two_doubles_the_difference(x, t):
    np.testing.assert_allclose(classifier_free(with_text, without, 0.0)(x, t), x - 1)
    guided = classifier_free(with_text, without, 2.0)(x, t)
    np.testing.assert_allclose(guided, (x - 1) + 2 * (x + 1), atol=1e-6)


def test_interval_guides_only_the_samples_inside(x, t):
    guided = interval(lambda x, t: 0 * x + 7, with_text, 0.4, 0.6)(x, t)
    np.testing.assert_array_equal(guided[1], np.full_like(x[1], 7))
    np.testing.assert_array_equal(guided[[0, 2]], 2 * x[[0, 2]])


def test_interval_costs_nothing_outside_and_nothing_more_inside(x, t):
    np.testing.assert_array_equal(interval(refused, with_text, 0.2, 0.3)(x, t), 2 * x)
    np.testing.assert_array_equal(interval(with_text, refused, 0.0, 1.0)(x, t), 2 * x)


def test_rescale_restores_the_contrast_of_each_sample(x, t):
    loud = lambda x, t: 5 * x + 1  # noqa: E731
    assert rescale(loud, refused, 0) is loud
    full = rescale(loud, with_text, 1.0)(x, t)
    for k in range(3):
        assert full[k].std() == pytest.approx((2 * x[k]).std(), rel=1e-4)
    half = rescale(loud, with_text, 0.5)(x, t)
    np.testing.assert_allclose(half, (full + loud(x, t)) / 2, rtol=1e-4)


def test_a_flat_picture_survives_rescaling(t):
    flat = np.zeros((3, 1, 2, 2), np.float32)
    assert np.isfinite(rescale(with_text, with_text, 1.0)(flat, t)).all()


def separate(guidance):
    """The combinators, one call of the network each, as the reference for `paired`."""
    yes, no = denoiser(velocity, text(1.0, 3)), denoiser(velocity, text(-0.5, 3))
    guided = classifier_free(yes, no, guidance.scale)
    guided = rescale(guided, yes, guidance.rescale)
    return interval(guided, yes, guidance.low, guidance.high)


@pytest.mark.parametrize(
    "guidance",
    [
        Guidance(scale=1.0),
        Guidance(scale=4.0),
        Guidance(scale=4.0, rescale=0.7),
        Guidance(scale=4.0, low=0.3, high=0.95),
        Guidance(scale=4.0, low=0.3, high=0.6, rescale=0.7),
    ],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_one_doubled_batch_equals_two_calls(guidance, rows, x, t):
    got = paired(velocity, text(1.0, rows), text(-0.5), guidance)(x, t)
    np.testing.assert_allclose(got, separate(guidance)(x, t), atol=1e-5)


def test_paired_calls_the_network_once(x, t):
    sizes = []

    def counted(x, t, text):
        sizes.append((len(x), len(t), len(text.tokens), len(text.pooled), len(text.mask)))
        return velocity(x, t, text)

    paired(counted, text(1.0), text(0.0), 3.0)(x, t)
    paired(counted, text(1.0), text(0.0), 1.0)(x, t)
    assert sizes == [(6, 6, 6, 6, 6), (3, 3, 1, 1, 1)]


def test_torch_and_numpy_agree(x, t):
    torch = pytest.importorskip("torch")
    guidance = Guidance(scale=4.0, low=0.3, high=0.95, rescale=0.7)
    kind = torch.as_tensor
    in_torch = paired(velocity, text(1.0, kind=kind), text(0.0, kind=kind), guidance)
    in_numpy = paired(velocity, text(1.0), text(0.0), guidance)(x, t)
    got = in_torch(torch.from_numpy(x), torch.from_numpy(t))
    np.testing.assert_allclose(got.numpy(), in_numpy, atol=1e-6)


def test_guidance_says_when_it_acts():
    guidance = Guidance(scale=3.0, low=0.2, high=0.8)
    assert [guidance.active(t) for t in (0.1, 0.2, 0.8, 0.9)] == [False, True, True, False]
    assert not Guidance(scale=1.0).active(0.5)


@pytest.mark.parametrize("wrong", [{"low": 0.6, "high": 0.4}, {"high": 1.2}, {"rescale": 2.0}])
def test_ranges_are_checked(wrong):
    with pytest.raises(ConfigError, match="expected 0"):
        Guidance(scale=2.0, **wrong)


GUIDANCES = [
    Guidance(scale=1.0),
    Guidance(scale=4.0),
    Guidance(scale=4.0, rescale=0.7),
    Guidance(scale=4.0, low=0.3, high=0.6, rescale=0.7),
]


def asked(found):
    """A network that writes down which texts it is asked about, by their first number."""

    def counted(x, t, text):
        found.append(float(text.pooled[0, 0]))
        return velocity(x, t, text)

    return counted


@pytest.mark.parametrize("guidance", GUIDANCES)
def test_one_text_of_weight_one_is_the_text_alone(guidance, x, t):
    got = mixed(velocity, [(1.0, text(1.0))], text(-0.5), guidance)(x, t)
    alone = paired(velocity, text(1.0), text(-0.5), guidance)(x, t)
    np.testing.assert_allclose(got, alone, atol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 4.0])
@pytest.mark.parametrize("weights", [(0.3, 0.7), (1.0, -0.5), (0.0, 1.0), (2.0, 1.5)])
def test_what_texts_lead_to_is_added_by_their_weights(scale, weights, x, t):
    texts = [text(1.0), text(3.0)]
    got = mixed(velocity, list(zip(weights, texts, strict=True)), text(-0.5), Guidance(scale=scale))
    without = denoiser(velocity, text(-0.5))(x, t)
    ways = [denoiser(velocity, one)(x, t) - without for one in texts]
    expected = without + scale * sum(w * way for w, way in zip(weights, ways, strict=True))
    np.testing.assert_allclose(got(x, t), expected, atol=1e-4)


def test_a_text_that_is_cut_in_two_says_the_same(x, t):
    whole = mixed(velocity, [(1.0, text(1.0))], text(0.0), Guidance(scale=3.0))
    halves = mixed(velocity, [(0.5, text(1.0)), (0.5, text(1.0))], text(0.0), Guidance(scale=3.0))
    np.testing.assert_allclose(halves(x, t), whole(x, t), atol=1e-5)


def test_nothing_is_asked_about_where_it_does_not_count(x, t):
    for scale, weights, expected in [
        (1.0, (0.5, 0.5), [1, 2]),
        (3.0, (0.5, 0.5), [1, 2, 0]),
        (1.0, (1.0, 0.5), [1, 2, 0]),
    ]:
        found = []
        branches = [(weights[0], text(1.0)), (weights[1], text(2.0))]
        mixed(asked(found), branches, text(0.0), Guidance(scale=scale))(x, t)
        assert found == expected, (scale, weights)


def noted(found, name):
    """A denoiser that writes down its name and the times it is asked at."""

    def denoise(x, t):
        found.append((name, float(t[0])))
        return x * 0

    return denoise


def test_each_step_asks_the_text_of_its_own():
    times, which = [1.0, 0.7, 0.4, 0.1, 0.0], [0, 1, 0, 1]
    for name, sampler in SAMPLERS.items():
        found = []
        each = [noted(found, k) for k in range(2)]
        x = np.ones((1, 1, 2, 2), np.float32)
        list(sampler(stepwise(each, which, times), x, times, PictureRng([0])))
        expected = {round(begin, 6): k for begin, k in zip(times, which, strict=False)}
        assert {round(t, 6): k for k, t in found} == expected, name
        # heun looks at the end of each step, too, and that is where the next one begins
        assert len(found) == (7 if name == "heun" else 4)


def test_a_step_begins_at_its_time_and_goes_on_until_the_next():
    times = [1.0, 0.5, 0.25, 0.0]
    asked_at = [1.0, 0.9, 0.5, 0.4, 0.25, 0.1, 0.0]
    assert [step_at(np.array([t], np.float32), times) for t in asked_at] == [0, 0, 1, 1, 2, 2, 2]
    for steps in (3, 7, 50):  # times are rounded to the latent's kind on their way
        grid = np.linspace(1, 0, steps + 1) ** 1.7
        found = [step_at(np.array([t], np.float32), grid.tolist()) for t in grid[:-1]]
        assert found == list(range(steps))


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name not in STOCHASTIC])
def test_what_is_known_is_arrived_at_exactly(name):
    generator = np.random.default_rng(0)
    known, x = generator.standard_normal((2, 1, 4, 6, 6)).astype(np.float32)
    fresh = (generator.random((1, 1, 6, 6)) > 0.5).astype(np.float32)
    denoise = anchored(lambda x, t: np.tanh(x), known, fresh)
    times = [1.0, 0.8, 0.55, 0.2, 0.0]
    *_, last = SAMPLERS[name](denoise, x, times)
    kept = np.broadcast_to(fresh == 0, known.shape)
    np.testing.assert_array_equal(last.x[kept], known[kept])
    assert (last.x[~kept] != known[~kept]).all()


def test_halfway_what_is_known_lies_on_the_line_from_its_noise():
    known, x = np.random.default_rng(1).standard_normal((2, 1, 1, 4, 4)).astype(np.float32)
    denoise = anchored(with_text, known, np.zeros((1, 1, 4, 4), np.float32))
    steps = SAMPLERS["euler"](denoise, x, [1.0, 0.6, 0.3, 0.0])
    for step, t in zip(steps, (0.6, 0.3, 0), strict=True):
        np.testing.assert_allclose(step.x, (1 - t) * known + t * x, atol=1e-6)
