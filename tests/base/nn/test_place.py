"""Every cell has a place of its own, and a place means the same in pictures of any size."""

import torch

from molnar.base.nn.place import FEATURES, places


def test_every_cell_is_told_from_every_other() -> None:
    found = places(torch.zeros(1, 3, 16, 24))
    assert found.shape == (16 * 24, FEATURES)
    assert found.abs().max() <= 1
    assert torch.pdist(found).min() > 0.05


def test_the_same_share_of_the_side_is_the_same_place() -> None:
    small = places(torch.zeros(1, 1, 4, 4)).reshape(4, 4, -1)
    large = places(torch.zeros(1, 1, 12, 12)).reshape(12, 12, -1)
    assert torch.allclose(small, large[1::3, 1::3], atol=1e-6)


def test_rows_and_columns_are_not_mixed_up() -> None:
    found = places(torch.zeros(1, 1, 3, 5)).reshape(3, 5, 2, -1)
    assert torch.equal(found[:, 0, 0], found[:, 4, 0]), "the first half is of the row alone"
    assert torch.equal(found[0, :, 1], found[2, :, 1]), "the second half is of the column alone"
