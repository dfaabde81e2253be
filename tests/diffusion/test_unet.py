"""The U-Net reads the text it is given, ignores padding, and can learn one batch by heart."""

from dataclasses import replace

import pytest
import torch

from molnar.base.errors import ConfigError
from molnar.base.types import TextEmbedding
from molnar.diffusion.objective import flow_loss
from molnar.diffusion.unet import Layout, Look, UNet, UNetConfig

SMALL = UNetConfig(
    latent_channels=4,
    text_width=16,
    pooled_width=12,
    channels=(32, 48),
    attention=(False, True),
    blocks=(1, 1),
    heads=4,
    context=32,
    condition=48,
)


def text(batch: int, length: int = 6) -> TextEmbedding:
    torch.manual_seed(1)
    return TextEmbedding(
        tokens=torch.randn(batch, length, 16),
        pooled=torch.randn(batch, 12),
        mask=torch.ones(batch, length, dtype=torch.bool),
    )


def opened(network: UNet) -> UNet:
    """Give zero-initialised outputs something to say."""
    for name, parameter in network.named_parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
        assert parameter.any(), name
    return network


def run(network: UNet, x: torch.Tensor, given: TextEmbedding) -> torch.Tensor:
    t = torch.linspace(0.2, 0.9, len(x))
    with torch.no_grad():
        out: torch.Tensor = network(x, t, given.tokens, given.mask, given.pooled)
    return out


def test_starts_as_zero_and_keeps_the_shape() -> None:
    network = UNet(SMALL)
    x = torch.randn(2, 4, 8, 12)
    out = run(network, x, text(2))
    assert out.shape == x.shape
    assert torch.allclose(out, torch.zeros_like(out), atol=1e-6)


def test_padding_changes_nothing_but_words_do() -> None:
    network = opened(UNet(SMALL)).eval()
    x, given = torch.randn(2, 4, 8, 8), text(2)
    plain = run(network, x, given)
    padded = TextEmbedding(
        tokens=torch.cat([given.tokens, 9 * torch.ones(2, 3, 16)], dim=1),
        pooled=given.pooled,
        mask=torch.cat([given.mask, torch.zeros(2, 3, dtype=torch.bool)], dim=1),
    )
    assert torch.allclose(plain, run(network, x, padded), atol=1e-5)
    other = TextEmbedding(tokens=given.tokens.flip(1), pooled=given.pooled, mask=given.mask)
    assert (plain - run(network, x, other)).abs().max() > 1e-4, "word order must matter"


def test_a_sample_does_not_see_its_neighbours() -> None:
    network = opened(UNet(SMALL)).eval()
    x, given = torch.randn(2, 4, 8, 8), text(2)
    alone = TextEmbedding(tokens=given.tokens[:1], pooled=given.pooled[:1], mask=given.mask[:1])
    with torch.no_grad():
        both = network(x, torch.tensor([0.3, 0.8]), given.tokens, given.mask, given.pooled)
        one = network(x[:1], torch.tensor([0.3]), alone.tokens, alone.mask, alone.pooled)
    assert torch.allclose(both[:1], one, atol=1e-5)


def test_one_batch_is_learnt_by_heart() -> None:
    torch.manual_seed(0)
    network, given = UNet(SMALL), text(4)
    x0, noise = torch.randn(4, 4, 8, 8), torch.randn(4, 4, 8, 8)
    t = torch.tensor([0.2, 0.4, 0.6, 0.8])
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(100):
        found = flow_loss(network, x0, noise, t, given)
        optimiser.zero_grad()
        found.total.backward()
        optimiser.step()
        losses.append(float(found.total.detach()))
    assert losses[0] == pytest.approx(2.0, abs=0.4), "unit data and unit noise: 1 + 1"
    assert losses[-1] < 0.2 * losses[0]


def test_every_weight_gets_a_gradient() -> None:
    network = opened(UNet(SMALL))
    given = text(2)
    x = torch.randn(2, 4, 8, 8)
    flow_loss(network, x, torch.randn_like(x), torch.tensor([0.3, 0.7]), given).total.backward()
    unused = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert not unused


def test_impossible_sizes_name_both_fields() -> None:
    with pytest.raises(ConfigError, match=r"channels has 2.*attention 1"):
        UNetConfig(channels=(32, 64), blocks=(1, 1), attention=(True,))
    with pytest.raises(ConfigError, match=r"channels.*heads"):
        UNetConfig(channels=(32, 50), blocks=(1, 1), attention=(True, True))
    with pytest.raises(ConfigError, match="blocks"):
        UNetConfig(channels=(32, 64), blocks=(1, 0), attention=(True, True))


def test_every_cell_has_its_own_reading_of_the_text() -> None:
    """Attention alone would tell all cells of an empty picture the same."""
    layout = Layout(context=32, width=8, channels=48)
    torch.nn.init.normal_(layout.leave.weight)
    like = torch.zeros(2, 48, 4, 6)
    drawn = layout(torch.randn(2, 32), like)
    assert drawn.shape == like.shape
    cells = drawn.detach().flatten(2).transpose(1, 2)
    assert all(float(torch.pdist(row).min()) > 1e-3 for row in cells)
    assert (drawn[0] - drawn[1]).abs().max() > 1e-3, "another text, another layout"


def test_a_network_without_a_layout_draws_too() -> None:
    network = opened(UNet(replace(SMALL, layout=0)))
    assert not [name for name in network.state_dict() if name.startswith("layout")]
    assert run(network, torch.randn(2, 4, 8, 8), text(2)).shape == (2, 4, 8, 8)


def test_a_look_tells_the_cells_of_an_empty_picture_apart() -> None:
    torch.manual_seed(0)
    look = Look(channels=32, heads=4, context=16)
    x, words = torch.zeros(1, 32, 4, 6), torch.randn(1, 3, 16)
    real = torch.ones(1, 3, dtype=torch.bool)
    with torch.no_grad():
        same = look(x, words, real).flatten(2)[0].T
        torch.nn.init.normal_(look.place.weight)
        told = look(x, words, real).flatten(2)[0].T
    assert float(torch.pdist(same).max()) < 1e-5
    assert float(torch.pdist(told).min()) > 1e-3
