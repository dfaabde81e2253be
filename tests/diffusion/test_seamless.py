"""Edges that meet: a picture on a torus looks the same to the network wherever it is cut open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from molnar.base.types import TextEmbedding
from molnar.diffusion.samplers import SAMPLERS
from molnar.diffusion.seamless import seamless

TIMES = [1.0, 0.75, 0.5, 0.25, 0.0]


def text(plan: Any = None) -> TextEmbedding:
    one = np.ones((1, 2, 3), np.float32)
    return TextEmbedding(tokens=one, pooled=one[:, 0], mask=np.ones((1, 2), bool), plan=plan)


def noise(height: int = 6, width: int = 8) -> Any:
    return np.random.default_rng(0).standard_normal((1, 2, height, width)).astype(np.float32)


def at(t: float) -> Any:
    return np.array([t], np.float32)


def edged(x: Any, t: Any, text: TextEmbedding) -> Any:
    """A network that sees its neighbours, and grey beyond the border."""
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    around = wide[..., :-2, 1:-1] + wide[..., 2:, 1:-1] + wide[..., 1:-1, :-2] + wide[..., 1:-1, 2:]
    return x - around / 4 + (0 if text.plan is None else text.plan[:, :1])


def pointwise(x: Any, t: Any, text: TextEmbedding) -> Any:
    return 2 * x + 1 + (0 if text.plan is None else 3 * text.plan[:, :1])


@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_a_network_that_knows_no_edges_says_the_same(size: tuple[int, int]) -> None:
    x, plan = noise(*size), noise(*size)
    for t in TIMES[:-1]:
        got = seamless(pointwise, TIMES)(x, at(t), text(plan))
        np.testing.assert_array_equal(got, pointwise(x, at(t), text(plan)))


def test_every_second_step_has_its_edges_in_the_middle() -> None:
    x = noise()
    found = [seamless(edged, TIMES)(x, at(t), text()) for t in TIMES[:-1]]
    straight = edged(x, at(1), text())
    turned = np.roll(edged(np.roll(x, (3, 4), (2, 3)), at(1), text()), (-3, -4), (2, 3))
    for k, got in enumerate(found):
        np.testing.assert_array_equal(got, turned if k % 2 else straight)
    # in a turned step, what lies across the picture's edge is a neighbour
    joined = np.roll(x, 1, 3)[..., 0] + np.roll(x, -1, 3)[..., 0]
    ups = np.roll(x, 1, 2)[..., 0] + np.roll(x, -1, 2)[..., 0]
    np.testing.assert_allclose(
        turned[..., [1, 4], 0], (x[..., 0] - (joined + ups) / 4)[..., [1, 4]], atol=1e-6
    )


def test_a_plan_turns_with_its_picture() -> None:
    seen: list[Any] = []

    def looks(x: Any, t: Any, text: TextEmbedding) -> Any:
        seen.append((x, text.plan))
        return x

    x = noise()
    for t in TIMES[:-1]:
        seamless(looks, TIMES)(x, at(t), text(x))
    assert all((one == plan).all() for one, plan in seen)


@pytest.mark.parametrize("sampler", ["euler", "heun", "unipc"])
def test_edges_meet_where_without_it_they_do_not(sampler: str) -> None:
    """Each cell is drawn like its neighbours; so cells across an edge become alike as well."""

    def smooth(velocity: Any) -> float:
        def denoise(x: Any, t: Any) -> Any:
            return x - t[0] * velocity(x, t, text())

        *_, last = SAMPLERS[sampler](denoise, noise(8, 8), np.linspace(1, 0, 9).tolist())
        gap = np.abs(last.x[..., 0] - last.x[..., -1]).mean()
        return float(gap / np.abs(np.diff(last.x, axis=3)).mean())

    assert smooth(seamless(edged, np.linspace(1, 0, 9).tolist())) < smooth(edged)
