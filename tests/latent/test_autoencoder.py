"""Autoencoder: shapes, who owns the normalisation, and locality of the decoder."""

import pytest
import torch

from molnar.base.errors import ConfigError
from molnar.latent.autoencoder import Autoencoder, AutoencoderConfig
from molnar.latent.objective import reconstruction_loss

SMALL = {"latent_channels": 6, "decoder_widths": (16, 16, 16), "decoder_blocks": (1, 1, 1)}


@pytest.mark.parametrize("encoder", ["linear", "conv"])
def test_a_latent_is_an_eighth(encoder: str) -> None:
    config = AutoencoderConfig(encoder=encoder, encoder_widths=(16, 16, 16), **SMALL)  # type: ignore[arg-type]
    net = Autoencoder(config)
    image = torch.rand(2, 4, 64, 96) * 2 - 1
    latent = net.encode(image)
    assert latent.shape == (2, 6, 8, 12)
    assert net.decode(latent).shape == image.shape


def test_decode_undoes_what_encode_normalises() -> None:
    net = Autoencoder(AutoencoderConfig(**SMALL))  # type: ignore[arg-type]
    image = torch.rand(1, 4, 32, 32)
    before, back = net.encode(image), net(image)
    net.scale.fill_(4.0)
    net.shift.fill_(0.5)
    assert torch.allclose(net.encode(image), (before - 0.5) / 4, atol=1e-6)
    assert torch.allclose(net(image), back, atol=1e-5), "the picture must not notice"


def test_far_cells_do_not_touch_a_pixel() -> None:
    net = Autoencoder(AutoencoderConfig(**SMALL))  # type: ignore[arg-type]
    torch.nn.init.normal_(net.decoder.leave.weight, std=0.1)
    latent = torch.randn(1, 6, 4, 24)
    other = latent.clone()
    other[..., 20:] += 1
    same = (net.decode(latent) - net.decode(other)).abs().amax(dim=(0, 1, 2))
    assert same[:64].max() == 0 and same[160:].min() > 0


def test_loss_is_zero_only_for_the_truth() -> None:
    image = torch.rand(2, 4, 32, 32)
    assert reconstruction_loss(image, image).total.item() == 0
    shifted = reconstruction_loss(image + 0.5, image)
    assert shifted.squared.item() == pytest.approx(0.25)
    assert shifted.edges.item() == pytest.approx(0, abs=1e-6), "a constant has no edges"


def test_other_downscales_are_refused() -> None:
    with pytest.raises(ConfigError, match="downscale is 16"):
        AutoencoderConfig(downscale=16)
