from __future__ import annotations

import numpy as np
import pytest

from molnar.base import arrays


def test_like_takes_kind_and_dtype_from_its_neighbour():
    x = np.zeros(2, np.float32)
    assert arrays.like([1, 2], x).dtype == np.float32
    torch = pytest.importorskip("torch")
    tensor = arrays.like(np.array([1.0, 2.0]), torch.zeros(2))
    assert tensor.dtype == torch.float32
    assert arrays.like(torch.ones(2, dtype=torch.float64), torch.zeros(2)).dtype == torch.float32
    assert isinstance(arrays.like(tensor, x), np.ndarray)


def test_per_sample_multiplies_any_rank():
    x = np.ones((2, 3, 4))
    np.testing.assert_array_equal((arrays.per_sample([1, 5], x) * x)[1], np.full((3, 4), 5))
    assert arrays.per_sample(2.0, x).shape == (1, 1, 1)


def test_stacked_repeats_a_single_row():
    a, b = np.ones((3, 2), bool), np.zeros((1, 2), bool)
    both = arrays.stacked(a, b, 3)
    assert both.dtype == bool
    assert both[:, 0].tolist() == [True] * 3 + [False] * 3


def test_numbers_and_empty_take_either_kind():
    torch = pytest.importorskip("torch")
    tensor = torch.ones(2, requires_grad=True)
    np.testing.assert_array_equal(arrays.numbers(tensor), [1, 1])
    np.testing.assert_array_equal(arrays.numbers([1, 2]), [1, 2])
    assert arrays.empty((4, 1), tensor).shape == (4, 1)
    assert arrays.empty((4, 1), np.ones(2, np.float16)).dtype == np.float16
