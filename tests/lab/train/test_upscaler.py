from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from molnar.base.errors import ConfigError
from molnar.base.images import to_model
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.train.redrawing import FIRST
from molnar.lab.train.upscaler import UpscalerData, UpscalerTask, roughen
from molnar.upscale.upscaler import UpscalerConfig

WORLD = World(WorldConfig())
CONFIG = UpscalerConfig(width=8, blocks=2)


class Codec:
    """An autoencoder that halves the picture's detail and counts how often it is asked."""

    asked = 0

    def encode(self, image: Tensor) -> Tensor:
        self.asked += 1
        return F.avg_pool2d(image, 2)

    def decode(self, latent: Tensor) -> Tensor:
        return F.interpolate(latent, scale_factor=2.0, mode="nearest")


def data(**changes: float) -> UpscalerData:
    return UpscalerData(size=128, crop_least=16, crop_most=24, **changes)  # type: ignore[arg-type]


def task(codec: Codec | None = None, **changes: float) -> UpscalerTask:
    return UpscalerTask(WORLD, CONFIG, data(**changes), codec)


def test_pairs_have_one_size_per_batch_and_fit_the_scale() -> None:
    sizes = set()
    for seen in range(0, 48, 6):
        batch = task().batch(seen, 6)
        side = batch["low"].shape[-1]
        assert batch["low"].shape == (6, 4, side, side)
        assert batch["high"].shape == (6, 4, 4 * side, 4 * side)
        sizes.add(side)
    assert sizes == {16, 24}


def test_a_batch_is_a_pure_function_of_what_was_seen() -> None:
    one, again = task(Codec()).batch(6, 8), task(Codec()).batch(6, 8)
    assert torch.equal(one["low"], again["low"])
    assert torch.equal(one["high"], again["high"])
    assert not torch.equal(one["high"], task().batch(14, 8)["high"])


def test_clean_pairs_are_area_averages_of_the_same_place() -> None:
    batch = task(clean_p=1.0, rough_p=0.0).batch(0, 8)
    torch.testing.assert_close(F.avg_pool2d(batch["high"], 4), batch["low"])


def test_rough_pairs_show_the_same_place_differently() -> None:
    batch = task(clean_p=0.0, rough_p=1.0).batch(0, 8)
    far = (F.avg_pool2d(batch["high"], 4) - batch["low"]).abs()
    assert 0 < far.mean() < 0.1
    assert batch["low"].abs().max() <= 1


def test_the_autoencoder_is_asked_once_per_picture() -> None:
    codec = Codec()
    batch = task(codec, clean_p=0.0, rough_p=0.0, crops=4).batch(0, 8)
    assert codec.asked == 2
    assert (F.avg_pool2d(batch["high"], 4) - batch["low"]).abs().max() > 0.1


def test_shares_are_kept() -> None:
    codec = Codec()
    task(codec, crops=1, clean_p=0.25, rough_p=0.25).batch(0, 60)
    assert 18 <= codec.asked <= 42


@pytest.mark.parametrize("amount", [0.7, -0.7])
def test_roughening_softens_or_sharpens_and_keeps_the_mean(amount: float) -> None:
    image = torch.rand(1, 4, 12, 12) * 0.4
    steps, rough = image.diff(dim=-1).abs().mean(), roughen(image, amount)
    assert (rough.diff(dim=-1).abs().mean() < steps) == (amount > 0)
    assert rough.mean().item() == pytest.approx(image.mean().item(), abs=0.02)
    torch.testing.assert_close(roughen(image, 0.0), image)


def test_the_loss_of_a_batch_falls() -> None:
    own = task(clean_p=1.0, rough_p=0.0)
    batch = own.batch(0, 4)
    optimizer = torch.optim.Adam(own.module.parameters(), lr=2e-3)
    losses = []
    for _ in range(60):
        loss, _ = own.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.93 * losses[0]


def test_the_sheet_is_a_picture(tmp_path: Path) -> None:
    own = task()
    own.sheet(own.module, tmp_path / "samples" / "0.png")
    with Image.open(tmp_path / "samples" / "0.png") as sheet:
        assert sheet.width == 3 * 256


def test_data_that_do_not_fit_are_named() -> None:
    with pytest.raises(ConfigError, match=r"crop_least 32.*crop_most 24"):
        UpscalerData(crop_least=32, crop_most=24)
    with pytest.raises(ConfigError, match=r"clean_p 0.9.*rough_p 0.2"):
        UpscalerData(clean_p=0.9, rough_p=0.2)
    with pytest.raises(ConfigError, match=r"size 64.*crop_most 64"):
        UpscalerTask(WORLD, CONFIG, UpscalerData(size=64))


class Halved:
    """Whose latents are the small pictures themselves, at half their strength."""

    def encode(self, image: Tensor) -> Tensor:
        raise AssertionError("what was drawn again needs no encoding")

    def decode(self, latent: Tensor) -> Tensor:
        return latent


def test_latents_drawn_again_are_decoded_beside_the_picture_they_are_of() -> None:
    seen = [WORLD.render(WORLD.spec(FIRST + which), 128).image for which in range(3)]
    small = [F.avg_pool2d(torch.from_numpy(to_model(image[None])), 4) for image in seen]
    made = UpscalerTask(
        WORLD, CONFIG, data(clean_p=0.0, rough_p=0.0), Halved(), torch.cat(small) * 0.5
    )
    batch = made.batch(0, 8)
    torch.testing.assert_close(batch["low"], F.avg_pool2d(batch["high"], 4) * 0.5)
