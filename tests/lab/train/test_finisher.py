"""A finisher learns the surface of looks on pictures as an autoencoder and a network leave them."""

import copy
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from molnar.base.errors import ConfigError, TrainingError
from molnar.base.looks import FINE, MANNERS
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.train.builtin import sticker_test
from molnar.lab.train.finisher import FinisherData, FinisherTask, filtered, in_manners
from molnar.lab.train.parts import Assembly
from molnar.lab.train.redrawing import FIRST, Redrawing
from molnar.lab.train.source import pictures
from molnar.lab.train.supply import Data, Supply
from molnar.lab.train.vae import fit_linear
from molnar.latent.autoencoder import Autoencoder, AutoencoderConfig
from molnar.latent.finisher import FinisherConfig

COUNT = 24
SIZES = FinisherConfig(width=16, blocks=2, textures=6, period=32)
Frozen = tuple[World, Autoencoder, Tensor]


@pytest.fixture(scope="module")
def frozen() -> Frozen:
    """A world in looks, an autoencoder of few components, and latents of its pictures."""
    torch.manual_seed(0)
    config = WorldConfig(seed=3, size=64, geometry={"single": 1.0})
    world = World(in_manners(config, 1.0))
    codec = Autoencoder(
        AutoencoderConfig(latent_channels=8, decoder_widths=(8, 8, 8), decoder_blocks=(1, 1, 1))
    )
    fit_linear(codec, pictures(world, 0, 60).images)
    with torch.no_grad():
        return world, codec, codec.encode(pictures(world, FIRST, COUNT).images).half()


def named(manner: Tensor) -> str:
    [at] = manner.nonzero().flatten().tolist()
    return SIZES.manners[at]


def test_it_learns_the_surface_and_listens_to_the_name(frozen: Frozen) -> None:
    world, codec, latents = frozen
    before = copy.deepcopy(codec.state_dict())
    task = FinisherTask(world, codec, latents, FinisherData(), SIZES)
    batch = task.batch(0, 10)
    assert len({named(row) for row in batch["manner"]}) >= 3, "one batch shows several looks"
    optimiser = torch.optim.Adam(task.module.parameters(), lr=5e-3)
    for _ in range(120):
        loss, found = task.loss(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert found["absolute"] < 0.85 * found["before"], found
    wrong = {**batch, "manner": batch["manner"].roll(1, dims=1)}
    assert task.loss(wrong)[1]["absolute"] > 1.1 * found["absolute"], "the name matters"
    after = task.autoencoder.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_what_was_drawn_again_is_to_be_as_the_filter_of_its_look_has_it(frozen: Frozen) -> None:
    world, codec, latents = frozen
    task = FinisherTask(world, codec, latents, FinisherData(redrawn_p=1.0), SIZES)
    plans = pictures(world, FIRST, COUNT).plans
    looks = [next((i.name for i in plan or () if i.name in FINE), None) for plan in plans]
    assert [look for _, look in task.drawn] == [look for look in looks if look]
    assert len(set(looks)) > 4, "other looks are there, and left to the network"
    batch = task.batch(8, 12)
    for image, target, manner in zip(
        *(batch[k] for k in ("image", "target", "manner")), strict=True
    ):
        assert torch.equal(target, filtered(image, named(manner)))


def test_true_pictures_in_a_look_stay_true(frozen: Frozen) -> None:
    world, codec, latents = frozen
    task = FinisherTask(world, codec, latents, FinisherData(redrawn_p=0.0), SIZES)
    batch, (true, _, plans) = task.batch(40, 12), pictures(world, 40, 12)
    fine = [any(item.name in FINE for item in plan or ()) for plan in plans]
    assert 0 < sum(fine) < 12
    for own, target, image, is_fine in zip(
        true, batch["target"], batch["image"], fine, strict=True
    ):
        assert torch.equal(own, target) is is_fine, "others are drawn in some look by its filter"
        assert not torch.equal(image, target)


def test_batches_are_pure(frozen: Frozen) -> None:
    task = FinisherTask(*frozen, FinisherData(), SIZES)
    first, again = task.batch(40, 8), task.batch(40, 8)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(task.batch(48, 8)["image"], first["image"])


def test_a_filter_leaves_what_is_clear_clear() -> None:
    image = torch.full((4, 64, 64), -1.0)
    image[:, 16:48, 16:48] = torch.tensor([1.0, -1.0, -1.0, 1.0])[:, None, None]
    made = filtered(image, "pixel art")
    assert torch.allclose(made, image, atol=0.01), "a square on the grid is one already"
    with pytest.raises(ConfigError, match="'glossy'"):
        sizes = FinisherConfig(width=8, manners=("mosaic", "glossy"))
        FinisherTask(None, Autoencoder(AutoencoderConfig()), image, FinisherData(), sizes)  # type: ignore[arg-type]


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
    with pytest.raises(ConfigError, match="redrawn_p"):
        FinisherData(redrawn_p=1.1)
    own = tmp_path / "own"
    own.mkdir()
    for number in range(2):
        Image.new("RGB", (64, 64), "red").save(own / f"{number}.png")
        (own / f"{number}.txt").write_text("a red square")
    recipe = sticker_test()
    supply = Supply(recipe, Data(pictures=own))
    with pytest.raises(TrainingError, match="--data"):
        Assembly(recipe, tmp_path / "run", supply).task("finisher")
