"""Pictures drawn here and not by the world: the judge is not tested on what it was built on."""

from pathlib import Path

import numpy as np
import pytest

from molnar.lab.data.concepts import COMMON
from molnar.lab.data.palette import PALETTE
from molnar.lab.data.shapes import SHAPES
from molnar.lab.data.stickers import Concept, Sprite, Stickers


@pytest.fixture(scope="session")
def paint():
    """Draw (shape, colour, x, y, radius) in pixels on a named ground: uint8 128 128 3."""

    def draw(things, ground="white", side=128):
        ticks = (np.arange(side * 3) + 0.5) / 3
        across, down = np.meshgrid(ticks, ticks)
        image = np.empty((side * 3, side * 3, 3), np.float32)
        image[:] = PALETTE[ground]
        for shape, colour, x, y, radius in things:
            inside = np.asarray(SHAPES[shape]((across - x) / radius, (down - y) / radius)) < 0
            image[inside] = PALETTE[colour]
        return image.reshape(side, 3, side, 3, 3).mean((1, 3)).round().astype(np.uint8)

    return draw


def drawing(seed: int, side: int = 64) -> Sprite:
    """A few discs of their own colours and places."""
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[:side, :side] + 0.5) / side
    pixels = np.zeros((side, side, 4), np.uint8)
    for _ in range(5):
        centre, radius = rng.uniform(0.25, 0.75, 2), rng.uniform(0.12, 0.3)
        pixels[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2] = (
            *rng.integers(0, 255, 3),
            255,
        )
    rows, columns = np.nonzero(pixels[..., 3])
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return Sprite(pixels, box, (0, 0, 0))


@pytest.fixture(scope="session")
def pack() -> Stickers:
    """Twelve everyday concepts in two styles, in memory."""
    names, styles = COMMON[40:52], ("noto", "twemoji")
    rows = {name: Concept(name, (), dict.fromkeys(styles, f"{name}.svg")) for name in names}
    sprites = {
        (name, style): drawing(k + 100 * number)
        for number, style in enumerate(styles)
        for k, name in enumerate(names)
    }
    return Stickers(folder=Path(), concepts=rows, size=64, sprites=sprites, problems=[])
