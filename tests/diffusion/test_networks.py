"""One door to both networks, from a config or its JSON."""

import pytest

from molnar.base.config import to_json
from molnar.base.errors import ConfigError
from molnar.diffusion.networks import build, kind_of
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
