import pytest
import torch

from molnar.base.nn.norm import RMSNorm, rms_normalise


@pytest.mark.parametrize("size", [1e-2, 1.0, 1e4])
def test_the_mean_square_is_one_whatever_the_size(size: float) -> None:
    x = torch.randn(4, 64) * size
    torch.testing.assert_close(
        rms_normalise(x).square().mean(dim=-1), torch.ones(4), atol=2e-2, rtol=0
    )


def test_zero_stays_zero_and_finite() -> None:
    assert torch.equal(rms_normalise(torch.zeros(2, 8)), torch.zeros(2, 8))


def test_the_gain_acts_per_element() -> None:
    norm = RMSNorm(3)
    with torch.no_grad():
        norm.gain.copy_(torch.tensor([1.0, 2.0, 0.0]))
    out = norm(torch.ones(1, 3))
    torch.testing.assert_close(out, torch.tensor([[1.0, 2.0, 0.0]]), atol=1e-5, rtol=0)


def test_the_statistic_of_half_precision_does_not_overflow() -> None:
    x = torch.full((1, 64), 3e4, dtype=torch.float16)  # its square is beyond float16
    out = rms_normalise(x)
    assert out.dtype == torch.float16
    torch.testing.assert_close(out.float(), torch.ones(1, 64), atol=1e-3, rtol=0)
