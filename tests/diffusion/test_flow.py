from __future__ import annotations

import numpy as np
import pytest

from molnar.base.types import TextEmbedding
from molnar.diffusion import flow


@pytest.fixture
def triple():
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 2, 4, 4)), rng.normal(size=(3, 2, 4, 4)), np.array([0.1, 0.5, 0.9])


def test_the_ends_of_the_path_are_data_and_noise(triple):
    x0, noise, _ = triple
    np.testing.assert_array_equal(flow.add_noise(x0, noise, np.zeros(3)), x0)
    np.testing.assert_array_equal(flow.add_noise(x0, noise, np.ones(3)), noise)


def test_each_sample_has_its_own_time(triple):
    x0, noise, t = triple
    x_t = flow.add_noise(x0, noise, t)
    for k in range(3):
        np.testing.assert_allclose(x_t[k], (1 - t[k]) * x0[k] + t[k] * noise[k])


def test_conversions_invert_each_other(triple):
    x0, noise, t = triple
    x_t, v = flow.add_noise(x0, noise, t), flow.velocity(x0, noise)
    np.testing.assert_allclose(flow.x0_from_velocity(x_t, v, t), x0, atol=1e-12)
    np.testing.assert_allclose(flow.noise_from_velocity(x_t, v, t), noise, atol=1e-12)
    np.testing.assert_allclose(flow.velocity_from_x0(x_t, x0, t), v, atol=1e-12)


def test_velocity_is_the_derivative_of_the_path(triple):
    x0, noise, t = triple
    h = 1e-6
    slope = (flow.add_noise(x0, noise, t + h) - flow.add_noise(x0, noise, t - h)) / (2 * h)
    np.testing.assert_allclose(slope, flow.velocity(x0, noise), atol=1e-8)


def test_torch_and_numpy_agree(triple):
    torch = pytest.importorskip("torch")
    x0, noise, t = triple
    in_torch = flow.add_noise(*(torch.tensor(a, dtype=torch.float32) for a in triple))
    assert in_torch.dtype == torch.float32
    np.testing.assert_allclose(in_torch.numpy(), flow.add_noise(x0, noise, t), atol=1e-6)


def test_broadcast_takes_a_number_or_one_per_sample(triple):
    x0, _, t = triple
    assert flow.broadcast(0.5, x0).shape == (1, 1, 1, 1)
    assert flow.broadcast(t, x0).shape == (3, 1, 1, 1)
    assert flow.broadcast(t, x0.astype(np.float32)).dtype == np.float32


def test_denoiser_closes_over_the_text(triple):
    x0, noise, t = triple
    text = TextEmbedding(tokens=np.ones((3, 1, 1)), pooled=np.ones((3, 1)), mask=np.ones((3, 1)))
    seen = []

    def velocity(x, t, text):
        seen.append(text)
        return noise - x0

    estimate = flow.denoiser(velocity, text)(flow.add_noise(x0, noise, t), t)
    np.testing.assert_allclose(estimate, x0, atol=1e-12)
    assert seen == [text]
