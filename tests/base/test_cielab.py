from __future__ import annotations

import numpy as np
import pytest

from molnar.base.cielab import lab


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
    ],
)
def test_known_colours(rgb: tuple[int, ...], expected: tuple[float, ...]) -> None:
    assert lab(np.array(rgb)) == pytest.approx(expected, abs=0.05)


def test_any_shape() -> None:
    assert lab(np.zeros((2, 3, 5, 3), np.uint8)).shape == (2, 3, 5, 3)
