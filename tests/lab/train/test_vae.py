"""The closed-form encoder does what principal components promise; training improves on it."""

import math

import numpy as np
import torch

from molnar.lab.data.world import World, WorldConfig
from molnar.lab.train.source import pictures
from molnar.lab.train.vae import VaeData, VaeTask, fit_linear, fit_preview
from molnar.latent.autoencoder import Autoencoder, AutoencoderConfig
from molnar.latent.format import LatentFormat

SMALL = AutoencoderConfig(latent_channels=12, decoder_widths=(16, 16, 16), decoder_blocks=(1, 1, 1))
DATA = VaeData(fit_pictures=60, crop=32)


def world() -> World:
    return World(WorldConfig(seed=3, size=64))


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return -10 * math.log10(float((a - b).square().mean()) / 4)


def test_linear_fit_keeps_what_it_says_and_is_orthogonal() -> None:
    net = Autoencoder(SMALL)
    images = pictures(world(), 0, 60).images
    kept = fit_linear(net, images)
    weight = net.encoder.project.weight.detach().reshape(12, -1)  # type: ignore[union-attr, operator]
    assert torch.allclose(weight @ weight.T, torch.eye(12), atol=1e-5)
    with torch.no_grad():
        latent = net.encode(images)
        back = net.decode(latent)
    lost = float((back - images).square().mean() / images.var())
    assert lost < 1 - kept + 0.02
    assert 0.9 < float(latent.square().mean()) < 1.2, "unit variance on average"
    spread = latent.std(dim=(0, 2, 3))
    assert spread[0] > 1.5 * spread[-1], "coarse channels stay larger: only half-way to white"


def test_preview_guesses_the_colours() -> None:
    net = Autoencoder(SMALL)
    images = pictures(world(), 0, 60).images
    fit_linear(net, images)
    fit_preview(net, images)
    rows = tuple(tuple(row) for row in net.preview.tolist())
    with torch.no_grad():
        latent = net.encode(images[:4]).numpy()
    preview = LatentFormat(channels=12, preview=rows).preview_of(latent)
    small = torch.nn.functional.avg_pool2d(images[:4], 8).numpy()
    assert np.abs(preview - small).mean() < 0.05


def test_batches_are_a_pure_function_of_images_seen() -> None:
    task = VaeTask(world(), SMALL, DATA)
    first, again = task.batch(8, 4), task.batch(8, 4)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert first["image"].shape == (4, 4, 32, 32)
    assert not torch.equal(first["image"], task.batch(12, 4)["image"])


def test_training_the_decoder_beats_the_closed_form() -> None:
    task = VaeTask(world(), SMALL, DATA)
    module = task.module
    assert isinstance(module, Autoencoder)
    batch = task.batch(0, 8)
    with torch.no_grad():
        before = psnr(module(batch["image"]), batch["image"])
    trained = [p for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=1e-3, betas=(0.9, 0.99))
    for _ in range(120):
        loss, _ = task.loss(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        after = psnr(module(batch["image"]), batch["image"])
    assert after > before + 1, f"{before:.2f} dB closed form, {after:.2f} dB trained"
