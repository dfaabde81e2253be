"""Data, noise and a time -> the point between them, and every way back: what t means, once.

`x_t = (1 - t) x0 + t noise`, `velocity = d x_t / dt = noise - x0`; t = 0 is data, t = 1 is noise.
All functions take numpy arrays or torch tensors, B C H W, and one time per sample (B).

Source: Liu et al. 2022, arXiv 2209.03003, equation 1; Lipman et al. 2022, arXiv 2210.02747.
"""

from __future__ import annotations

from collections.abc import Callable

from molnar.base.arrays import per_sample
from molnar.base.types import Array, Denoise, Latent, TextEmbedding, Time

Velocity = Callable[[Latent, Time, TextEmbedding], Latent]
"""(x_t B C H W, t B, text) -> estimate of `noise - x0`, B C H W."""


def broadcast(t: Time, x: Array) -> Array:
    """Return times (B, or one number) shaped and typed to multiply x, e.g. B 1 1 1."""
    return per_sample(t, x)


def add_noise(x0: Latent, noise: Latent, t: Time) -> Latent:
    """Return x_t, the point at time t on the straight line from x0 to noise."""
    t = broadcast(t, x0)
    return (1 - t) * x0 + t * noise


def velocity(x0: Latent, noise: Latent) -> Latent:
    """Return the velocity of that line, the same at every t."""
    return noise - x0


def x0_from_velocity(x_t: Latent, v: Latent, t: Time) -> Latent:
    """Return the data end of the line through x_t with velocity v."""
    return x_t - broadcast(t, x_t) * v


def noise_from_velocity(x_t: Latent, v: Latent, t: Time) -> Latent:
    """Return the noise end of the line through x_t with velocity v."""
    return x_t + (1 - broadcast(t, x_t)) * v


def velocity_from_x0(x_t: Latent, x0: Latent, t: Time) -> Latent:
    """Return the velocity of the line from x0 through x_t; t must not be 0."""
    return (x_t - x0) / broadcast(t, x_t)


def denoiser(velocity_fn: Velocity, text: TextEmbedding) -> Denoise:
    """Close a velocity estimate over its text: (x_t, t) -> estimate of x0."""

    def denoise(x: Latent, t: Time) -> Latent:
        return x0_from_velocity(x, velocity_fn(x, t, text), t)

    return denoise
