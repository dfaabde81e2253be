import pytest
import torch

from molnar.base.nn.edges import edge_difference


def test_steps_of_a_known_picture() -> None:
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)  # steps to the right: 1, 2, 4; downwards: 0
    assert edge_difference(ramp).item() == pytest.approx((1 + 2 + 4) / 3)


def test_down_counts_like_right() -> None:
    image = torch.randn(2, 4, 16, 16)
    torch.testing.assert_close(edge_difference(image), edge_difference(image.mT))


def test_a_flat_difference_has_none() -> None:
    assert edge_difference(torch.full((1, 4, 8, 8), 0.7)) == 0
