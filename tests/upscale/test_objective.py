import pytest
import torch

from molnar.upscale.objective import upscale_loss


def picture() -> torch.Tensor:
    return torch.rand(2, 4, 16, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_equal_pictures_have_no_loss() -> None:
    assert upscale_loss(picture(), picture()).total == 0


def test_a_change_of_brightness_has_no_steps() -> None:
    found = upscale_loss(picture() + 0.1, picture())
    assert found.edges.item() == pytest.approx(0, abs=1e-6)
    # red, green, blue and alpha by 0.1 each; colour and alpha together change nothing on white
    assert found.pixels.item() == pytest.approx(0.1 * 4 / 7, abs=1e-6)


def test_colours_and_alpha_that_err_apart_cost_more_than_together() -> None:
    together, apart = picture() + 0.1, picture() + 0.1
    apart[:, 3] -= 0.2
    alike = upscale_loss(together, picture()).pixels
    assert upscale_loss(apart, picture()).pixels.item() == pytest.approx(2.5 * alike.item())


def test_a_soft_edge_costs_more_steps_than_a_tint_of_the_same_size() -> None:
    edge = torch.ones(1, 1, 16, 16)
    edge[..., :8] = -1
    soft = torch.nn.functional.avg_pool2d(edge, 5, stride=1, padding=2, count_include_pad=False)
    size = (soft - edge).abs().mean()
    tinted, softened = upscale_loss(edge + size, edge), upscale_loss(soft, edge)
    assert softened.pixels.item() == pytest.approx(tinted.pixels.item())
    assert softened.total > 1.2 * tinted.total


@pytest.mark.parametrize("channel", range(4))
def test_every_channel_counts_alpha_too(channel: int) -> None:
    changed = picture()
    changed[:, channel] *= -1
    assert upscale_loss(changed, picture()).total > 0.1


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 4, 16, 24\).*\(2, 4, 16, 16\)"):
        upscale_loss(picture(), picture()[..., :16])
