from __future__ import annotations

import numpy as np
import pytest

from molnar.base import rng


def test_noise_is_the_same_on_every_machine_and_day():
    got = rng.noise(7, 0, (2, 2))
    assert got.dtype == np.float32
    expected = [[-0.293339014, 1.7038306], [1.53919184, 0.636753857]]
    np.testing.assert_array_equal(got, np.array(expected, np.float32))


def test_seed_index_and_stream_each_give_other_noise():
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (2**32 - 1, 0, 0), (0, 255, 255)]
    drawn = [rng.noise(seed, index, (64,), stream) for seed, index, stream in keys]
    between = np.corrcoef(drawn) - np.eye(len(keys))
    assert abs(between).max() < 0.5
    assert len({d.tobytes() for d in drawn}) == len(keys)


def test_noise_is_standard_normal():
    got = rng.noise(0, 0, (100, 100))
    assert abs(got.mean()) < 0.03
    assert got.std() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("key", [(-1, 0, 0), (2**32, 0, 0), (0, -1, 0), (0, 0, 256), (0, 0, -1)])
def test_keys_out_of_range_are_refused(key):
    seed, index, stream = key
    with pytest.raises(ValueError, match="expected 0 <= seed"):
        rng.noise(seed, index, (2,), stream)


def test_a_pictures_stream_does_not_depend_on_its_batch():
    batch, alone = rng.PictureRng([3, 4, 5]), rng.PictureRng([4])
    first, second = batch.normal((2, 3)), batch.normal((5,))
    np.testing.assert_array_equal(first[1:2], alone.normal((2, 3)))
    np.testing.assert_array_equal(second[1:2], alone.normal((5,)))
    assert first.shape == (3, 2, 3)
    assert first.dtype == np.float32


def test_the_sampling_stream_is_not_the_starting_noise():
    assert (rng.PictureRng([3]).normal((8,))[0] != rng.noise(3, 0, (8,))).all()


def test_generators_repeat_with_their_key_and_only_with_it():
    assert rng.generator(1, 2, 3).random() == rng.generator(1, 2, 3).random()
    drawn = {rng.generator(*key).random() for key in [(1,), (1, 2), (2, 1), (1, 2, 0, 5)]}
    assert len(drawn) == 4
    for wrong in [(), (-1,)]:
        with pytest.raises(ValueError, match="expected one or more integers"):
            rng.generator(*wrong)


def test_seeds_of_a_batch_wrap_round():
    assert rng.batch_seeds(2**32 - 2, 3) == [2**32 - 2, 2**32 - 1, 0]


def test_drawn_seeds_are_in_range_and_differ():
    seeds = {rng.draw_seed() for _ in range(20)}
    assert len(seeds) > 15
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_a_variation_of_no_strength_is_the_noise_itself_and_a_full_one_arrives():
    shape = (4, 16, 16)
    here, there = rng.noise(7, 0, shape), rng.noise(9, 0, shape)
    np.testing.assert_array_equal(rng.varied(7, shape, ()), here)
    np.testing.assert_array_equal(rng.varied(7, shape, [(9, 0.0)]), here)
    np.testing.assert_allclose(rng.varied(7, shape, [(9, 1.0)]), there, atol=1e-6)


def test_a_variation_goes_from_one_noise_to_the_other_and_stays_noise():
    shape = (4, 32, 32)
    here, there = rng.noise(7, 0, shape), rng.noise(9, 0, shape)
    likeness = []
    for strength in (0.0, 0.25, 0.5, 0.75, 1.0):
        got = rng.varied(7, shape, [(9, strength)])
        assert got.dtype == np.float32
        assert got.std() == pytest.approx(1, abs=0.03)
        likeness.append(np.corrcoef(got.ravel(), here.ravel())[0, 1])
    assert likeness == sorted(likeness, reverse=True)
    half = np.corrcoef(rng.varied(7, shape, [(9, 0.5)]).ravel(), there.ravel())[0, 1]
    assert half == pytest.approx(likeness[2], abs=0.05)


def test_variations_follow_each_other():
    shape = (2, 8, 8)
    chain = [(1, 0.2), (2, 0.3), (3, 0.1)]
    np.testing.assert_array_equal(rng.varied(0, shape, chain), rng.varied(0, shape, chain))
    assert (rng.varied(0, shape, chain) != rng.varied(0, shape, chain[::-1])).any()
    assert (rng.varied(0, shape, chain) != rng.varied(0, shape, chain[:2])).any()
    # arriving somewhere forgets the way
    arrived = rng.varied(0, shape, [(1, 0.3), (2, 1.0)])
    np.testing.assert_allclose(arrived, rng.noise(2, 0, shape), atol=1e-6)
