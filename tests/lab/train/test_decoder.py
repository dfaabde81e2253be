"""Pictures are drawn again by a network, and a decoder learns to mend what that leaves."""

import copy
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from molnar.base.errors import ConfigError
from molnar.diffusion.unet import UNetConfig
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.train.decoder import DecoderData, DecoderTask
from molnar.lab.train.diffusion import DiffusionData, DiffusionTask
from molnar.lab.train.redrawing import FIRST, Redrawing, kept, redrawn
from molnar.lab.train.source import pictures
from molnar.lab.train.task import identity
from molnar.lab.train.vae import fit_linear
from molnar.latent.autoencoder import Autoencoder, AutoencoderConfig
from molnar.text.embeddings import TextEncoder
from molnar.text.tokens import Tokenizer

Frozen = tuple[World, Tokenizer, TextEncoder, Autoencoder]
SIZES = UNetConfig(
    latent_channels=4, text_width=32, pooled_width=12, channels=(16, 16), attention=(False, True),
    blocks=(1, 1), context=16, condition=16, heads=2,
)  # fmt: skip
COUNT = 24


@pytest.fixture(scope="module")
def trained() -> tuple[World, Autoencoder]:
    """A world and an autoencoder whose latents are those of principal components."""
    torch.manual_seed(0)
    world = World(WorldConfig(seed=3, size=64))
    config = AutoencoderConfig(
        latent_channels=12, decoder_widths=(16, 16, 16), decoder_blocks=(1, 1, 1)
    )
    codec = Autoencoder(config)
    fit_linear(codec, pictures(world, 0, 60).images)
    return world, codec


def stained(world: World, codec: Autoencoder) -> Tensor:
    """Latents of the pictures that are drawn again, with a fault that can be known: a stain."""
    with torch.no_grad():
        found = codec.encode(pictures(world, FIRST, COUNT).images)
    found[:, -4:] += 1.5 * torch.randn(found[:, -4:].shape, generator=torch.Generator())
    return found.half()


def test_a_decoder_learns_to_mend_and_the_encoder_stays(
    trained: tuple[World, Autoencoder],
) -> None:
    world, codec = trained
    data = DecoderData(crop=32, redrawn_p=0.7)
    task = DecoderTask(world, codec, stained(world, codec), data)
    before = {key: value.clone() for key, value in codec.state_dict().items()}
    batch = task.batch(0, 16)
    _, told = task.loss(batch)
    optimiser = torch.optim.Adam([p for p in task.module.parameters() if p.requires_grad], lr=2e-3)
    for _ in range(150):
        loss, after = task.loss(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert after["redrawn"] > told["redrawn"] + 1.5, f"{told} dB before, {after} after"
    assert math.isfinite(after["true"]) and after["true"] > told["true"] - 1
    mended = task.module.state_dict()
    kept = [key for key in before if key.startswith("encoder.") or key in ("shift", "scale")]
    assert kept and all(torch.equal(before[key], mended[key]) for key in kept), "latents stay"
    assert all(torch.equal(before[key], value) for key, value in codec.state_dict().items())


def test_batches_are_pure_and_latents_belong_to_their_pictures(
    trained: tuple[World, Autoencoder],
) -> None:
    world, codec = trained
    with torch.no_grad():
        exact = codec.encode(pictures(world, FIRST, COUNT).images)
    task = DecoderTask(world, codec, exact, DecoderData(crop=24, redrawn_p=0.5))
    batch, again = task.batch(40, 12), task.batch(40, 12)
    assert all(torch.equal(batch[key], again[key]) for key in batch)
    assert not torch.equal(batch["image"], task.batch(52, 12)["image"])
    with torch.no_grad():
        own = codec.encode(batch["image"])
    far = (own - batch["latent"]).abs().amax(dim=(1, 2, 3))
    assert 2 < int(batch["redrawn"].sum()) < 10
    assert float(far[batch["redrawn"]].max()) < 1e-3, "the crop's own latent"
    assert float(far[~batch["redrawn"]].min()) > 1e-2, "of another picture, and not used"


def test_what_has_no_true_picture_may_be_cleaned_but_not_changed(
    trained: tuple[World, Autoencoder],
) -> None:
    """A decoder that would take what it never saw for nothing at all is held to what it was."""
    world, codec = trained
    latents = stained(world, codec)
    latents[-8:] += 3  # unlike any picture
    moved = {}
    for keep in (0.0, 20.0):
        data = DecoderData(
            crop=32, redrawn_p=0.4, invented_p=0.4, keep=keep, slack=0.05,
            redrawing=Redrawing(pictures=COUNT - 8, invented=8),
        )  # fmt: skip
        task = DecoderTask(world, codec, latents, data)
        batch = task.batch(0, 16)
        new = batch["invented"]
        assert 2 < int(new.sum()) < 12 and not (new & batch["redrawn"]).any()
        assert not batch["image"][new].any(), "there is no true picture"
        optimiser = torch.optim.Adam(task.module.parameters(), lr=2e-3)
        _, told = task.loss(batch)
        assert told["moved"] < 0.01, "nothing has changed yet, but at the edges of crops"
        for _ in range(60):
            loss, told = task.loss(batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        moved[keep] = told["moved"]
    assert moved[20.0] < moved[0.0] / 3, moved


def test_true_pictures_weigh_as_much_as_is_asked(trained: tuple[World, Autoencoder]) -> None:
    world, codec = trained
    totals = []
    for weight in (0.0, 1.0, 3.0):
        data = DecoderData(crop=32, redrawn_p=0.5, true=weight, keep=0.0)
        task = DecoderTask(world, codec, stained(world, codec), data)
        totals.append(float(task.loss(task.batch(0, 12))[0].detach()))
    one, three = totals[1] - totals[0], totals[2] - totals[0]
    assert one > 0 and three == pytest.approx(3 * one)


def test_what_is_drawn_again_is_near_the_picture_when_little_noise_was_added(
    frozen: Frozen,
) -> None:
    world, tokenizer, encoder, codec = copy.deepcopy(frozen)
    data = DiffusionData(size=64, drop_p=0.0)
    task = DiffusionTask(world, SIZES, codec, tokenizer, encoder, data)
    with torch.no_grad():
        true = codec.encode(pictures(world, FIRST, 6).images)

    def off(t: float) -> float:
        how = Redrawing(pictures=6, least=t, most=t, steps=2)
        found = redrawn(task, how)
        assert found.shape == true.shape and found.dtype == torch.float16
        assert torch.equal(found, redrawn(task, how)), "a pure function"
        return float((found.float() - true).square().mean().sqrt())

    assert off(0.02) < 0.05 < off(0.5) < off(0.95)
    with torch.autocast("cpu", torch.bfloat16):  # as recipes train
        assert off(0.02) < 0.1


def test_pictures_from_noise_alone_come_last_and_are_far_from_any(frozen: Frozen) -> None:
    world, tokenizer, encoder, codec = copy.deepcopy(frozen)
    task = DiffusionTask(
        world, SIZES, codec, tokenizer, encoder, DiffusionData(size=64, drop_p=0.0)
    )
    plain = redrawn(task, Redrawing(pictures=4, least=0.02, most=0.02, steps=2))
    more = Redrawing(pictures=4, least=0.02, most=0.02, steps=2, invented=3)
    found = redrawn(task, more)
    assert len(found) == 7 and torch.equal(found[:4], plain)
    with torch.no_grad():
        true = codec.encode(pictures(world, FIRST, 7).images)
    off = (found.float() - true).square().mean(dim=(1, 2, 3)).sqrt()
    assert float(off[4:].min()) > 5 * float(off[:4].max())


def test_what_is_exported_lies_between_before_and_after(trained: tuple[World, Autoencoder]) -> None:
    world, codec = trained
    task = DecoderTask(world, codec, stained(world, codec), DecoderData(crop=32, share=0.25))
    after = copy.deepcopy(task.module)
    assert isinstance(after, Autoencoder)
    with torch.no_grad():
        for parameter in after.decoder.parameters():
            parameter += 1.0
    made = task.exported(after).state_dict()
    for key, value in codec.state_dict().items():
        moved = 0.25 if key.startswith("decoder.") else 0.0
        torch.testing.assert_close(made[key], value + moved)


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match=r"from t = 0.9 to 0.4; expected 0 < least"):
        Redrawing(least=0.9, most=0.4)
    with pytest.raises(ConfigError, match="-1 invented pictures; expected 0 or more"):
        Redrawing(invented=-1)
    with pytest.raises(ConfigError, match=r"redrawn_p 0.9 \+ invented_p 0.2 exceeds 1"):
        DecoderData(redrawn_p=0.9, invented_p=0.2)
    with pytest.raises(ConfigError, match="share is 0; expected above 0"):
        DecoderData(share=0)
    with pytest.raises(ConfigError, match="multiple of 8"):
        DecoderData(crop=20)


def test_some_latents_must_have_true_pictures(trained: tuple[World, Autoencoder]) -> None:
    world, codec = trained
    data = DecoderData(redrawing=Redrawing(invented=COUNT))
    with pytest.raises(ConfigError, match="got 24 latents, 24 of them drawn from noise alone"):
        DecoderTask(world, codec, stained(world, codec), data)


def test_pictures_smaller_than_a_crop_are_shown_whole() -> None:
    codec = Autoencoder(AutoencoderConfig(latent_channels=4))
    world = World(WorldConfig(size=64))
    task = DecoderTask(world, codec, torch.zeros(2, 4, 8, 8), DecoderData(crop=80))
    assert task.batch(0, 2)["image"].shape == (2, 4, 64, 64)


def test_what_was_drawn_again_is_kept_and_names_the_run(
    tmp_path: Path, trained: tuple[World, Autoencoder]
) -> None:
    world, codec = trained
    made: list[int] = []

    def draw() -> Tensor:
        made.append(1)
        return stained(world, codec)

    path = tmp_path / "cache" / "latents.safetensors"
    first, again = kept(path, draw), kept(path, draw)
    assert torch.equal(first, again) and made == [1]
    other = first.clone()
    other[0, 0, 0, 0] += 1
    data = DecoderData(crop=32)
    tasks = [DecoderTask(world, codec, latents, data) for latents in (first, again, other)]
    one, same, changed = (identity(task) for task in tasks)
    assert one == same != changed
