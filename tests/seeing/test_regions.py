"""Grounds and patches."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from molnar.seeing.regions import connected, grown, look, shrunk, united


def test_two_things_on_white(two: NDArray[np.uint8]) -> None:
    scene = look(two)
    assert scene.ground == "white"
    assert len(scene.patches) == 2
    assert scene.patches[0].box == pytest.approx(
        (150 / 256, 90 / 256, 226 / 256, 166 / 256), abs=0.02
    )
    assert united(scene.patches).share == pytest.approx(sum(p.share for p in scene.patches))


def test_a_transparent_ground_is_none() -> None:
    pixels = np.zeros((80, 80, 4), np.uint8)
    pixels[20:60, 20:60] = (218, 34, 40, 255)
    scene = look(pixels)
    assert scene.ground == "transparent"
    assert [patch.share for patch in scene.patches] == [pytest.approx(0.25, abs=0.02)]


def test_noise_is_no_plain_ground() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    scene = look(np.kron(pixels[:8, :8], np.ones((8, 8, 1), np.uint8)))
    assert scene.ground is None
    assert scene.patches == ()


def test_an_empty_ground_has_no_patches() -> None:
    scene = look(np.full((40, 64, 3), (36, 82, 214), np.uint8))
    assert (scene.ground, scene.patches) == ("blue", ())


def test_parts_are_bridged_over_small_gaps_only() -> None:
    mask = np.zeros((20, 20), bool)
    mask[5, 2:8] = mask[5, 10:14] = True
    assert len(connected(mask, 0)) == 2
    assert len(connected(mask, 3)) == 1
    assert np.array_equal(connected(mask, 3)[0], mask)


def test_a_spiral_is_one_part() -> None:
    mask = np.zeros((9, 9), bool)
    mask[0, :] = mask[:, 8] = mask[8, :] = True
    mask[2:, 0] = mask[2, :7] = mask[2:7, 6] = True
    assert len(connected(mask, 0)) == 1


def test_growing_and_shrinking_undo_each_other_on_a_square() -> None:
    mask = np.zeros((20, 20), bool)
    mask[6:12, 6:12] = True
    assert grown(mask, 2).sum() == 100
    assert np.array_equal(shrunk(grown(mask, 2), 2), mask)
