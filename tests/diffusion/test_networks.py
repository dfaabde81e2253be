"""One door to both networks, from a config or its JSON."""

from typing import Any

import pytest
import torch

from molnar.base.config import to_json
from molnar.base.errors import ConfigError
from molnar.diffusion.networks import NetworkConfig, build, kind_of
from molnar.diffusion.transformer import TransformerConfig
from molnar.diffusion.unet import UNetConfig


def test_json_builds_the_same_network() -> None:
    config = UNetConfig(channels=(32, 32), attention=(False, True), blocks=(1, 1))
    direct, again = build("unet", config), build("unet", to_json(config))
    assert {k: v.shape for k, v in direct.state_dict().items()} == {
        k: v.shape for k, v in again.state_dict().items()
    }
    assert kind_of(config) == "unet"
    assert kind_of(TransformerConfig()) == "transformer"


def test_a_kind_needs_its_own_config() -> None:
    with pytest.raises(ConfigError, match="unet or transformer"):
        build("gan", {})
    with pytest.raises(ConfigError, match="UNetConfig"):
        build("transformer", UNetConfig())


@pytest.mark.parametrize(
    "config",
    [
        UNetConfig(channels=(32, 32), blocks=(1, 1), attention=(False, True), flow_map=True),
        TransformerConfig(width=32, depth=2, heads=2, hidden=64, flow_map=True),
    ],
    ids=kind_of,
)
def test_a_flow_map_begins_without_effect_and_none_means_no_step(config: NetworkConfig) -> None:
    torch.manual_seed(0)
    net: Any = build(kind_of(config), config)
    for name, parameter in net.named_parameters():
        if not name.startswith("stride") and parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    x, t, until = torch.randn(2, 16, 8, 8), torch.tensor([0.9, 0.5]), torch.tensor([0.6, 0.0])
    text = torch.randn(2, 4, 512), torch.ones(2, 4, dtype=torch.bool), torch.randn(2, 384)
    with torch.no_grad():
        assert torch.equal(net(x, t, *text), net(x, t, *text, until=until))
        for parameter in net.stride.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        assert torch.equal(net(x, t, *text), net(x, t, *text, until=t))
        far, near = net(x, t, *text, until=until), net(x, t, *text, until=(t + until) / 2)
    assert not torch.allclose(far, near, atol=1e-4)
    assert not torch.allclose(far, net(x, t, *text), atol=1e-4)
