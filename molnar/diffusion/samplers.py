"""Noise, a denoiser and falling times -> data, one `Step` at a time.

A sampler is a generator `(denoise, x, times, rng=None) -> Iterator[Step]`. It works on numpy arrays
and torch tensors alike, with arithmetic alone: coefficients are computed per sample in float64, in
numpy, and only then meet the latent.

With alpha = 1 - t and sigma = t, most solvers are `x' = (t'/t) x + (1 - t'/t) estimate`, and differ
in the estimate of x0. lambda = log(alpha / sigma) is infinite at t = 1 and at t = 0; every
coefficient below is written so that those limits are finite and exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molnar.base.arrays import like, numbers, per_sample
from molnar.base.errors import ConfigError
from molnar.base.types import Denoise, Latent, Step

Numbers = NDArray[np.float64]  # [B], one coefficient per sample


class Normal(Protocol):
    """Where stochastic samplers get their noise: `base.rng.PictureRng`, or anything like it."""

    def normal(self, shape_of_one: Sequence[int]) -> Any:
        """Return the next noise of every sample, [B, *shape_of_one]."""
        ...


Sampler = Callable[..., Iterator[Step]]
"""(denoise, x B C H W, times [steps + 1] or [B, steps + 1], rng=None) -> Iterator[Step]"""


@dataclass(frozen=True)
class _Leg:
    """One interval of the grid, per sample."""

    index: int
    of: int
    s: Numbers  # time it starts from, above 0
    t: Numbers  # time it ends at, below s

    def step(self, x: Latent, x0: Latent) -> Step:
        return Step(index=self.index, of=self.of, t=float(self.t.max()), x=x, x0=x0)


def euler(denoise: Denoise, x: Latent, times: Any, rng: Normal | None = None) -> Iterator[Step]:
    """Follow the velocity at the start of each step. First order, deterministic.

    Source: Liu et al. 2022, arXiv 2209.03003, section 2.
    """
    for leg in _legs(x, times):
        x0 = denoise(x, like(leg.s, x))
        x = _towards(x, x0, leg)
        yield leg.step(x, x0)


def ddim(denoise: Denoise, x: Latent, times: Any, rng: Normal | None = None) -> Iterator[Step]:
    """Split x into data and noise and mix them anew. First order, deterministic.

    On straight paths this is Euler's step in other words, kept for those who ask for the name.

    Source: Song et al. 2020, arXiv 2010.02502, equation 12 with eta = 0.
    """
    for leg in _legs(x, times):
        x0 = denoise(x, like(leg.s, x))
        noise = _mix((1 / leg.s, x), (-(1 - leg.s) / leg.s, x0))
        x = _mix((1 - leg.t, x0), (leg.t, noise))
        yield leg.step(x, x0)


def heun(denoise: Denoise, x: Latent, times: Any, rng: Normal | None = None) -> Iterator[Step]:
    """Average the velocities at both ends of each step. Second order, two estimates a step.

    Source: Karras et al. 2022, arXiv 2206.00364, algorithm 1.
    """
    for leg in _legs(x, times):
        x0 = denoise(x, like(leg.s, x))
        ahead = _towards(x, x0, leg)
        if leg.t.any():
            # At t = 0 the velocity (x - x0) / t has no value: such a sample keeps Euler's step.
            t = np.where(leg.t > 0, leg.t, 1)
            half = np.where(leg.t > 0, (leg.t - leg.s) / 2, 0)
            again = denoise(ahead, like(leg.t, x))
            # ahead + (t - s) / 2 * (velocity at t - velocity at s)
            change = _mix((1 / t, ahead), (-1 / t, again), (-1 / leg.s, x), (1 / leg.s, x0))
            ahead = ahead + _scaled(half, change)
        x = ahead
        yield leg.step(x, x0)


def dpmpp_2m(denoise: Denoise, x: Latent, times: Any, rng: Normal | None = None) -> Iterator[Step]:
    """Extrapolate x0 from the last two estimates. Second order, one estimate a step.

    Source: Lu et al. 2022, arXiv 2211.01095, algorithm 2 (DPM-Solver++(2M)).
    """
    previous = _Memory()
    for leg in _legs(x, times):
        x0 = denoise(x, like(leg.s, x))
        x = _towards(x, previous.extrapolated(x0, leg), leg)
        yield leg.step(x, x0)


def euler_ancestral(
    denoise: Denoise, x: Latent, times: Any, rng: Normal | None = None
) -> Iterator[Step]:
    """Step to the posterior given x and x0, and add its noise. First order, stochastic.

    Source: Song et al. 2020, arXiv 2010.02502, equation 12 with eta = 1.
    """
    rng = _required(rng, "euler_ancestral")
    for leg in _legs(x, times):
        x0 = denoise(x, like(leg.s, x))
        x = _posterior(x, x0, leg, rng)
        yield leg.step(x, x0)


def dpmpp_2m_sde(
    denoise: Denoise, x: Latent, times: Any, rng: Normal | None = None
) -> Iterator[Step]:
    """Extrapolate x0 as dpmpp_2m does, then step to the posterior and add its noise. Stochastic.

    Source: Lu et al. 2022, arXiv 2211.01095, section 5 (SDE-DPM-Solver++(2M)).
    """
    rng = _required(rng, "dpmpp_2m_sde")
    previous = _Memory()
    for leg in _legs(x, times):
        x0 = denoise(x, like(leg.s, x))
        x = _posterior(x, previous.extrapolated(x0, leg), leg, rng)
        yield leg.step(x, x0)


def lcm(denoise: Denoise, x: Latent, times: Any, rng: Normal | None = None) -> Iterator[Step]:
    """Take the estimate as the answer and noise it anew: for models distilled to a few steps.

    Source: Luo et al. 2023, arXiv 2310.04378, algorithm 3; Song et al. 2023, arXiv 2303.01469.
    """
    rng = _required(rng, "lcm")
    for leg in _legs(x, times):
        x0 = denoise(x, like(leg.s, x))
        x = _mix((1 - leg.t, x0), (leg.t, _noise(rng, x, leg)))
        yield leg.step(x, x0)


def unipc(denoise: Denoise, x: Latent, times: Any, rng: Normal | None = None) -> Iterator[Step]:
    """Predict as dpmpp_2m does; once the next estimate is there, correct the step just taken.

    Second-order predictor and corrector with B(h) = e^h - 1; one estimate a step, deterministic.

    Source: Zhao et al. 2023, arXiv 2302.04867, algorithms 5 to 8 (UniPC-2, data prediction).
    """
    previous = _Memory()
    last: tuple[Latent, _Leg, Latent, _Memory] | None = None
    for leg in _legs(x, times):
        x0 = denoise(x, like(leg.s, x))
        if last is not None:
            start, leg_before, x0_before, older = last
            x = _corrected(start, x0_before, x0, leg_before, older)
        older = previous.copy()
        start, x = x, _towards(x, previous.extrapolated(x0, leg), leg)
        last = (start, leg, x0, older)
        yield leg.step(x, x0)


SAMPLERS: dict[str, Sampler] = {
    "euler": euler,
    "euler_ancestral": euler_ancestral,
    "heun": heun,
    "ddim": ddim,
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_sde": dpmpp_2m_sde,
    "unipc": unipc,
    "lcm": lcm,
}

STOCHASTIC = frozenset({"euler_ancestral", "dpmpp_2m_sde", "lcm"})  # these need an rng


class _Memory:
    """The estimate of the step before, and the lambda it was made at."""

    def __init__(self, x0: Latent = None, at: Numbers | None = None) -> None:
        self.x0, self.at = x0, at

    def copy(self) -> _Memory:
        return _Memory(self.x0, self.at)

    def ratio(self, leg: _Leg) -> Numbers:
        """Return h / h_before >= 0, steps measured in lambda.

        0 where there is nothing to extrapolate from: before the first step, and from t = 1, which
        is infinitely far away in lambda. Also 0 where the step ends at t = 0: an infinite step must
        not extrapolate, and is of first order as in the paper's own experiments.
        """
        if self.at is None:
            return np.zeros_like(leg.s)
        h_before = _lambda(leg.s) - self.at
        h = _lambda(leg.t) - _lambda(leg.s)
        return np.where(np.isfinite(h), h, 0) / h_before

    def extrapolated(self, x0: Latent, leg: _Leg) -> Latent:
        """Return the estimate at the middle of the leg, and remember this one."""
        half = self.ratio(leg) / 2
        older, self.x0, self.at = self.x0, x0, _lambda(leg.s)
        return x0 if older is None else _mix((1 + half, x0), (-half, older))


def _corrected(x: Latent, x0: Latent, ahead: Latent, leg: _Leg, older: _Memory) -> Latent:
    """Repeat the step of `leg` from x, now that the estimate at its end (`ahead`) is known.

    UniC's two conditions, rho_1 + rho_2 = b1 and r rho_1 + rho_2 = b2, are solved by hand; rho_1
    weighs (older - x0) / r and rho_2 weighs (ahead - x0).
    """
    decay = leg.t * (1 - leg.s) / (leg.s * (1 - leg.t))  # e^-h, 0 for a step from t = 1
    h = -np.log(np.where(decay > 0, decay, 1))
    h_inverse = np.divide(1, h, out=np.zeros_like(h), where=h > 0)  # 0 stands for 1 / infinity
    # phi-functions of -h divided by B(h): b1 and b2 of the paper's equation 10.
    b1 = 1 / (1 - decay) - h_inverse
    b2 = 1 / (1 - decay) - 2 * h_inverse * b1
    ratio = older.ratio(leg)  # h / h_before
    second = ratio > 0
    # r = -h_before / h is where the older estimate lies, in units of the step.
    r = np.where(second, -1 / np.where(second, ratio, 1), 0)
    w_older = np.where(second, (b2 - b1) / (r - 1), 0)
    # With no older estimate at all the paper's first-order corrector weighs both ends alike.
    w_ahead = np.full_like(b1, 0.5) if older.x0 is None else b1 - w_older
    slope = np.where(second, w_older / np.where(second, r, 1), 0)
    estimate = [(1 - w_ahead - slope, x0), (w_ahead, ahead)]
    if older.x0 is not None:
        estimate.append((slope, older.x0))
    return _towards(x, _mix(*estimate), leg)


def _towards(x: Latent, x0: Latent, leg: _Leg) -> Latent:
    """Move along the line from x through x0: x' = (t/s) x + (1 - t/s) x0."""
    return _mix((leg.t / leg.s, x), (1 - leg.t / leg.s, x0))


def _posterior(x: Latent, x0: Latent, leg: _Leg, rng: Normal) -> Latent:
    """Draw x_t from p(x_t | x_s, x0).

    With q = (sigma_t alpha_s / (sigma_s alpha_t))^2 = e^-2h it has mean
    (t/s) sqrt(q) x + (1 - t) (1 - q) x0 and standard deviation t sqrt(1 - q).
    """
    decay = leg.t * (1 - leg.s) / (leg.s * (1 - leg.t))
    keep = 1 - decay**2
    mean = _mix((leg.t / leg.s * decay, x), ((1 - leg.t) * keep, x0))
    if not leg.t.any():
        return mean
    return mean + _scaled(leg.t * np.sqrt(keep), _noise(rng, x, leg))


def _legs(x: Latent, times: Any) -> Iterator[_Leg]:
    """Check a grid of times and walk it.

    Raises:
        ConfigError: If it is not [steps + 1] or [B, steps + 1], strictly falling, within [0, 1].
    """
    batch = int(x.shape[0])
    grid = np.asarray(numbers(times), np.float64)
    if grid.ndim not in (1, 2) or grid.shape[-1] < 2 or (grid.ndim == 2 and len(grid) != batch):
        raise ConfigError(f"times have shape {grid.shape}; expected [steps + 1] or [{batch}, ...]")
    if not ((grid >= 0) & (grid <= 1)).all() or not (np.diff(grid, axis=-1) < 0).all():
        raise ConfigError("times must fall strictly, within 0 to 1; take them from a schedule")
    grid = np.broadcast_to(grid, (batch, grid.shape[-1]))
    of = grid.shape[1] - 1
    for index in range(of):
        yield _Leg(index, of, grid[:, index], grid[:, index + 1])


def _lambda(t: Numbers) -> Numbers:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log1p(-t) - np.log(t))


def _mix(*terms: tuple[Numbers, Latent]) -> Latent:
    """Return the sum of arrays, each times its own coefficient per sample."""
    (first, array), *others = terms
    total = _scaled(first, array)
    for weight, other in others:
        total = total + _scaled(weight, other)
    return total


def _scaled(weight: Numbers, x: Latent) -> Latent:
    return per_sample(weight, x) * x


def _noise(rng: Normal, x: Latent, leg: _Leg) -> Latent:
    noise = like(rng.normal(tuple(x.shape[1:])), x)
    if tuple(noise.shape) != tuple(x.shape):
        raise ConfigError(
            f"the rng gives noise {tuple(noise.shape)}; expected {tuple(x.shape)}: one seed each"
        )
    return noise


def _required(rng: Normal | None, sampler: str) -> Normal:
    if rng is None:
        raise ConfigError(f"{sampler} adds noise and got no rng; pass rng=PictureRng(seeds)")
    return rng
