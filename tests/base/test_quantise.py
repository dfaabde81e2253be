"""Quantised matrices: within half a step of the true ones, per output channel."""

import numpy as np

from molnar.base.quantise import LEAST, packed, quantise, unpacked, worth_it


def test_every_number_is_within_half_a_step_of_its_own_channel() -> None:
    true = np.random.default_rng(0).standard_normal((64, 32, 3, 3), dtype=np.float32)
    true *= np.logspace(-4, 3, 64, dtype=np.float32)[:, None, None, None]
    small, scale = quantise(true)
    assert (small.dtype, scale.shape) == (np.int8, (64, 1, 1, 1))
    assert (np.abs(small.astype(np.float32) * scale - true) <= 0.5001 * scale).all()
    assert (np.abs(small).reshape(64, -1).max(1) == 127).all(), "the largest number is exact"


def test_a_channel_of_zeros_stays_zero() -> None:
    true = np.ones((2, 4), np.float32)
    true[1] = 0
    small, scale = quantise(true)
    assert np.array_equal(small * scale, true)


def test_packing_and_unpacking_touch_only_what_was_named() -> None:
    rng = np.random.default_rng(1)
    arrays = {
        "a.weight": rng.standard_normal((8, 8), dtype=np.float32),
        "a.bias": rng.standard_normal(8, dtype=np.float32).astype(np.float16),
        "gain.scale": np.arange(3, dtype=np.float16),  # a name like a companion's, and none
        "rows": np.arange(4),
    }
    stored = packed(arrays, ["a.weight"])
    assert sorted(stored) == ["a.bias", "a.weight", "a.weight.scale", "gain.scale", "rows"]
    read = unpacked(stored)
    assert read.keys() == arrays.keys()
    assert np.allclose(read["a.weight"], arrays["a.weight"], atol=0.02)
    assert read["rows"].dtype == arrays["rows"].dtype
    for name in ("a.bias", "gain.scale"):
        assert read[name].dtype == np.float32
        assert (read[name] == arrays[name]).all()


def test_only_large_matrices_of_floats_are_worth_it() -> None:
    side = int(LEAST**0.5) + 1
    assert worth_it(np.zeros((side, side), np.float32))
    assert not worth_it(np.zeros((4, 4), np.float32))
    assert not worth_it(np.zeros(2 * LEAST, np.float32))
    assert not worth_it(np.zeros((side, side), np.int64))
