from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molnar.base.errors import ConfigError
from molnar.base.tiling import tiled, tiles

sides = st.integers(1, 60)


@settings(deadline=None)
@given(height=sides, width=sides, size=st.integers(2, 24), overlap=st.integers(0, 23))
def test_tiles_cover_everything_and_overlap_enough(height, width, size, overlap):
    if overlap >= size:
        return
    covered = np.zeros((height, width), int)
    for top, left, rows, columns in tiles(height=height, width=width, size=size, overlap=overlap):
        assert rows == min(size, height)
        assert columns == min(size, width)
        assert top + rows <= height
        assert left + columns <= width
        covered[top : top + rows, left : left + columns] += 1
    assert covered.min() >= 1
    lefts = sorted({t.left for t in tiles(height=1, width=width, size=size, overlap=overlap)})
    assert all(b - a <= size - overlap for a, b in itertools.pairwise(lefts))


@settings(deadline=None, max_examples=40)
@given(height=sides, width=sides, overlap=st.integers(0, 15), scale=st.integers(1, 3))
def test_a_pointwise_function_leaves_no_seam(height, width, overlap, scale):
    x = np.random.default_rng(0).standard_normal((2, 3, height, width)).astype(np.float32)

    def enlarge(part):
        return np.repeat(np.repeat(part[:, :2] ** 2, scale, 2), scale, 3)

    got = tiled(enlarge, x, size=16, overlap=overlap, scale=scale)
    np.testing.assert_allclose(got, enlarge(x), rtol=1e-5, atol=1e-5)


def test_no_call_is_larger_than_a_tile():
    shapes = []

    def seen(part):
        shapes.append(part.shape[2:])
        return part

    tiled(seen, np.zeros((1, 1, 40, 100), np.float32), size=32, overlap=8)
    assert set(shapes) == {(32, 32)}
    shapes.clear()
    tiled(seen, np.zeros((1, 1, 20, 32), np.float32), size=32, overlap=8)
    assert shapes == [(20, 32)]


def test_tiles_that_disagree_are_blended_smoothly():
    values = iter([0.0, 1.0])
    got = tiled(lambda part: 0 * part + next(values), np.zeros((1, 1, 4, 28)), size=16, overlap=4)[
        0, 0, 0
    ]
    assert got[:12].max() == 0
    assert got[16:].min() == 1
    np.testing.assert_allclose(got[12:16], [0.125, 0.375, 0.625, 0.875], atol=1e-6)


def test_torch_passes_through():
    torch = pytest.importorskip("torch")
    x = torch.randn(1, 2, 30, 40)
    got = tiled(lambda part: 2 * part, x, size=16, overlap=4)
    assert got.dtype == torch.float32
    assert torch.allclose(got, 2 * x, atol=1e-5)


@pytest.mark.parametrize(("size", "overlap"), [(8, 8), (8, -1), (0, 0)])
def test_tiles_that_cannot_advance_are_refused(size, overlap):
    with pytest.raises(ConfigError, match="expected 0 <= overlap < size"):
        tiled(lambda part: part, np.zeros((1, 1, 40, 40)), size=size, overlap=overlap)
