import pytest
import torch

from molnar.base.nn.rope import axial_angles, rotate

WIDTH = 16


def product(rows: list[float], columns: list[float]) -> torch.Tensor:
    """Scores of one query and one key that lie at two places of a grid."""
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, WIDTH, generator=generator)
    turned = []
    for vector, row, column in zip((query, key), rows, columns, strict=True):
        angles = axial_angles(torch.tensor([row]), torch.tensor([column]), WIDTH)
        turned.append(rotate(vector.expand(1, 1, 1, WIDTH), angles).flatten())
    return turned[0] @ turned[1]


def test_a_score_depends_on_the_difference_of_places_alone() -> None:
    here = product([2.0, 5.0], [1.0, 4.0])
    shifted = product([12.0, 15.0], [21.0, 24.0])
    assert torch.allclose(here, shifted, atol=1e-4)


@pytest.mark.parametrize("rows, columns", [([2.0, 6.0], [1.0, 4.0]), ([2.0, 5.0], [1.0, 5.0])])
def test_both_axes_count(rows: list[float], columns: list[float]) -> None:
    assert not torch.allclose(product([2.0, 5.0], [1.0, 4.0]), product(rows, columns), atol=1e-3)


def test_rows_and_columns_are_told_apart() -> None:
    assert not torch.allclose(product([0, 3], [0, 0]), product([0, 0], [0, 3]), atol=1e-3)


def test_turning_keeps_lengths_and_place_zero_keeps_all() -> None:
    x = torch.randn(2, 3, 6, WIDTH)
    angles = axial_angles(torch.arange(2.0), torch.arange(3.0), WIDTH)
    turned = rotate(x, angles)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[:, :, 0], x[:, :, 0])
    assert not torch.allclose(turned[:, :, 1:], x[:, :, 1:], atol=1e-2)


def test_the_grid_runs_row_by_row() -> None:
    angles = axial_angles(torch.tensor([0.0, 10.0]), torch.tensor([0.0, 1.0, 2.0]), WIDTH)
    assert angles.shape == (6, WIDTH // 2)
    assert angles[:, 0].tolist() == [0, 0, 0, 10, 10, 10]
    assert angles[:, WIDTH // 4].tolist() == [0, 1, 2, 0, 1, 2]


def test_half_precision_comes_back_as_it_went_in() -> None:
    angles = axial_angles(torch.arange(2.0), torch.arange(2.0), WIDTH)
    assert rotate(torch.zeros(1, 1, 4, WIDTH, dtype=torch.bfloat16), angles).dtype == torch.bfloat16


def test_a_width_without_two_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"6.*multiple of 4"):
        axial_angles(torch.arange(2.0), torch.arange(2.0), 6)
