"""A kind and a config in, the network behind `velocity(x, t, text)` out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from molnar.base.config import from_json
from molnar.base.errors import ConfigError
from molnar.diffusion.transformer import Transformer, TransformerConfig
from molnar.diffusion.unet import UNet, UNetConfig

NetworkConfig = UNetConfig | TransformerConfig
CONFIGS: dict[str, type[Any]] = {"unet": UNetConfig, "transformer": TransformerConfig}


def kind_of(config: NetworkConfig) -> str:
    """Name the kind of a network by its config: "unet" or "transformer"."""
    return "unet" if isinstance(config, UNetConfig) else "transformer"


def config_of(kind: str, stored: Mapping[str, Any]) -> NetworkConfig:
    """Read the config of a kind, "unet" or "transformer", from its JSON."""
    config: NetworkConfig = from_json(CONFIGS[kind], stored)
    return config


def multiple_of(config: NetworkConfig) -> int:
    """Give what height and width of a latent must divide by, in cells."""
    if isinstance(config, TransformerConfig):  # it cuts its picture into patches
        return config.patch
    return 1 << (len(config.channels) - 1)  # it halves it once per further level


def build(kind: str, config: Mapping[str, Any] | NetworkConfig) -> nn.Module:
    """Build a network with fresh weights.

    Args:
        kind: "unet" or "transformer".
        config: its config, or the JSON of one.

    Raises:
        ConfigError: the kind is unknown, or the config does not fit it.
    """
    if isinstance(config, Mapping) and kind in CONFIGS:
        config = config_of(kind, config)
    if kind == "unet" and isinstance(config, UNetConfig):
        return UNet(config)
    if kind == "transformer" and isinstance(config, TransformerConfig):
        return Transformer(config)
    raise ConfigError(
        f"network kind is {kind!r} with a {type(config).__name__}; "
        "expected unet or transformer with its own config"
    )
