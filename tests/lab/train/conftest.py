"""Loads the toy task for the tests of this folder (there are no packages in tests/)."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from molnar.lab.data.world import World, WorldConfig
from molnar.lab.train.tokenizer import train_tokenizer
from molnar.latent.autoencoder import Autoencoder, AutoencoderConfig
from molnar.text.embeddings import TextEncoder, TextEncoderConfig
from molnar.text.tokens import Tokenizer

TOY = Path(__file__).with_name("toy.py")


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module toy.py: `Toy`, `settings`."""
    spec = importlib.util.spec_from_file_location("molnar_toy_task", TOY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def frozen() -> tuple[World, Tokenizer, TextEncoder, Autoencoder]:
    """A world, and the frozen parts of a diffusion task at toy size, with fresh weights."""
    torch.manual_seed(0)
    world = World(WorldConfig(seed=5, size=64))
    tokenizer = train_tokenizer({world.text(i): 1 for i in range(200)}, vocab_size=400, length=24)
    encoder = TextEncoder(
        TextEncoderConfig(vocab_size=tokenizer.vocab_size, length=24, width=16, layers=1, pooled=12)
    )
    vae = AutoencoderConfig(
        latent_channels=4, decoder_widths=(16, 16, 16), decoder_blocks=(1, 1, 1)
    )
    return world, tokenizer, encoder, Autoencoder(vae)


@pytest.fixture(scope="session")
def overfitted() -> Callable[..., list[float]]:
    """Give what trains a task on one batch for some steps, and returns the losses."""

    def fit(task: Any, batch: dict[str, torch.Tensor], steps: int, lr: float) -> list[float]:
        optimiser = torch.optim.AdamW(task.module.parameters(), lr=lr)
        losses = []
        for _ in range(steps):
            loss, _ = task.loss(batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        return losses

    return fit
