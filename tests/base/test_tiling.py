from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molnar.base.errors import ConfigError
from molnar.base.tiling import tiled, tiles, wrapped

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


def blurred(x):
    """A convolution that sees two cells far, and beyond the border the edge drawn out."""
    wide = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    height, width = x.shape[2:]
    weights = np.random.default_rng(3).standard_normal((5, 5)).astype(np.float32)
    return sum(
        weights[i, j] * wide[:, :, i : i + height, j : j + width]
        for i in range(5)
        for j in range(5)
    )


def enlarged(x):
    return np.repeat(np.repeat(blurred(x), 2, 2), 2, 3)


@settings(deadline=None, max_examples=30)
@given(
    height=st.integers(4, 14),
    width=st.integers(4, 14),
    down=st.integers(-20, 20),
    across=st.integers(-20, 20),
)
def test_a_picture_whose_edges_meet_has_no_first_row(height, width, down, across):
    x = np.random.default_rng(0).standard_normal((1, 2, height, width)).astype(np.float32)

    def around(part):
        return wrapped(enlarged, part, margin=3, scale=2)

    turned = around(np.roll(x, (down, across), (2, 3)))
    expected = np.roll(around(x), (2 * down, 2 * across), (2, 3))
    assert turned.shape == (1, 2, 2 * height, 2 * width)
    np.testing.assert_array_equal(turned, expected)


def test_laid_beside_itself_it_goes_on_as_one_picture():
    x = np.random.default_rng(0).standard_normal((1, 1, 6, 8)).astype(np.float32)
    four = np.tile(x, (1, 1, 3, 3))
    alone = wrapped(blurred, x, margin=2, scale=1)
    np.testing.assert_array_equal(blurred(four)[:, :, 6:12, 8:16], alone)
    assert (blurred(x) != alone).any()  # which the function itself does not see to


def test_more_is_repeated_than_a_small_picture_has():
    x = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)
    np.testing.assert_array_equal(wrapped(lambda part: part, x, margin=5, scale=1), x)
