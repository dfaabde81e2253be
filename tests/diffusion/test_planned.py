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
from molnar.diffusion.transformer import TransformerConfig
from molnar.diffusion.unet import UNetConfig

FEATURES = 10
UNET = UNetConfig(
    latent_channels=4, text_width=16, pooled_width=12, channels=(32, 48), attention=(False, True),
    blocks=(1, 1), heads=4, context=32, condition=48, plan=FEATURES, plan_width=16,
)  # fmt: skip
TRANSFORMER = TransformerConfig(
    latent_channels=4, text_width=16, pooled_width=12, width=32, depth=2, heads=2, hidden=64,
    plan=FEATURES, plan_width=16,
)  # fmt: skip
BOTH = pytest.mark.parametrize("config", [UNET, TRANSFORMER], ids=["unet", "transformer"])


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
    plan = torch.zeros(2, FEATURES, 8, 8)
    plan[:, :, 1, 1] = 3.0
    with torch.no_grad():
        change = (network(*inputs(), plan) - network(*inputs())).abs().mean(dim=(0, 1))
    assert change[1, 1] > 1.5 * change[6:, 6:].mean() > 0


@BOTH
def test_a_new_network_starts_without_plans(config: NetworkConfig) -> None:
    torch.manual_seed(0)
    planned = build(kind_of(config), config)
    state = {
        k: v for k, v in planned.state_dict().items() if not k.startswith(("planned", "plans"))
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
