"""The diffusion task: pure batches, dropped captions, a loss that falls, a sheet that is drawn."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from molnar.base.errors import ConfigError
from molnar.base.weights import sha256
from molnar.diffusion.flow import add_noise
from molnar.diffusion.unet import UNetConfig
from molnar.lab.data.world import World
from molnar.lab.train.diffusion import MEASURED, DiffusionData, DiffusionTask
from molnar.lab.train.source import pictures
from molnar.latent.autoencoder import Autoencoder
from molnar.text.embeddings import TextEncoder
from molnar.text.tokens import Tokenizer


@pytest.fixture(scope="module")
def task(frozen: tuple[World, Tokenizer, TextEncoder, Autoencoder]) -> DiffusionTask:
    world, tokenizer, encoder, codec = copy.deepcopy(frozen)
    network = UNetConfig(
        latent_channels=4,
        text_width=32,
        pooled_width=12,
        channels=(32, 32),
        attention=(False, True),
        blocks=(1, 1),
        context=32,
        condition=32,
    )
    data = DiffusionData(size=64, prompts=("a red circle", "two blue stars"))
    return DiffusionTask(world, network, codec, tokenizer, encoder, data)


def test_batches_are_pure_and_as_long_as_needed(task: DiffusionTask) -> None:
    first, again = task.batch(32, 8), task.batch(32, 8)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert first["ids"].shape[1] % 8 == 0
    assert first["mask"].any(dim=1).all(), "an empty caption still has its markers"
    assert first["noise"].shape == (8, 4, 8, 8)


def test_a_tenth_of_the_captions_is_dropped(task: DiffusionTask) -> None:
    dropped = sum(int((task.batch(i * 64, 64)["mask"].sum(1) == 2).sum()) for i in range(6))
    assert 0.04 < dropped / (6 * 64) < 0.18


def test_training_lowers_the_loss_and_leaves_the_frozen_parts_alone(
    task: DiffusionTask, overfitted: Callable[..., list[float]]
) -> None:
    frozen = [p.clone() for part in (task.autoencoder, task.encoder) for p in part.parameters()]
    batch = task.batch(0, 8)
    losses = overfitted(task, batch, steps=40, lr=2e-3)
    assert losses[-1] < 0.7 * losses[0]
    assert set(task.loss(batch)[1]) == {"noisy", "clear"}
    after = [p for part in (task.autoencoder, task.encoder) for p in part.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(frozen, after, strict=True))


def test_the_sheet_shows_every_prompt_twice(task: DiffusionTask, tmp_path: Path) -> None:
    path = tmp_path / "samples" / "sheet.png"
    task.sheet(task.module, path)
    with Image.open(path) as sheet:
        assert sheet.width == 4 * 192
        assert len(sheet.convert("RGB").getcolors(2**24) or []) > 50


def test_errors_of_strong_channels_count_more(task: DiffusionTask) -> None:
    task = copy.deepcopy(task)
    task.data = replace(task.data, spread=1.0)
    with torch.no_grad():
        task.autoencoder.scale.copy_(torch.tensor([0.25, 0.5, 1.0, 2.0]))  # divides the latent
    images = pictures(task.source, 0, MEASURED).images
    spread = task.autoencoder.encode(images).std(dim=(0, 2, 3))
    weights = task.channel_weights()
    assert weights.mean().item() == pytest.approx(1.0)
    assert torch.allclose(weights / weights[0], spread / spread[0], rtol=1e-4)
    even = float(task.loss(task.batch(0, 8))[0].detach())
    task.weights = weights
    assert float(task.loss(task.batch(0, 8))[0].detach()) != pytest.approx(even)


def test_channels_are_weighed_only_if_the_data_asks(task: DiffusionTask) -> None:
    assert task.weights is None
    data = replace(task.data, spread=1.0)
    made = DiffusionTask(
        task.source, task.config, task.autoencoder, task.tokenizer, task.encoder, data
    )
    assert made.weights is not None
    assert made.weights.shape == (4,)


def test_a_student_learns_in_one_estimate_what_guidance_makes_of_two(
    task: DiffusionTask, overfitted: Callable[..., list[float]], tmp_path: Path
) -> None:
    torch.manual_seed(2)
    teacher = copy.deepcopy(task.module)
    for parameter in teacher.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    path = tmp_path / "teacher.safetensors"
    save_file(teacher.state_dict(), path)
    data = replace(task.data, teacher=str(path), guidance=4.0, drop_p=0.4)
    student = DiffusionTask(
        task.source, task.config, task.autoencoder, task.tokenizer, task.encoder, data
    )
    moved = path.rename(tmp_path / "moved.safetensors")
    elsewhere = replace(data, teacher=str(moved))
    again = DiffusionTask(
        task.source, task.config, task.autoencoder, task.tokenizer, task.encoder, elsewhere
    )
    assert again.describe() == {**again.describe(), "data": replace(data, teacher=sha256(moved))}
    student.module.load_state_dict(teacher.state_dict())
    batch = student.batch(0, 16)
    dropped = batch["mask"].sum(1) == 2
    assert 2 < int(dropped.sum()) < 14
    with torch.no_grad():
        x0 = student.autoencoder.encode(batch["image"])
        text = student.embedded(batch["ids"], batch["mask"])
        x_t = add_noise(x0, batch["noise"], batch["t"])
        assert student.teacher is not None
        null = student.texts([""] * 16, x0.device, text.mask.shape[1])
        target = student.teacher.lesson(x0, batch["noise"], batch["t"], text, null).target
        plain = teacher(x_t, batch["t"], text.tokens, text.mask, text.pooled)
        gap = (target - plain).square().mean(dim=(1, 2, 3))
    assert float(gap[dropped].max()) < 1e-8, "what has no text has nothing to be guided by"
    assert float(gap[~dropped].min()) > 1e-6
    losses = overfitted(student, batch, steps=30, lr=1e-3)
    assert losses[0] == pytest.approx(float(gap.mean()), rel=1e-3)
    assert losses[-1] < 0.5 * losses[0]
    student.sheet(student.module, tmp_path / "sheet.png")


def test_batches_come_in_every_shape_that_is_asked_for(task: DiffusionTask) -> None:
    data = replace(task.data, aspects=("1:1", "3:2", "2:3"))
    shaped = DiffusionTask(
        task.source, task.config, task.autoencoder, task.tokenizer, task.encoder, data
    )
    batches = [shaped.batch(seen, 2) for seen in range(0, 40, 2)]
    sizes = {tuple(batch["image"].shape[2:]) for batch in batches}
    assert sizes == {(64, 64), (48, 80), (80, 48)}
    assert torch.equal(batches[3]["image"], shaped.batch(6, 2)["image"])
    for batch in batches[:6]:
        height, width = batch["image"].shape[2:]
        assert batch["noise"].shape == (2, 4, height // 8, width // 8)
        loss, _ = shaped.loss(batch)
        assert torch.isfinite(loss)


@pytest.mark.parametrize("aspects", [(), ("1",), ("0:1",), ("a:b",), ("1:1", "3:2"), ("4:1",)])
def test_shapes_that_cannot_be_drawn_are_refused(
    task: DiffusionTask, aspects: tuple[str, ...]
) -> None:
    class Square:
        def sample(self, index: int) -> None:
            raise AssertionError("nothing is drawn")

    data = replace(task.data, aspects=aspects)
    with pytest.raises(ConfigError, match="aspect"):
        DiffusionTask(Square(), task.config, task.autoencoder, task.tokenizer, task.encoder, data)
