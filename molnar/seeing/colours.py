"""Pixels in, names of the twelve colours out."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.cielab import PALETTE, delta_e, lab
from molnar.plan.items import COLOURS

UNSURE = 42.0  # CIELAB distance to the nearest name from which a pixel has none


def shares(pixels: NDArray[Any]) -> dict[str, float]:
    """Say how much of some pixels has each colour.

    Args:
        pixels: sRGB N 3, 0..255.

    Returns:
        Shares of all N, largest first, 0 left out; pixels of no named colour count for none.

    Example:
        >>> shares(np.array([[220, 30, 40], [250, 20, 30], [255, 255, 255], [20, 20, 20]]))["red"]
        0.5
    """
    if not len(pixels):
        return {}
    distances = delta_e(lab(pixels)[:, None], _centres()[None])
    nearest = distances.argmin(axis=1)
    named = distances.min(axis=1) < UNSURE
    counts = np.bincount(nearest[named], minlength=len(COLOURS)) / len(pixels)
    order = np.argsort(-counts, kind="stable")
    return {COLOURS[k]: float(counts[k]) for k in order if counts[k] > 0}


def name_of(rgb: NDArray[Any]) -> str:
    """Name one sRGB colour after the nearest of the twelve.

    Example:
        >>> name_of(np.array([30, 90, 200]))
        'blue'
    """
    return COLOURS[int(delta_e(lab(rgb), _centres()).argmin())]


@lru_cache(maxsize=1)
def _centres() -> NDArray[Any]:
    return lab(np.array([PALETTE[name] for name in COLOURS]))
