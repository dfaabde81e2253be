"""A part of a model in, inputs for it out: what its graph is traced and compared with."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

SIZE = 16  # height and width of a traced picture or latent; both stay free in the graph


def example(name: str, module: nn.Module, length: int) -> tuple[torch.Tensor, ...]:
    """Make inputs of a part, two of each: B 2, H and W `SIZE`, L the `length` of the text."""
    config: Any = getattr(module, "config", None)
    draw = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(2, *shape, generator=draw)

    mask = torch.arange(length)[None] < torch.tensor([[4], [length]])
    if name == "text":
        return torch.randint(0, config.vocab_size, (2, length), generator=draw), mask
    if name == "planner":
        written = torch.randint(0, len(config.names), (2, 12), generator=draw)
        return written, normal(length, config.text_width), mask
    if name == "velocity":
        channels, width, pooled = config.latent_channels, config.text_width, config.pooled_width
        t = torch.rand(2, generator=draw)
        planned = (normal(config.plan, SIZE, SIZE),) if getattr(config, "plan", 0) else ()
        mapped = (t / 2,) if getattr(config, "flow_map", False) else ()
        texts = (normal(length, width), mask, normal(pooled))
        return (normal(channels, SIZE, SIZE), t, *texts, *planned, *mapped)
    if name == "clip":
        side = config.vision.image_size
        return normal(4, side, side).clamp(-1, 1), normal(config.pooled_width)
    if name == "finisher":
        told = torch.eye(2, len(config.manners))
        return normal(4, 8 * SIZE, 8 * SIZE).clamp(-1, 1), told
    if name == "decoder":
        return (normal(config.latent_channels, SIZE, SIZE),)
    return (normal(4, 8 * SIZE, 8 * SIZE).clamp(-1, 1),)
