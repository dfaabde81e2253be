"""Models to see with, opened once, and a simple picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from molnar.pipeline import Pipeline, load

RGB = {"red": (218, 34, 40), "blue": (36, 82, 214), "green": (36, 152, 62), "white": (255,) * 3}


@pytest.fixture(scope="session")
def blind(tiny: Path) -> Pipeline:
    """The untrained model: it keeps contracts, and knows nothing."""
    return load(tiny, threads=1)


@pytest.fixture(scope="session")
def shipped() -> Pipeline:
    return load("sticker", threads=1)


@pytest.fixture(scope="session")
def two() -> NDArray[np.uint8]:
    """A red circle on the left, a blue square on the right, on white: uint8 256 256 3."""
    y, x = np.mgrid[:256, :256]
    pixels = np.full((256, 256, 3), 255, np.uint8)
    pixels[(x - 70) ** 2 + (y - 128) ** 2 < 40**2] = RGB["red"]
    pixels[90:166, 150:226] = RGB["blue"]
    return pixels
