"""Matrices of floats <-> int8 with one scale per output channel, a quarter of the bytes.

A stored matrix `w` int8 O ... has a companion `w.scale` float32 O 1 ...; their product is the
matrix, rounded. Nothing is computed in int8: both engines multiply once, when they load.

Source: Krishnamoorthi 2018, arXiv 1806.08342, section 3.1 (symmetric, per channel, weights only).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALE = ".scale"  # appended to the name of a matrix
LARGEST = 127  # symmetric: -127 ... 127
#: Numbers a matrix must have to be worth it. First and last layers have fewer: rounding there
#: shows most in the picture, and saves least.
LEAST = 32_768


def worth_it(array: NDArray[Any]) -> bool:
    """Tell whether a tensor is a large enough matrix (or kernel) of floats."""
    return array.ndim >= 2 and array.size >= LEAST and np.issubdtype(array.dtype, np.floating)


def quantise(array: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round a matrix float O ... to int8 of the same shape and scales float32 O 1 ..."""
    wide = np.asarray(array, np.float32)
    peak = np.abs(wide).max(axis=tuple(range(1, wide.ndim)), keepdims=True)
    scale = np.where(peak > 0, peak / LARGEST, 1).astype(np.float32)
    return np.clip(np.rint(wide / scale), -LARGEST, LARGEST).astype(np.int8), scale


def packed(arrays: Mapping[str, NDArray[Any]], names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Quantise the named tensors, each beside its scales; the others stay."""
    out = dict(arrays)
    for name in names:
        out[name], out[name + SCALE] = quantise(arrays[name])
    return out


def unpacked(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Give tensors as they are computed with: floats and quantised ones as float32."""
    out: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if is_scale(name, arrays):
            continue
        if array.dtype == np.int8 and name + SCALE in arrays:
            out[name] = array.astype(np.float32) * arrays[name + SCALE]
        else:
            out[name] = array.astype(np.float32) if array.dtype.kind == "f" else array
    return out


def is_scale(name: str, names: Mapping[str, Any]) -> bool:
    """Tell whether a tensor is the companion of another one."""
    return name.endswith(SCALE) and name.removesuffix(SCALE) in names
