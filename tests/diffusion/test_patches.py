import pytest
import torch

from molnar.diffusion.patches import centres, patchify, unpatchify


@pytest.mark.parametrize("patch", [1, 2, 4])
@pytest.mark.parametrize("height, width", [(4, 4), (8, 12)])
def test_cutting_and_putting_together_is_the_identity(patch: int, height: int, width: int) -> None:
    x = torch.randn(2, 3, height, width)
    sequence = patchify(x, patch)
    assert sequence.shape == (2, height * width // patch**2, 3 * patch**2)
    assert torch.equal(unpatchify(sequence, height, width, patch), x)


def test_a_patch_holds_its_own_cells_row_by_row() -> None:
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert patchify(x, 2)[0].tolist() == [
        [0, 1, 4, 5],
        [2, 3, 6, 7],
        [8, 9, 12, 13],
        [10, 11, 14, 15],
    ]


def test_centres_are_counted_in_cells_whatever_the_patch() -> None:
    cpu = torch.device("cpu")
    assert centres(4, 1, cpu).tolist() == [0, 1, 2, 3]
    assert centres(8, 2, cpu).tolist() == [0.5, 2.5, 4.5, 6.5]
    assert centres(8, 2, cpu).mean() == centres(8, 1, cpu).mean()
