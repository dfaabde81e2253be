"""A finished network teaches another one: guidance in one estimate, and a few steps."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from molnar.base.errors import ConfigError
from molnar.diffusion.flow import add_noise, velocity
from molnar.diffusion.objective import first_rows
from molnar.diffusion.unet import UNetConfig
from molnar.lab.data.world import World
from molnar.lab.train.diffusion import DiffusionData, DiffusionTask
from molnar.lab.train.distilling import check_few
from molnar.latent.autoencoder import Autoencoder
from molnar.text.embeddings import TextEncoder
from molnar.text.tokens import Tokenizer

Frozen = tuple[World, Tokenizer, TextEncoder, Autoencoder]
SIZES = UNetConfig(
    latent_channels=4,
    text_width=32,
    pooled_width=12,
    channels=(32, 32),
    attention=(False, True),
    blocks=(1, 1),
    context=32,
    condition=32,
    flow_map=True,
)


@pytest.fixture(scope="module")
def taught(frozen: Frozen, tmp_path_factory: pytest.TempPathFactory) -> DiffusionTask:
    """A task whose teacher is any network at all; its pupil knows as much, but no large steps."""
    world, tokenizer, encoder, codec = copy.deepcopy(frozen)
    plain = DiffusionTask(world, SIZES, codec, tokenizer, encoder, DiffusionData(size=64))
    torch.manual_seed(2)
    for parameter in plain.module.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    save_file(plain.module.state_dict(), path)
    data = replace(plain.data, teacher=str(path), guidance=2.0, few=(2, 4), few_p=0.75, shift=3.0)
    task = DiffusionTask(world, SIZES, codec, tokenizer, encoder, data)
    task.module.load_state_dict(plain.module.state_dict())
    return task


def latents(task: DiffusionTask, batch: dict[str, Tensor]) -> Tensor:
    with torch.no_grad():
        found: Tensor = task.autoencoder.encode(batch["image"])
    return found


def test_some_rows_learn_large_steps_and_the_others_the_pictures(taught: DiffusionTask) -> None:
    batch = taught.batch(0, 8)
    grid, t = batch["legs"], batch["t"]
    assert grid.shape == (6, 3)
    assert torch.equal(t[:6], grid[:, 0])
    again = taught.batch(0, 8)
    assert all(torch.equal(batch[key], again[key]) for key in batch)
    x0, noise = latents(taught, batch), batch["noise"]
    text = taught.embedded(batch["ids"], batch["mask"])
    null = taught.texts([""] * 8, x0.device, text.mask.shape[1])
    assert taught.teacher is not None
    lesson = taught.teacher.lesson(x0, noise, t, text, null, grid)
    assert torch.equal(lesson.x, add_noise(x0, noise, t))
    assert torch.equal(lesson.target[6:], velocity(x0, noise)[6:])
    assert torch.equal(lesson.text.until, torch.cat([grid[:, -1], t[6:]]))
    alone = taught.teacher.lesson(
        x0[:1], noise[:1], t[:1], first_rows(text, 1), first_rows(null, 1), grid[:1]
    )
    assert torch.allclose(alone.target, lesson.target[:1], atol=1e-5)


def test_a_pupil_learns_to_go_as_far_in_one_step_as_its_teacher_in_two(
    taught: DiffusionTask, overfitted: Callable[..., list[float]]
) -> None:
    batch = taught.batch(0, 8)
    losses = overfitted(taught, batch, steps=60, lr=1e-3)
    assert losses[-1] < 0.5 * losses[0]
    assert set(taught.loss(batch)[1]) == {"noisy", "clear"}


def test_what_cannot_be_taught_is_refused(taught: DiffusionTask) -> None:
    parts = (taught.source, SIZES, taught.autoencoder, taught.tokenizer, taught.encoder)
    with pytest.raises(ConfigError, match="without a teacher"):
        DiffusionTask(*parts, replace(taught.data, teacher=None))
    with pytest.raises(ConfigError, match="flow_map=true"):
        check_few((4, 8), 0.5, taught=True, mapped=False)
    with pytest.raises(ConfigError, match="2 steps or more"):
        check_few((1, 4), 0.5, taught=True, mapped=True)
    with pytest.raises(ConfigError, match="few_p 0"):
        check_few((4,), 0.0, taught=True, mapped=True)
    check_few((), 0.0, taught=False, mapped=False)
