"""A finisher paints over pictures: what it is told decides how, and its grain stays in place."""

import pytest
import torch

from molnar.base.errors import ConfigError
from molnar.latent.finisher import Finisher, FinisherConfig

CONFIG = FinisherConfig(width=8, blocks=2, textures=3, period=8, manners=("neon", "mosaic"))
NEON, MOSAIC = torch.eye(2).split(1)


def random_finisher() -> Finisher:
    """One whose last layer says something: a fresh one says nothing."""
    torch.manual_seed(3)
    finisher = Finisher(CONFIG)
    for layer in (finisher.leave, *(block.conv2 for block in finisher.blocks)):
        torch.nn.init.normal_(layer.weight, std=0.1)
    return finisher.eval().requires_grad_(False)


def test_a_fresh_one_leaves_pictures_as_they_are() -> None:
    image = torch.randn(2, 4, 16, 24, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Finisher(CONFIG)(image, torch.eye(2)), image)


def test_what_it_is_told_decides_what_it_paints() -> None:
    finisher, image = random_finisher(), torch.zeros(1, 4, 32, 32)
    neon, mosaic = finisher(image, NEON), finisher(image, MOSAIC)
    assert (neon - mosaic).abs().mean() > 0.01
    both = finisher(image.repeat(2, 1, 1, 1), torch.cat([NEON, MOSAIC]))
    assert torch.allclose(both, torch.cat([neon, mosaic]), atol=1e-5), "each picture its own"


def test_grain_lies_where_it_lies_and_is_mirrored_beyond() -> None:
    """On a picture of one colour all that differs from place to place is the learned texture."""
    finisher = random_finisher()
    for block in finisher.blocks:  # so that only what lies at a place decides what it becomes
        for layer in (block.conv1, block.conv2):
            layer.weight[:, :, [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]] = 0
    for layer in (finisher.enter, finisher.leave):
        layer.weight[:, :, [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]] = 0
    painted = finisher(torch.zeros(1, 4, 64, 64), NEON)[..., ::2, ::2]  # one of each cell's pixels
    last = CONFIG.period - 1
    ahead, back = painted[..., : last + 1], painted[..., last : 2 * last + 1]
    assert torch.allclose(ahead, back.flip(-1), atol=1e-5), "mirrored at the end of a plane"
    assert torch.allclose(painted[..., 0], painted[..., 2 * last], atol=1e-5), "and again"
    assert torch.allclose(painted[..., 0, :], painted[..., 2 * last, :], atol=1e-5)
    assert (ahead[..., 0] - ahead[..., last // 2]).abs().mean() > 0.01


def test_pictures_of_other_shapes_share_the_grain_of_their_corner() -> None:
    finisher = random_finisher()
    small, wide = (finisher(torch.zeros(1, 4, 48, width), NEON) for width in (48, 80))
    assert torch.allclose(small[..., :32], wide[..., :32], atol=1e-5)


@pytest.mark.parametrize(
    "changes", [{"manners": ()}, {"manners": ("neon", "neon")}, {"period": 0}, {"width": 0}]
)
def test_sizes_that_cannot_be_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="finisher"):
        FinisherConfig(**changes)  # type: ignore[arg-type]
