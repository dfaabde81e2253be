"""sRGB -> CIELAB, where equal distances look about equally different; and twelve named colours.

Source: CIE 15:2018 section 8.2.1 (CIELAB, D65) and IEC 61966-2-1 (sRGB transfer function).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: sRGB values, 0..255, of the twelve names of colours that models are taught.
PALETTE: dict[str, tuple[int, int, int]] = {
    "red": (218, 34, 40),
    "orange": (250, 132, 16),
    "yellow": (252, 219, 46),
    "green": (36, 152, 62),
    "blue": (36, 82, 214),
    "purple": (142, 44, 166),
    "pink": (250, 146, 196),
    "brown": (122, 74, 36),
    "black": (18, 18, 20),
    "white": (255, 255, 255),
    "gray": (140, 142, 146),
    "cyan": (52, 206, 222),
}

_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE_D65 = np.array([0.9505, 1.0, 1.089])


def lab(rgb: NDArray[Any]) -> NDArray[Any]:
    """Turn sRGB into CIELAB.

    Args:
        rgb: [..., 3], 0..255.

    Returns:
        float64 [..., 3]: L in 0..100, a and b about -110..110.
    """
    value = np.asarray(rgb, dtype=np.float64) / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE_D65
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16.0 / 116.0)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)


def delta_e(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """Give the CIE76 distance of two Lab arrays ``[..., 3]``; about 2.3 is just noticeable."""
    gap = first - second
    return np.asarray(np.sqrt((gap * gap).sum(-1)))
