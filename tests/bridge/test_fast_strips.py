"""A decoder that works strip by strip decodes what diffusers' own does, and holds less."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from molnar.bridge.fast import How, speed_up, strips  # noqa: E402


@pytest.fixture(scope="module")
def made() -> Any:
    torch.manual_seed(0)
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        layers_per_block=1,
        latent_channels=2,
    ).eval()
    for module in vae.modules():  # as trained ones are: not 1 and 0
        if isinstance(module, torch.nn.GroupNorm):
            torch.nn.init.normal_(module.weight)
            torch.nn.init.normal_(module.bias)
    return vae


def latent(*shape: int) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("strip", [1, 16 * 16 * 20, 8 << 20])  # the least, some, and one of all
@pytest.mark.parametrize("shape", [(1, 2, 33, 9), (2, 2, 40, 24), (1, 2, 1, 1)])
def test_strips_are_the_whole(
    made: Any, strip: int, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strips, "STRIP", strip)
    monkeypatch.setattr(strips, "ROWS", 7)
    vae, z = copy.deepcopy(made), latent(*shape)
    calls = 0

    def counted(*_: Any) -> None:
        nonlocal calls
        calls += 1

    with torch.inference_mode():
        expected = vae.decode(z).sample
        assert strips.decode_in_strips(vae)
        vae.decoder.conv_out.register_forward_hook(counted)
        found = vae.decode(z).sample
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    high = 2 * shape[2]
    assert calls == (1 if strip > 1 << 20 else -(-high // max(16, strip // (8 * 2 * shape[3]))))


def test_a_large_mean_does_not_hide_the_deviation() -> None:
    norm = torch.nn.GroupNorm(2, 4)
    x = latent(2, 4, 30, 20) + torch.tensor([1000.0, 1001, 0, -5])[:, None, None]
    scale, shift = strips.affine(norm, x)
    exact = torch.nn.functional.group_norm(x.double(), 2)
    with torch.inference_mode():
        assert (x * scale + shift - exact).abs().max() <= 1e-3


def test_tiles_are_decoded_in_strips_too(made: Any) -> None:
    vae, z = copy.deepcopy(made), latent(1, 2, 48, 48)
    vae.enable_tiling()
    vae.tile_sample_min_size, vae.tile_latent_min_size = 32, 16
    with torch.inference_mode():
        expected = vae.decode(z).sample
        speed_up(SimpleNamespace(components={"vae": vae}, vae=vae), How(memory=False))
        found = vae.decode(z).sample
    assert (found - expected).abs().max() <= 2e-3 * expected.abs().max()  # weights of 11 bits


def test_other_decoders_are_left_as_they_are(made: Any) -> None:
    tiny = diffusers.AutoencoderTiny()
    assert not strips.decode_in_strips(tiny)
    vae = copy.deepcopy(made)
    vae.decoder.up_blocks[0].resnets[0].nonlinearity = torch.nn.GELU()
    assert not strips.decode_in_strips(vae)
    assert "forward" not in vae.decoder.__dict__
