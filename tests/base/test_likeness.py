from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from molnar.base import likeness
from molnar.base.likeness import (
    copy_ratio,
    describe_by_rule,
    looks,
    object_box,
    on_white_ground,
)


def test_objects_are_cut_out_with_and_without_alpha(drawn: dict[tuple[str, str], Any]) -> None:
    assert object_box(drawn["disc", "red"]) == (8, 8, 57, 57)
    white = np.full((128, 128, 3), 255, np.uint8)
    white[20:80, 30:90] = (10, 20, 200)
    assert object_box(white) == (30, 20, 90, 80)
    assert object_box(np.full((32, 32, 3), 255, np.uint8)) == (0, 0, 32, 32)
    assert {look.shape for look in looks(white)} == {(32, 32, 3)}


@pytest.mark.parametrize("size", [(9, 13), (1, 7), (40, 40)])
def test_specks_are_dropped_as_scipy_drops_them(size: tuple[int, int]) -> None:
    mask = np.random.default_rng(3).random(size) < 0.8
    assert (likeness._opened(mask) == ndimage.binary_opening(mask)).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 2), (32, 32), (50, 70)])
def test_any_picture_has_a_unit_vector(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for channels in (3, 4):
        image = rng.integers(0, 256, (*size, channels)).astype(np.uint8)
        for picture in (image, np.zeros_like(image), np.full_like(image, 255)):
            vectors = describe_by_rule(looks(picture))
            assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)


def test_only_an_even_coloured_ground_is_painted_white(drawn: dict[tuple[str, str], Any]) -> None:
    blue = np.full((40, 40, 3), (120, 190, 240), np.uint8)
    blue[10:30, 10:30] = (218, 34, 40)
    painted = on_white_ground(blue)
    assert painted is not None
    assert (painted[0] == 255).all()
    assert (painted[10:30, 10:30] == (218, 34, 40)).all()
    assert (blue[0] == (120, 190, 240)).all()  # the picture itself is left as it was
    assert on_white_ground(painted) is None
    assert on_white_ground(drawn["disc", "red"]) is None
    assert on_white_ground(np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)) is None


def test_the_ratio_of_a_copy_is_small() -> None:
    assert copy_ratio(0.1, 1.0) == pytest.approx(0.1)
    assert copy_ratio(0.0, 0.0) == 1.0  # two equal drawings: neither stands out
