"""A denoiser with the text and one without -> one that listens to the text more: combinators.

Every function here takes denoisers and returns a denoiser; samplers do not know that it happens.
Scale 1 is off and returns the denoiser with the text itself.

Source: Ho and Salimans 2022, arXiv 2207.12598, equation 6 (with w = scale - 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from molnar.base.arrays import numbers, per_sample, stacked
from molnar.base.errors import ConfigError
from molnar.base.types import Array, Denoise, Latent, TextEmbedding, Time
from molnar.diffusion.flow import Velocity, x0_from_velocity
from molnar.diffusion.flow import denoiser as _denoiser

TINY = 1e-9  # below it a weight is none


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """How strongly and when to follow the text.

    Example:
        >>> Guidance(scale=4.0, low=0.1).active(0.05)
        False
    """

    scale: float = 1.0  # 1 = off; 3 to 7 is usual
    low: float = 0.0  # guided only for low <= t <= high ...
    high: float = 1.0
    rescale: float = 0.0  # 0 = off ... 1 = contrast of the unguided estimate

    def __post_init__(self) -> None:
        """Check the ranges; raises ConfigError."""
        if not 0 <= self.low <= self.high <= 1:
            raise ConfigError(
                f"guidance low is {self.low} and high {self.high}; expected 0 <= low <= high <= 1"
            )
        if not 0 <= self.rescale <= 1:
            raise ConfigError(f"guidance rescale is {self.rescale}; expected 0 to 1")

    def active(self, t: float) -> bool:
        """Say whether a sample at time t is guided at all."""
        return self.scale != 1 and self.low <= t <= self.high


def none(with_text: Denoise) -> Denoise:
    """Return the denoiser unchanged: guidance that is off."""
    return with_text


def classifier_free(with_text: Denoise, without: Denoise, scale: float) -> Denoise:
    """Push the estimate away from the one made without the text: without + scale (with - without).

    Args:
        with_text: Conditioned on the prompt.
        without: Conditioned on nothing, or on the negative prompt.
        scale: 1 is off (`with_text` itself is returned), 3 to 7 is usual.
    """
    if scale == 1:
        return none(with_text)

    def guided(x: Latent, t: Time) -> Latent:
        return _apart(with_text(x, t), without(x, t), scale)

    return guided


def interval(guided: Denoise, with_text: Denoise, low: float, high: float) -> Denoise:
    """Guide only samples with low <= t <= high; the others cost one estimate instead of two.

    Source: Kynkaanniemi et al. 2024, arXiv 2404.07724, equation 5.
    """

    def limited(x: Latent, t: Time) -> Latent:
        times = numbers(t)
        inside = (times >= low) & (times <= high)
        if inside.all():
            return guided(x, t)
        if not inside.any():
            return with_text(x, t)
        return _chosen(inside, guided(x, t), with_text(x, t))

    return limited


def rescale(guided: Denoise, with_text: Denoise, amount: float) -> Denoise:
    """Give the guided estimate the contrast of the unguided one, which high scales overshoot.

    Args:
        guided: The guided denoiser.
        with_text: The unguided one; asked once more.
        amount: 0 is off (`guided` itself is returned), 1 is full.

    Source: Lin et al. 2023, arXiv 2305.08891, equations 14 to 16, on x0.
    """
    if amount == 0:
        return guided

    def rescaled(x: Latent, t: Time) -> Latent:
        return _contrast(guided(x, t), with_text(x, t), amount)

    return rescaled


def paired(
    velocity_fn: Velocity,
    text: TextEmbedding,
    null: TextEmbedding,
    guidance: float | Guidance,
) -> Denoise:
    """Guide with one call of the network on a doubled batch: text in the first half, null after.

    Args:
        velocity_fn: The network.
        text: Embedding of the prompt, B rows (or 1, shared by all).
        null: Embedding of nothing or of the negative prompt, B rows or 1.
        guidance: A scale, or a scale with an interval and a rescale.
    """
    g = guidance if isinstance(guidance, Guidance) else Guidance(scale=guidance)
    with_text = _denoiser(velocity_fn, text)
    if g.scale == 1:
        return none(with_text)

    def guided(x: Latent, t: Time) -> Latent:
        size = x.shape[0]
        both = TextEmbedding(
            tokens=stacked(text.tokens, null.tokens, size),
            pooled=stacked(text.pooled, null.pooled, size),
            mask=stacked(text.mask, null.mask, size),
            plan=_both(text.plan, null.plan, size),
        )
        xx, tt = stacked(x, x, size), stacked(t, t, size)
        x0 = x0_from_velocity(xx, velocity_fn(xx, tt, both), tt)
        estimate = _apart(x0[:size], x0[size:], g.scale)
        return _contrast(estimate, x0[:size], g.rescale) if g.rescale else estimate

    return guided if (g.low, g.high) == (0, 1) else interval(guided, with_text, g.low, g.high)


def mixed(
    velocity_fn: Velocity,
    branches: Sequence[tuple[float, TextEmbedding]],
    null: TextEmbedding,
    guidance: Guidance,
) -> Denoise:
    """Guide by several texts at once: null + scale (sum of weight (with text - null)).

    One call of the network for each text, and one more for null where it counts at all.

    Args:
        velocity_fn: The network.
        branches: Weights (negative ones lead away) and embeddings of one row each.
        null: Embedding of nothing or of the negative prompt, one row.
        guidance: As for one text; the rescale is by the plain sum.

    Source: Liu et al. 2022, arXiv 2206.01714, equation 11.
    """
    texts = [text for _, text in branches]
    weights = [weight for weight, _ in branches]
    needed = abs(1 - sum(weights)) > TINY  # without guidance, is null needed?

    def plain(x: Latent, t: Time) -> Latent:
        asked = [*texts, null] if needed else texts
        return _summed(estimates(x, t, asked), _factors(weights, 1.0, needed))

    def guided(x: Latent, t: Time) -> Latent:
        each = estimates(x, t, [*texts, null])
        estimate = _summed(each, _factors(weights, guidance.scale, True))
        if not guidance.rescale:
            return estimate
        return _contrast(estimate, _summed(each, _factors(weights, 1.0, True)), guidance.rescale)

    def estimates(x: Latent, t: Time, asked: Sequence[TextEmbedding]) -> list[Latent]:
        return [x0_from_velocity(x, velocity_fn(x, t, text), t) for text in asked]

    if guidance.scale == 1:
        return plain
    if (guidance.low, guidance.high) == (0, 1):
        return guided
    return interval(guided, plain, guidance.low, guidance.high)


def _factors(weights: Sequence[float], scale: float, with_null: bool) -> list[float]:
    """Say how much of each estimate goes into null + scale (sum of weight (with text - null))."""
    factors = [scale * weight for weight in weights]
    return [*factors, 1 - sum(factors)] if with_null else factors


def _summed(each: Sequence[Latent], factors: Sequence[float]) -> Latent:
    first, *others = (factor * one for factor, one in zip(factors, each, strict=True))
    return sum(others, first)


def stepwise(denoisers: Sequence[Denoise], which: Sequence[int], times: Sequence[float]) -> Denoise:
    """Ask another denoiser at each step: what a prompt that changes on the way is made of.

    Args:
        denoisers: To choose from.
        which: Which one, for each step.
        times: The times that the sampler visits, falling, one more than steps.
    """

    def denoise(x: Latent, t: Time) -> Latent:
        return denoisers[which[step_at(t, times)]](x, t)

    return denoise


def step_at(t: Time, times: Sequence[float]) -> int:
    """Tell which step begins at a time, or the last one that begins before it."""
    latest = np.float32(numbers(t).max())  # a latent's times are rounded, so the grid's are too
    begun = sum(1 for begin in times[:-1] if np.float32(begin) >= latest)
    return max(begun - 1, 0)


def anchored(denoise: Denoise, known: Latent, fresh: Array) -> Denoise:
    """Keep a part of the picture: where it is known, the estimate is what is known.

    On the straight line from noise to data that is what it would be, so a sampler that starts from
    noise arrives there exactly.

    Args:
        denoise: For the rest.
        known: x0, B C H W or 1 C H W.
        fresh: 1 where the denoiser decides, 0 where it is known; anything that multiplies x0.

    Source: Lugmayr et al. 2022, arXiv 2201.09865, equation 8, on x0.
    """

    def kept(x: Latent, t: Time) -> Latent:
        return known + fresh * (denoise(x, t) - known)

    return kept


def _both(plan: Array | None, null: Array | None, size: int) -> Array | None:
    """Stack what is planned with what is not: without a text there is no plan either."""
    if plan is None:
        return None
    return stacked(plan, plan * 0 if null is None else null, size)


def _apart(with_text: Latent, without: Latent, scale: float) -> Latent:
    return without + scale * (with_text - without)


def _chosen(first: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], a: Latent, b: Latent) -> Latent:
    # Weights of exactly 1 and 0 choose bit for bit, and need no `where` of either library.
    weight = per_sample(first.astype(np.float64), a)
    return weight * a + (1 - weight) * b


def _contrast(guided: Latent, plain: Latent, amount: float) -> Latent:
    factor = amount * (_deviation(plain) / _deviation(guided)) + (1 - amount)
    return guided * factor.reshape((-1, *(1,) * (len(guided.shape) - 1)))


def _deviation(x: Latent) -> Latent:
    """Return the standard deviation over everything but the batch, [B]; never quite 0."""
    flat = x.reshape((x.shape[0], -1))
    centred = flat - flat.mean(axis=1, keepdims=True)
    return ((centred * centred).mean(axis=1) + 1e-12) ** 0.5
