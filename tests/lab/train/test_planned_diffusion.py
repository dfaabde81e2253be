"""A diffusion task whose network is told plans: what is painted, dropped, learned and drawn."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from molnar.diffusion.unet import UNetConfig
from molnar.lab.data.plans import names
from molnar.lab.data.world import World
from molnar.lab.train.diffusion import DiffusionData, DiffusionTask
from molnar.latent.autoencoder import Autoencoder
from molnar.plan.paint import features, paint
from molnar.text.embeddings import TextEncoder
from molnar.text.tokens import Tokenizer

NETWORK = UNetConfig(
    latent_channels=4, text_width=32, pooled_width=12, channels=(32, 32), attention=(False, True),
    blocks=(1, 1), context=32, condition=32, plan=features(12), plan_width=16,
)  # fmt: skip
START = 2  # markers of an empty caption


@pytest.fixture(scope="module")
def task(frozen: tuple[World, Tokenizer, TextEncoder, Autoencoder]) -> DiffusionTask:
    world, tokenizer, encoder, codec = copy.deepcopy(frozen)
    data = DiffusionData(size=64, prompts=("a red circle",))
    return DiffusionTask(world, NETWORK, codec, tokenizer, encoder, data, names(None))


def test_every_kept_plan_is_that_of_its_picture(task: DiffusionTask) -> None:
    batch = task.batch(64, 32)
    assert batch["plan"].shape == (32, features(12), 8, 8)
    told = batch["plan"].flatten(1).any(dim=1)
    assert bool(told.any())
    for row in torch.nonzero(told).flatten().tolist():
        plan = task.source.sample(64 + row).plan
        expected = torch.from_numpy(paint(plan, task.names, (8, 8), 12))
        assert torch.equal(batch["plan"][row], expected)


def test_a_dropped_caption_drops_its_plan_and_some_plans_are_dropped_alone(
    task: DiffusionTask,
) -> None:
    batches = [task.batch(i * 64, 64) for i in range(8)]
    silent = torch.cat([batch["mask"].sum(1) == START for batch in batches])
    told = torch.cat([batch["plan"].flatten(1).any(dim=1) for batch in batches])
    assert bool(silent.any())
    assert not bool((silent & told).any())
    alone = float((~silent & ~told).float().sum() / (~silent).sum())
    assert 0.04 < alone < 0.18


def test_a_plan_teaches_where_things_are(task: DiffusionTask) -> None:
    """The same few pictures, at high noise: with plans the loss falls lower than without."""

    def loss_after(told: bool) -> float:
        torch.manual_seed(1)
        one = DiffusionTask(
            task.source, NETWORK, task.autoencoder, task.tokenizer, task.encoder, task.data,
            names(None),
        )  # fmt: skip
        batch = one.batch(0, 16)
        batch["t"] = torch.full((16,), 0.97)
        batch["ids"], batch["mask"] = (
            batch["ids"][:1].expand(16, -1),
            batch["mask"][:1].expand(16, -1),
        )
        if not told:
            batch.pop("plan")
        optimiser = torch.optim.AdamW(one.module.parameters(), lr=2e-3)
        for _ in range(60):
            batch["noise"] = torch.randn_like(batch["noise"])  # not to be learnt by heart
            loss, _ = one.loss(batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return float(loss.detach())

    assert loss_after(True) < 0.9 * loss_after(False)


def test_the_run_says_which_names_it_was_told(task: DiffusionTask) -> None:
    told = task.describe()["names"]
    other = DiffusionTask(
        task.source, NETWORK, task.autoencoder, task.tokenizer, task.encoder, task.data,
        names(None)[:-1],
    )  # fmt: skip
    assert other.describe()["names"] != told
    plain = replace(NETWORK, plan=0)
    silent = DiffusionTask(
        task.source, plain, task.autoencoder, task.tokenizer, task.encoder, task.data
    )
    assert "names" not in silent.describe()
    assert "plan" not in silent.batch(0, 2)


def test_the_sheet_draws_plans_of_the_source(task: DiffusionTask, tmp_path: Path) -> None:
    task.sheet(task.module, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 2 * 192
