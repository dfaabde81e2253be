"""Large steps: those that are taught are those that are drawn, and a true flow map is exact."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from molnar.base.rng import generator
from molnar.base.types import TextEmbedding
from molnar.diffusion.flow import denoiser
from molnar.diffusion.flowmap import LEAST, legs, stepping
from molnar.diffusion.objective import mean_velocity
from molnar.diffusion.samplers import euler
from molnar.diffusion.schedule import simple

SPREAD = 0.5  # standard deviation of the data: one number, normally distributed
NOTHING = TextEmbedding(tokens=np.zeros((1, 1, 1)), pooled=np.zeros((1, 1)), mask=np.ones((1, 1)))


def sigma(t: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation of x at t; the exact flow keeps x / sigma."""
    return np.sqrt((1 - np.asarray(t)) ** 2 * SPREAD**2 + np.asarray(t) ** 2)


def known(
    x: NDArray[np.float64], t: NDArray[np.float64], text: TextEmbedding
) -> NDArray[np.float64]:
    """The exact mean velocity until `text.until`, or the velocity itself."""
    x = np.asarray(x, np.float64)
    t = np.asarray(t, np.float64).reshape(-1, 1, 1, 1)
    if text.until is None:
        return np.asarray(x * (t - (1 - t) * SPREAD**2) / sigma(t) ** 2)
    until = np.asarray(text.until, np.float64).reshape(t.shape)
    return np.asarray(x * (1 - sigma(until) / sigma(t)) / (t - until))


@pytest.mark.parametrize("steps", [2, 4, 8])
def test_a_true_flow_map_arrives_exactly_in_any_number_of_steps(steps: int) -> None:
    x = np.random.default_rng(0).standard_normal((3, 1, 2, 2))
    times = simple(steps, 5.0).tolist()
    exact = x * SPREAD
    *_, mapped = euler(denoiser(stepping(known, times), NOTHING), x, times)
    *_, plain = euler(denoiser(known, NOTHING), x, times)
    assert np.abs(mapped.x - exact).max() < 1e-6
    assert np.abs(plain.x - exact).max() > 0.01


@pytest.mark.parametrize("steps", [(4,), (4, 8), (2, 3, 5)])
def test_steps_are_taught_from_the_grids_that_are_drawn_with(steps: Sequence[int]) -> None:
    taught = legs(generator(0, 1), 600, steps, shift=5.0, parts=3)
    assert taught.shape == (600, 4)
    assert (np.diff(taught, axis=1) < 0).all()
    assert taught.max() == 1.0 and taught.min() == 0.0
    ends = {
        (round(float(s), 6), round(float(t), 6))
        for n in steps
        for s, t in zip(simple(n, 5.0)[:-1], simple(n, 5.0)[1:], strict=True)
    }
    found = {(round(float(s), 6), round(float(t), 6)) for s, t in taught[:, [0, -1]]}
    assert ends <= found, "every step of every grid"
    others = [pair for pair in found if pair not in ends]
    share = len(others) / 600
    assert 0.15 < share < 0.35, "of pictures that are started from"
    whole = simple(max(steps) * 3, 5.0)
    first = taught[(taught[:, 0] == 1.0) & np.isclose(taught[:, -1], whole[3])]
    assert np.allclose(first, whole[:4]), "a teacher divides as a finer grid does"
    assert min(pair[0] for pair in others) > LEAST * simple(max(steps), 5.0)[-2] - 1e-6


class Known(nn.Module):
    """The exact velocity, as a network."""

    def forward(self, x: torch.Tensor, t: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(known(x.numpy(), t.numpy(), NOTHING))


def test_a_teachers_mean_velocity_is_exact_to_second_order() -> None:
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 1, 2, 2)))
    text = TextEmbedding(*(torch.zeros(2, 1, 1), torch.zeros(2, 1), torch.ones(2, 1)))
    errors = []
    for parts in (4, 8, 16):
        grid = torch.linspace(0.8, 0.4, parts + 1, dtype=torch.float64).expand(2, -1)
        found = mean_velocity(Known(), x, grid, text, text, 1.0)
        told = replace(NOTHING, until=grid[:, -1].numpy())
        exact = known(x.numpy(), grid[:, 0].numpy(), told)
        errors.append(float(np.abs(found.numpy() - exact).max()))
    assert errors[-1] < 2e-3
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert (orders > 1.6).all(), f"errors {errors}, orders {orders}"
