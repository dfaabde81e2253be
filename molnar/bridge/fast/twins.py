"""What both halves of a guided step share is computed once.

Guidance runs a network on one latent twice, with the prompt and without it, as a batch of two. Up
to the first layer that looks at the text, both halves are the same numbers: the first convolution,
the first residual block, and the first self-attention, which is the dearest of all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn


class Twin:
    """Stands in for the `forward` of a module that may be given a batch of two equal halves."""

    def __init__(self, forward: Callable[..., Tensor]) -> None:
        self.forward = forward
        self.shared = 0  # calls that needed half the work

    def __call__(self, *args: Any, **named: Any) -> Tensor:
        """Call on the first half and repeat its result, where the halves are equal."""
        tensors = [v for v in (*args, *named.values()) if isinstance(v, torch.Tensor) and v.ndim]
        batch = len(tensors[0]) if tensors else 1
        same = batch % 2 == 0 and all(len(t) == batch for t in tensors)
        if not same or not all(torch.equal(*t.chunk(2)) for t in reversed(tensors)):
            return self.forward(*args, **named)
        self.shared += 1

        def half(value: Any) -> Any:
            return value[: batch // 2] if isinstance(value, torch.Tensor) and value.ndim else value

        once = self.forward(*map(half, args), **{name: half(v) for name, v in named.items()})
        return torch.cat([once, once])


def share(network: nn.Module) -> list[Twin]:
    """Let a `UNet2DConditionModel` compute once what a guided step asks for twice.

    Args:
        network: The UNet, changed in place; another network is left as it is.

    Returns:
        What was changed: the first convolution, residual block and self-attention.
    """
    blocks = getattr(network, "down_blocks", None)
    if not hasattr(network, "conv_in") or not blocks:
        return []
    chosen: list[Any] = [network.conv_in]
    first = blocks[0]
    if getattr(first, "resnets", None):
        chosen.append(first.resnets[0])
    if getattr(first, "attentions", None):
        layers = getattr(first.attentions[0], "transformer_blocks", None)
        if layers and not getattr(layers[0], "only_cross_attention", False):
            chosen.append(layers[0].attn1)
    for module in chosen:
        module.forward = Twin(module.forward)
    return [module.forward for module in chosen]
