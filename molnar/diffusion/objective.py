"""A latent, noise and a time in, how wrong the network's velocity is out.

Source: conditional flow matching, Lipman et al. 2022, arXiv 2210.02747, equation 9, on the straight
path of Liu et al. 2022, arXiv 2209.03003; t from a logit-normal: Esser et al. 2024,
arXiv 2403.03206, section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from molnar.base.types import TextEmbedding
from molnar.diffusion.flow import add_noise, broadcast, velocity
from molnar.diffusion.samplers import dpmpp_2m
from molnar.diffusion.schedule import logit_normal, shifted, stratified


class FlowLoss(NamedTuple):
    """The loss and where it comes from."""

    total: Tensor  # scalar, weighted mean squared error of the velocity, plus that at coarser sizes
    each: Tensor  # Float B, mean squared error per sample, unweighted, detached


def training_times(
    generator: np.random.Generator, size: int, *, shift: float = 1.0, uniform_p: float = 0.1
) -> NDArray[np.float32]:
    """Draw `size` times for training, stratified: shifted logit-normal, a share of them uniform.

    Args:
        generator: keyed by what makes the batch unique.
        size: B.
        shift: above 1 moves times towards noise (see `schedule.shifted`).
        uniform_p: share of uniform times, not shifted, so that no time is starved.
    """
    places = stratified(generator, size)
    drawn = shifted(logit_normal(places), shift)
    return np.asarray(np.where(generator.random(size) < uniform_p, places, drawn), np.float32)


def flow_loss(
    network: nn.Module,
    x0: Tensor,
    noise: Tensor,
    t: Tensor,
    text: TextEmbedding,
    scales: Sequence[int] = (),
    weights: Tensor | None = None,
) -> FlowLoss:
    """Compare the network's velocity at x_t with `noise - x0`.

    Args:
        network: a U-Net or a transformer; forward(x, t, tokens, mask, pooled) -> Float B C H W.
        x0: latents, Float B C H W.
        noise: the same shape, standard normal.
        t: Float B in [0, 1].
        text: what the pictures show.
        scales: cells; add the error as seen at these coarser sizes (Hoogeboom et al. 2023,
            arXiv 2301.11093, section 3.3, weighted so that whole shapes count).
        weights: Float C, how much an error in each channel counts, mean 1; None = all the same.
    """
    predicted: Any = network(add_noise(x0, noise, t), t, *inputs(text))
    return compared(predicted, velocity(x0, noise), scales, weights)


def compared(
    predicted: Tensor,
    target: Tensor,
    scales: Sequence[int] = (),
    weights: Tensor | None = None,
) -> FlowLoss:
    """Compare two velocities, Float B C H W; `scales` and `weights` as for `flow_loss`."""
    error = predicted.float() - target
    each = error.square().mean(dim=(1, 2, 3))
    if weights is not None:
        error = error * weights.sqrt()[:, None, None]
    total = error.square().mean() + sum(coarse(error, k) for k in scales)
    return FlowLoss(total, each.detach())


def inputs(text: TextEmbedding) -> tuple[Any, ...]:
    """Give what a network is told of a picture, in the order of its arguments."""
    told = (text.tokens, text.mask, text.pooled)
    if text.until is not None:
        return (*told, text.plan, text.until)
    return told if text.plan is None else (*told, text.plan)


def first_rows(text: TextEmbedding, count: int) -> TextEmbedding:
    """Keep what is told of the first pictures."""
    told = {key: None if value is None else value[:count] for key, value in vars(text).items()}
    return TextEmbedding(**told)


def guided_velocity(
    teacher: nn.Module, x: Tensor, t: Tensor, text: TextEmbedding, null: TextEmbedding, scale: float
) -> Tensor:
    """Give the velocity that guidance makes of a teacher's two, for a student to learn in one.

    Args:
        teacher: a trained network, of any kind.
        x: noisy latents, Float B C H W.
        t: Float B.
        text: B rows; a row that is the null text itself is not guided.
        null: the embedding of nothing, B rows of the same length.
        scale: as in `guidance.classifier_free`; 1 = off.

    Source: Meng et al. 2023, arXiv 2210.03142, section 3.1.
    """
    with_text: Any = teacher(x, t, *inputs(text))
    without: Any = teacher(x, t, *inputs(null))
    found: Tensor = without.float() + scale * (with_text.float() - without.float())
    return found


def mean_velocity(
    teacher: nn.Module,
    x: Tensor,
    legs: Tensor,
    text: TextEmbedding,
    null: TextEmbedding,
    scale: float,
) -> Tensor:
    """Give the mean velocity of a teacher's guided path, for a student to step along at once.

    Args:
        teacher: a trained network, of any kind.
        x: noisy latents, Float B C H W.
        legs: Float B K, falling: from the time of x on, the times at which the teacher looks, and
            the one where the step ends.
        text: B rows.
        null: the embedding of nothing, B rows of the same length.
        scale: of guidance, as in `guided_velocity`.

    Source: Meng et al. 2023, arXiv 2210.03142, section 3.2; the teacher steps by DPM-Solver++(2M).
    """

    def denoise(x_t: Tensor, t: Tensor) -> Tensor:
        v = guided_velocity(teacher, x_t, t, text, null, scale)
        x0: Tensor = x_t - broadcast(t, x_t) * v
        return x0

    *_, last = dpmpp_2m(denoise, x, legs)
    found: Tensor = (x - last.x) / broadcast(legs[:, 0] - legs[:, -1], x)
    return found


def coarse(error: Tensor, cells: int) -> Tensor:
    """Mean square of an error Float B C H W averaged over squares, times their side in cells.

    Errors that agree over a square (a whole shape is missing) stay; those that do not, fade. The
    network that is best without these terms is best with them; they only say what to learn first.
    """
    return cells * F.avg_pool2d(error, cells).square().mean()
