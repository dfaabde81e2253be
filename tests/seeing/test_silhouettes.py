"""Outlines."""

from __future__ import annotations

import numpy as np
import pytest

from molnar.lab.data.shapes import MARKS
from molnar.lab.data.shapes import SHAPES as DRAWN
from molnar.seeing.silhouettes import SHAPES, shapes_of


@pytest.mark.parametrize("name", DRAWN)
def test_shapes_as_the_world_draws_them_are_known(name: str) -> None:
    y, x = np.mgrid[-1.2:1.2:90j, -1.2:1.2:90j]
    (found, overlap), *_ = shapes_of(np.asarray(DRAWN[name](x, y) < 0))
    assert found == name
    assert overlap > 0.89


def test_every_shape_has_an_outline() -> None:
    assert set(SHAPES) == {*DRAWN, *MARKS}
