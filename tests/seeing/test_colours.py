"""Names of colours are those that the model was taught."""

from __future__ import annotations

import numpy as np

from molnar.base.cielab import PALETTE
from molnar.lab.data import palette
from molnar.plan.items import COLOURS
from molnar.seeing.colours import name_of, shares


def test_the_palette_is_that_of_the_training_pictures() -> None:
    # The order is part of the networks: a plan names a colour by its number.
    assert COLOURS == (
        "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white",
        "gray", "cyan",
    )  # fmt: skip
    assert palette.COLOURS == COLOURS
    assert set(PALETTE) == set(COLOURS)


def test_every_colour_has_its_own_name() -> None:
    assert [name_of(np.array(rgb)) for rgb in PALETTE.values()] == list(PALETTE)


def test_shares_are_of_all_pixels_and_none_of_none() -> None:
    assert shares(np.zeros((0, 3))) == {}
    half = shares(np.array([[218, 34, 40]] * 3 + [[255, 255, 255]]))
    assert half == {"red": 0.75, "white": 0.25}
