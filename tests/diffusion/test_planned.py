"""Both networks read a plan: what it says counts where it says it, and nothing means nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from molnar.base.types import TextEmbedding
from molnar.diffusion.guidance import paired
from molnar.diffusion.networks import NetworkConfig, build, kind_of
from molnar.diffusion.planned import Sketch
from molnar.diffusion.transformer import TransformerConfig
from molnar.diffusion.unet import UNetConfig
from molnar.plan.items import Item
from molnar.plan.paint import features, paint

FEATURES = 10
UNET = UNetConfig(
    latent_channels=4, text_width=16, pooled_width=12, channels=(32, 48), attention=(False, True),
    blocks=(1, 1), heads=4, context=32, condition=48, plan=FEATURES, plan_width=16,
)  # fmt: skip
TRANSFORMER = TransformerConfig(
    latent_channels=4, text_width=16, pooled_width=12, width=32, depth=2, heads=2, hidden=64,
    plan=FEATURES, plan_width=16,
)  # fmt: skip
SKETCHED = replace(UNET, sketch=4, sketch_width=8)
BOTH = pytest.mark.parametrize(
    "config", [UNET, SKETCHED, TRANSFORMER], ids=["unet", "sketched", "transformer"]
)


def opened(config: NetworkConfig) -> nn.Module:
    torch.manual_seed(0)
    network = build(kind_of(config), config)
    for value in network.parameters():
        if not value.any():
            nn.init.normal_(value, std=0.05)
    return network.eval()


def inputs(rows: int = 2) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    x, tokens, pooled = (
        torch.randn(rows, *shape, generator=draw) for shape in ((4, 8, 8), (5, 16), (12,))
    )
    return [x, torch.full((rows,), 0.9), tokens, torch.ones(rows, 5, dtype=torch.bool), pooled]


@BOTH
def test_an_empty_plan_is_no_plan(config: NetworkConfig) -> None:
    network = opened(config)
    with torch.no_grad():
        without = network(*inputs())
        empty = network(*inputs(), torch.zeros(2, FEATURES, 8, 8))
    assert torch.equal(without, empty)


@BOTH
def test_a_plan_counts_where_it_says_something(config: NetworkConfig) -> None:
    network = opened(config)
    plan = torch.zeros(8, FEATURES, 8, 8)
    plan[:, :, 1, 1] = 3.0
    with torch.no_grad():
        change = (network(*inputs(8), plan) - network(*inputs(8))).abs().mean(dim=(0, 1))
    assert change[1, 1] > 1.5 * change[6:, 6:].mean() > 0


@BOTH
def test_a_new_network_starts_without_plans(config: NetworkConfig) -> None:
    torch.manual_seed(0)
    planned = build(kind_of(config), config)
    state = {
        key: value
        for key, value in planned.state_dict().items()
        if not key.startswith(("planned", "plans", "sketch"))
    }
    plain = build(kind_of(config), replace(config, plan=0))
    plain.load_state_dict(state)
    with torch.no_grad():
        told = planned(*inputs(), torch.randn(2, FEATURES, 8, 8))
        assert torch.equal(told, plain(*inputs()))


def test_guidance_plans_for_the_text_alone() -> None:
    seen: list[np.ndarray] = []

    def velocity(x: np.ndarray, t: np.ndarray, text: TextEmbedding) -> np.ndarray:
        assert text.plan is not None
        seen.append(text.plan)
        return x * 0

    x, t = np.zeros((2, 4, 8, 8), np.float32), np.ones(2, np.float32)
    words = np.zeros((1, 5, 16), np.float32), np.zeros((1, 12), np.float32), np.ones((1, 5), bool)
    text = TextEmbedding(*words, plan=np.ones((1, FEATURES, 8, 8), np.float32))
    paired(velocity, text, TextEmbedding(*words), 3.0)(x, t)
    assert seen[0].shape == (4, FEATURES, 8, 8)
    assert seen[0][:2].all()
    assert not seen[0][2:].any()


NAMES = {"fox": np.array([1, 0], np.float32), "owl": np.array([0, 1], np.float32)}


def sketch() -> Sketch:
    torch.manual_seed(2)
    module = Sketch(features(2), 16, 8, 3)
    nn.init.zeros_(module.leave.weight)  # but for the middle: each cell by itself
    nn.init.normal_(module.leave.weight[..., 1, 1], std=0.3)
    return module


def laid(name: str, x: float, width: float = 0.5) -> torch.Tensor:
    plan = [Item(name=name, x=x, y=0.5, width=width, height=0.5)]
    return torch.from_numpy(paint(plan, NAMES, (16, 16), 2))[None]


def test_a_sketch_goes_where_its_box_is_and_grows_with_it() -> None:
    module = sketch()
    with torch.no_grad():
        left, right = module(laid("fox", 0.25)), module(laid("fox", 0.75))
        wide, owl = module(laid("fox", 0.5, 1.0)), module(laid("owl", 0.25))
    torch.testing.assert_close(left[..., :8], right[..., 8:])
    assert float(left[..., 8:].abs().max()) == 0
    halved = (wide[..., ::2] + wide[..., 1::2]) / 2  # two cells stand where one did
    assert float((halved - left[..., :8]).std() / left[..., :8].std()) < 0.25
    assert float((left - owl).abs().max()) > 0.1


def test_hats_share_out_every_place_within_reach() -> None:
    places = torch.linspace(-Sketch.REACH, Sketch.REACH, 33).view(1, 1, 1, -1)
    weights = sketch().hats(4.0 * places)  # as loud as boxes are told
    assert weights.shape == (1, Sketch.SIDE, 1, 33)
    torch.testing.assert_close(weights.sum(1), torch.ones(1, 1, 33))
    assert float(weights.min()) >= 0


def test_names_learn_shapes_of_their_own() -> None:
    module = sketch()
    plans = torch.cat([laid("fox", 0.5, 0.8), laid("owl", 0.5, 0.8)])
    rows = torch.linspace(-1, 1, 16)
    ring = ((rows[:, None] ** 2 + rows[None] ** 2 - 0.3).abs() < 0.15).float()
    wanted = torch.stack([ring, torch.tril(torch.ones(16, 16))])[:, None].expand(-1, 3, -1, -1)
    inside = plans[:, -9:-8] > 0
    descent = torch.optim.Adam(module.parameters(), lr=2e-2)
    for _ in range(250):
        loss = ((module(plans) - wanted)[inside.expand_as(wanted)] ** 2).mean()
        descent.zero_grad()
        loss.backward()
        descent.step()
    assert float(loss.detach()) < 0.25 * float(wanted[inside.expand_as(wanted)].var())
