"""The flow objective against what can be worked out by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from molnar.base.rng import generator
from molnar.base.types import TextEmbedding
from molnar.diffusion.objective import coarse, flow_loss, training_times

TEXT = TextEmbedding(tokens=torch.zeros(3, 1, 1), pooled=torch.zeros(3, 1), mask=torch.ones(3, 1))


class Constant(nn.Module):
    """Answers the same velocity whatever it is asked."""

    def __init__(self, value: torch.Tensor) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return self.value.expand_as(x)


def test_the_true_velocity_has_no_loss() -> None:
    x0, noise = torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4)
    found = flow_loss(Constant(noise - x0), x0, noise, torch.tensor([0.0, 0.5, 1.0]), TEXT)
    assert found.total.item() == 0


def test_loss_is_the_mean_square_per_sample() -> None:
    x0, noise = torch.zeros(3, 2, 4, 4), torch.ones(3, 2, 4, 4)
    found = flow_loss(Constant(torch.tensor(3.0)), x0, noise, torch.full((3,), 0.5), TEXT)
    assert found.each.tolist() == [4.0, 4.0, 4.0]
    assert found.total.item() == 4.0


def test_training_times_follow_their_law() -> None:
    times = training_times(generator(0, 1), 4000)
    assert times.dtype == np.float32
    assert times.min() > 0 and times.max() < 1
    assert np.median(times) == pytest.approx(0.5, abs=0.01)
    # logit-normal: P(t < sigmoid(-1)) = P(N < -1) = .1587; a tenth of the times is uniform: .2689
    below = np.mean(times < 1 / (1 + np.e))
    assert below == pytest.approx(0.9 * 0.1587 + 0.1 * 0.2689, abs=0.015)
    moved = training_times(generator(0, 1), 4000, shift=3.0, uniform_p=0.0)
    assert np.median(moved) == pytest.approx(0.75, abs=0.01)
    mixed = training_times(generator(0, 1), 4000, shift=3.0, uniform_p=0.25)
    # the uniform ones are not shifted: P(t < .25) = .25 x .25 + .75 x P(N < logit(.1)) = .0730
    assert np.mean(mixed < 0.25) == pytest.approx(0.0730, abs=0.015)


def test_coarse_errors_are_those_that_agree() -> None:
    same = torch.ones(1, 2, 8, 8)
    stripes = torch.tensor([1.0, -1.0]).repeat(4)
    checker = stripes[None] * stripes[:, None]
    assert coarse(same, 4).item() == 4
    assert coarse(checker.expand(1, 2, 8, 8), 2).item() == 0
    x0, noise = torch.zeros(3, 2, 8, 8), torch.ones(3, 2, 8, 8)
    answer = Constant(torch.tensor(3.0))
    found = flow_loss(answer, x0, noise, torch.full((3,), 0.5), TEXT, scales=(2, 4))
    assert found.total.item() == 4 + 2 * 4 + 4 * 4
    assert found.each.tolist() == [4.0, 4.0, 4.0], "what is logged stays comparable"


def test_weights_say_which_channels_count() -> None:
    x0, noise = torch.zeros(3, 2, 4, 4), torch.ones(3, 2, 4, 4)
    answer = torch.ones(3, 2, 4, 4)
    answer[:, 1] = 3.0  # wrong by 2, in the second channel alone
    network = Constant(answer)
    t = torch.full((3,), 0.5)
    for weights, expected in (((1.0, 1.0), 2.0), ((2.0, 0.0), 0.0), ((0.0, 2.0), 4.0)):
        found = flow_loss(network, x0, noise, t, TEXT, weights=torch.tensor(weights))
        assert found.total.item() == pytest.approx(expected)
        assert found.each.tolist() == [2.0, 2.0, 2.0], "what is logged stays comparable"


def test_weights_count_at_coarser_sizes_too() -> None:
    x0, noise = torch.zeros(3, 2, 4, 4), torch.ones(3, 2, 4, 4)
    answer = torch.ones(3, 2, 4, 4)
    answer[:, 1] = 3.0
    network, t = Constant(answer), torch.full((3,), 0.5)
    for weights, nothing in (((2.0, 0.0), True), ((0.0, 2.0), False)):
        found = flow_loss(network, x0, noise, t, TEXT, (2,), torch.tensor(weights))
        assert (found.total.item() == 0) == nothing
