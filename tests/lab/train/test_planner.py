"""A planner that is trained for seconds on two sentences plans what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from molnar.lab.train import planner as planner_module
from molnar.lab.train.planner import PlannerTask, sized
from molnar.lab.train.tokenizer import train_tokenizer
from molnar.plan.items import Item, Plan
from molnar.plan.planner import PlannerConfig
from molnar.plan.writing import field_of
from molnar.text.embeddings import TextEncoder, TextEncoderConfig

NAMES = ("background", "circle", "square")
BEHIND = Item(name="background", colour="white", behind=True)
SAID: dict[str, Plan] = {
    "a red circle": (BEHIND, Item(name="circle", colour="red", width=0.5, height=0.5)),
    "a blue square left of a red circle": (
        BEHIND,
        Item(name="square", colour="blue", x=0.25, width=0.3, height=0.3),
        Item(name="circle", colour="red", x=0.75, width=0.3, height=0.3),
    ),
}


def described(index: int) -> tuple[str, Plan]:
    return list(SAID.items())[index % 2]


def task() -> PlannerTask:
    torch.manual_seed(0)
    tokenizer = train_tokenizer({text: 9 for text in SAID}, vocab_size=300)
    encoder = TextEncoder(
        TextEncoderConfig(
            vocab_size=tokenizer.vocab_size,
            length=tokenizer.length,
            width=16,
            layers=1,
            heads=2,
            pooled=8,
        )
    )
    config = sized(PlannerConfig(width=32, layers=1), NAMES, encoder)
    vectors = np.eye(3, 8, dtype=np.float32)
    return PlannerTask(described, config, tokenizer, encoder, vectors)


def test_it_learns_what_is_said_and_where_it_is() -> None:
    one = task()
    one.module.train()
    optimizer = torch.optim.AdamW(one.module.parameters(), lr=1e-2)
    for step in range(80):
        loss, _ = one.loss(one.batch(8 * step, 8))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    one.module.eval()
    for seed, (text, plan) in enumerate(SAID.items()):
        found = one.plan(one.module, text, seed)
        assert [(i.name, i.colour) for i in found] == [(i.name, i.colour) for i in plan]
        for got, wanted in zip(found[1:], plan[1:], strict=True):
            assert abs(got.x - wanted.x) < 0.05
            assert abs(got.width - wanted.width) < 0.05


def test_batches_are_pure_and_padded_where_plans_end() -> None:
    one = task()
    batch, again = one.batch(6, 4), one.batch(6, 4)
    assert all(torch.equal(batch[key], again[key]) for key in batch)
    assert batch["plan"].shape == (4, 2 + 2 * 6 + 1)
    ends = (batch["plan"] == len(NAMES)).any(dim=1)
    assert bool(ends.all())
    assert (batch["plan"][0] == -1).sum() == 6  # a thing less


def test_rows_read_by_length_give_the_loss_and_gradients_of_the_whole_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = task(), task()
    for module in (one.module, other.module):
        torch.manual_seed(1)
        for value in module.parameters():
            torch.nn.init.normal_(value, std=0.1)
    batch = one.batch(0, 6)
    monkeypatch.setattr(planner_module, "SHORT", 9)  # "a red circle" is short, the other is not
    apart, parts = one.loss(batch)
    apart.backward()
    plan = batch["plan"]
    before = torch.nn.functional.pad(plan.clamp(min=0), (1, 0))[:, :-1]
    tokens = other.encoder(batch["ids"], batch["mask"])[0]
    rated = other.module.rate(other.module.think(before, tokens, batch["mask"]))
    total = sum(
        torch.nn.functional.cross_entropy(rated[min(field_of(at), 2)][row, at], plan[row, at])
        for row, at in (plan >= 0).nonzero().tolist()
    )
    whole = total / int((plan >= 0).sum())
    whole.backward()
    assert float(apart.detach()) == pytest.approx(float(whole.detach()), abs=1e-5)
    assert set(parts) == {"names", "colours", "boxes"}
    for a, b in zip(one.module.parameters(), other.module.parameters(), strict=True):
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None:
            assert torch.allclose(a.grad, b.grad, atol=1e-6)


def test_the_encoder_and_the_names_stay_as_they_are() -> None:
    one = task()
    loss, _ = one.loss(one.batch(0, 4))
    loss.backward()
    assert all(value.grad is None for value in one.encoder.parameters())
    assert not dict(one.module.named_parameters()).get("vectors")


def test_the_sheet_shows_plans(tmp_path: Path) -> None:
    one = task()
    one.sheet(one.module, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 4 * 192
