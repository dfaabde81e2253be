"""Shape matching: every shape, every size, every distortion that is not another shape."""

import numpy as np
import pytest
from scipy import ndimage

from molnar.lab.data.shapes import SHAPES
from molnar.lab.evaluate.shapes import match


def cover(shape: str, radius: float, side: int = 96, x: float = 48.3, y: float = 47.6):
    """Anti-aliased coverage of a shape of `radius` pixels."""
    ticks = (np.arange(side * 4) + 0.5) / 4
    across, down = np.meshgrid(ticks, ticks)
    inside = np.asarray(SHAPES[shape]((across - x) / radius, (down - y) / radius)) < 0
    return inside.reshape(side, 4, side, 4).mean((1, 3)).astype(np.float32)


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("radius", [9, 14, 40])
def test_every_shape_is_named_at_every_size(shape, radius):
    found = match(cover(shape, radius))
    assert found.name == shape
    assert found.score > 0.85
    assert found.score > found.second_score + 0.03


@pytest.mark.parametrize("shape", list(SHAPES))
def test_a_blurred_shape_keeps_its_name(shape):
    assert match(ndimage.gaussian_filter(cover(shape, 14), 1.5)).name == shape


def test_a_bool_mask_will_do():
    assert match(cover("heart", 20) > 0.5).name == "heart"


def test_a_shape_at_the_edge_of_the_picture_is_measured_whole():
    full = cover("square", 20)
    rows, columns = np.nonzero(full > 0.5)
    cropped = full[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert match(cropped).name == "square"


def test_what_is_no_shape_gets_no_name():
    bar = np.zeros((96, 96), np.float32)
    bar[40:50, 8:88] = 1
    assert match(bar).name is None
    noise = ndimage.gaussian_filter(np.random.default_rng(4).random((96, 96)), 3) > 0.5
    assert match(noise).name is None


def test_a_stretched_circle_is_not_a_circle():
    tall = ndimage.zoom(cover("circle", 16), (1.9, 1), order=1)
    assert match(tall).name != "circle"


def test_nothing_is_refused():
    with pytest.raises(ValueError, match="covers no pixel"):
        match(np.zeros((8, 8)))
