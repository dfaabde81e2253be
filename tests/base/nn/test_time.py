"""Times in [0, 1] are told apart."""

import torch

from molnar.base.nn.time import sinusoids


def test_sinusoids_are_unit_circles_of_t() -> None:
    features = sinusoids(torch.tensor([0.0, 0.5, 1.0]), 64)
    cosines, sines = features.chunk(2, dim=-1)
    assert torch.allclose(cosines.square() + sines.square(), torch.ones(3, 32), atol=1e-5)
    assert torch.equal(features[0], torch.cat([torch.ones(32), torch.zeros(32)]))


def test_near_times_are_near_and_far_times_are_not() -> None:
    a, near, far = sinusoids(torch.tensor([0.5, 0.5005, 0.9]), 128)
    assert (a - near).norm() < 0.5 * (a - far).norm()
