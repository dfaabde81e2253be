"""A finisher learns the surface of looks from what an autoencoder leaves of them."""

import copy
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from molnar.base.errors import ConfigError, TrainingError
from molnar.base.looks import LOOKS, MANNERS
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.train.builtin import sticker_test
from molnar.lab.train.finisher import FinisherData, FinisherTask, in_manners
from molnar.lab.train.parts import Assembly
from molnar.lab.train.redrawing import FIRST, Redrawing
from molnar.lab.train.source import pictures
from molnar.lab.train.supply import Data, Supply
from molnar.lab.train.vae import fit_linear
from molnar.latent.autoencoder import Autoencoder, AutoencoderConfig
from molnar.latent.finisher import FinisherConfig

COUNT = 12
SIZES = FinisherConfig(width=16, blocks=2, textures=4, period=32)


@pytest.fixture(scope="module")
def drawn() -> tuple[World, Autoencoder, Tensor]:
    """A world in looks, an autoencoder of few components, and latents of its pictures."""
    torch.manual_seed(0)
    world = World(in_manners(WorldConfig(seed=3, size=64, geometry={"single": 1.0}), 1.0))
    codec = Autoencoder(
        AutoencoderConfig(latent_channels=8, decoder_widths=(8, 8, 8), decoder_blocks=(1, 1, 1))
    )
    fit_linear(codec, pictures(world, 0, 60).images)
    with torch.no_grad():
        return world, codec, codec.encode(pictures(world, FIRST, COUNT).images).half()


def told(manner: Tensor) -> list[str]:
    return [name for name, on in zip(SIZES.manners, manner.tolist(), strict=True) if on]


def test_it_learns_the_surface_and_listens_to_the_name(
    drawn: tuple[World, Autoencoder, Tensor],
) -> None:
    world, codec, latents = drawn
    before = copy.deepcopy(codec.state_dict())
    task = FinisherTask(world, codec, latents, FinisherData(), SIZES)
    batch = task.batch(0, 10)
    looks = {name for row in batch["manner"] for name in told(row)}
    assert len(looks & set(LOOKS)) >= 3, "one batch shows several looks"
    optimiser = torch.optim.Adam(task.module.parameters(), lr=3e-3)
    for _ in range(160):
        loss, found = task.loss(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert found["absolute"] < 0.85 * found["before"], found
    wrong = {**batch, "manner": batch["manner"].roll(1, dims=0)}
    moved = ~(batch["manner"] == wrong["manner"]).all(dim=1)
    assert bool(moved.any())
    assert task.loss(wrong)[1]["absolute"] > 1.1 * found["absolute"], "the name matters"
    after = task.autoencoder.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_batches_are_pure_and_latents_belong_to_their_pictures(
    drawn: tuple[World, Autoencoder, Tensor],
) -> None:
    world, codec, latents = drawn
    task = FinisherTask(world, codec, latents, FinisherData(true_p=0.5), SIZES)
    first, again = task.batch(40, 12), task.batch(40, 12)
    assert all(torch.equal(first[key], again[key]) for key in first)
    redrawn = first["redrawn"]
    assert 0 < int(redrawn.sum()) < 12, "some were drawn again, some were not"
    with torch.no_grad():
        own = codec.encode(first["image"])
    assert torch.allclose(own[redrawn], first["latent"][redrawn], atol=0.02)
    assert not torch.equal(task.batch(52, 12)["image"], first["image"])


def test_a_world_in_manners_says_of_nearly_every_picture_how_it_is_drawn() -> None:
    world = World(in_manners(WorldConfig(seed=1, size=64, geometry={"single": 1.0}), 0.9))
    planned = pictures(world, 0, 60).plans
    said = sum(any(item.name in MANNERS for item in plan or ()) for plan in planned)
    assert said > 40, said
    assert set(in_manners(WorldConfig(), 0.5).styles) == {
        "blob", "twemoji", "fluent-color", "fluent-flat", "fluent-high-contrast", "fluent-3d",
    }  # fmt: skip


def test_what_cannot_teach_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="invented"):
        FinisherData(redrawing=Redrawing(invented=4))
    with pytest.raises(ConfigError, match="true_p"):
        FinisherData(true_p=1.0)
    own = tmp_path / "own"
    own.mkdir()
    for number in range(2):
        Image.new("RGB", (64, 64), "red").save(own / f"{number}.png")
        (own / f"{number}.txt").write_text("a red square")
    recipe = sticker_test()
    supply = Supply(recipe, Data(pictures=own))
    with pytest.raises(TrainingError, match="--data"):
        Assembly(recipe, tmp_path / "run", supply).task("finisher")
