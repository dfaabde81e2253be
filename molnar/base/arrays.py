"""Numbers -> an array of the same kind as another: numpy beside numpy, torch beside torch.

The path of a picture must not import torch, yet torch tensors pass through samplers and guidance.
These few functions are the only ones that care which of the two they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from molnar.base.types import Array


def like(values: Any, x: Array) -> Array:
    """Return `values` as an array of x's kind, dtype and device; x itself is not read."""
    if isinstance(x, np.ndarray):
        return np.asarray(values, dtype=x.dtype)
    if isinstance(values, type(x)):
        return values.to(device=x.device, dtype=x.dtype)
    return x.new_tensor(np.asarray(values))


def empty(shape: Sequence[int], x: Array) -> Array:
    """Return an unfilled array of the given shape and of x's kind, dtype and device."""
    if isinstance(x, np.ndarray):
        return np.empty(tuple(shape), x.dtype)
    return x.new_empty(tuple(shape))


def numbers(x: Array) -> np.ndarray[Any, Any]:
    """Return x as a numpy array on the CPU, whichever kind it was."""
    if isinstance(x, np.ndarray):
        return x
    return np.asarray(x.detach().cpu()) if hasattr(x, "detach") else np.asarray(x)


def per_sample(values: Any, x: Array) -> Array:
    """Return one number per sample, shaped to multiply x.

    Args:
        values: A number, or an array [B].
        x: B followed by any dimensions.

    Returns:
        An array [B, 1, 1, ...] (or [1, 1, 1, ...] for one number) of x's kind.
    """
    array = like(values, x)
    size = array.shape[0] if len(array.shape) else 1
    return array.reshape((size, *(1,) * (len(x.shape) - 1)))


def stacked(first: Array, second: Array, size: int) -> Array:
    """Return `first` above `second`, each with (or repeated from one to) `size` rows."""
    out = empty((2 * size, *first.shape[1:]), first)
    out[:size] = first
    out[size:] = second
    return out
