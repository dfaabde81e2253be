"""Fewer products, the same sums; half the weights' memory, the same numbers as rounded weights."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional

from molnar.base.errors import CheckpointError, RequestError  # noqa: E402
from molnar.bridge.fast import How, layers, speed_up  # noqa: E402
from molnar.bridge.fast.feeding import feed_in_pieces  # noqa: E402
from molnar.bridge.fast.winograd import convolve, laid, summed  # noqa: E402


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let layers too small to be worth it go the fast way too."""
    monkeypatch.setattr(layers, "SMALLEST", 0)
    monkeypatch.setattr(layers, "CHANNELS", 1)
    monkeypatch.setattr(layers, "TILES", 1)


def drawn(*shape: int, seed: int = 0) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize(
    "shape", [(1, 3, 8, 8, 5), (2, 7, 13, 9, 4), (3, 4, 1, 6, 2), (2, 5, 5, 1, 3)]
)
@pytest.mark.parametrize("block", [1, 6 << 20])  # a row of tiles at a time, and all at once
def test_winograd_is_the_convolution(
    size: int, shape: tuple[int, ...], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("molnar.bridge.fast.winograd.BLOCK", block)
    monkeypatch.setattr("molnar.bridge.fast.winograd.PIECE", 16 * block)
    B, C, H, W, C_out = *shape[:4], shape[4] * 9  # more than one piece of kernels
    x, bias = drawn(B, C, H, W), drawn(C_out, seed=2)
    weight = drawn(C_out, C, 3, 3, seed=1).half().float()
    for given in (bias, None):
        for layout in (torch.contiguous_format, torch.channels_last):
            expected = F.conv2d(x, weight, given, padding=1)
            for found in (
                convolve(x.contiguous(memory_format=layout), weight, given, size),
                convolve(x, laid(weight).half(), given, size),
                summed(x, weight, given),
                summed(x.contiguous(memory_format=layout), laid(weight).half(), given),
            ):
                assert found.shape == expected.shape
                assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_stale_numbers_in_a_buffer_never_reach_a_picture() -> None:
    """A large picture of ones, then a small one: what the first left in memory is not padding."""
    weight = torch.ones(2, 2, 3, 3)
    convolve(torch.full((1, 2, 32, 32), 1e6), weight, None)
    x = drawn(1, 2, 6, 7)
    expected = F.conv2d(x, weight, padding=1)
    assert torch.allclose(convolve(x, weight, None), expected, atol=1e-4)


def pair(network: Any) -> tuple[Any, Any]:
    import copy

    return network, copy.deepcopy(network)


def test_halves_compute_what_rounded_weights_do(small: None) -> None:
    nn = torch.nn
    rounded, kept = pair(
        nn.Sequential(
            nn.Conv2d(4, 4, 1), nn.Conv2d(4, 6, 3, stride=2), nn.Flatten(), nn.Linear(54, 9)
        )
    )
    for module in (rounded[1], rounded[3]):
        module.weight.data = module.weight.data.half().float()
    before = sum(p.nbytes for p in kept.parameters())
    saved = layers.halve(kept)
    assert saved == 2 * (kept[1].weight.numel() + kept[3].weight.numel())
    assert before - saved == sum(p.nbytes for p in kept.parameters())
    assert kept[0].weight.dtype == torch.float32  # where the dtype of the input is looked up
    x = drawn(2, 4, 8, 8)
    with torch.inference_mode():
        assert torch.allclose(rounded(x), kept(x), atol=1e-6, rtol=1e-6)


def test_a_weight_beyond_float16_is_left(small: None) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    network[1].weight.data[0, 0] = 1e5
    assert layers.halve(network) == 0
    assert network[1].weight[0, 0] == 1e5


def test_kernels_follow_a_changed_weight(small: None) -> None:
    conv = torch.nn.Conv2d(3, 3, 3, padding=1)
    assert layers.filter_minimally(conv) == 1
    x = drawn(1, 3, 8, 8)
    with torch.no_grad():
        first = conv(x)
        conv.weight.mul_(2)  # as a LoRA that is merged does
        twice = conv(x)
        bias = conv.bias[:, None, None]
    assert torch.allclose(twice - bias, 2 * (first - bias), atol=1e-4)


def test_only_what_the_sums_are_for_is_filtered(small: None) -> None:
    nn = torch.nn
    others = nn.ModuleList(
        [
            nn.Conv2d(4, 4, 3, padding=1, stride=2),
            nn.Conv2d(4, 4, 3, padding=1, groups=2),
            nn.Conv2d(4, 4, 3, padding=2, dilation=2),
            nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
            nn.Conv2d(4, 4, 5, padding=2),
        ]
    )
    x = drawn(1, 4, 9, 9)
    with torch.inference_mode():
        before = [conv(x) for conv in others]
        assert layers.filter_minimally(others) == 0
        for conv, expected in zip(others, before, strict=True):
            assert torch.allclose(conv(x), expected, atol=1e-5)


@pytest.mark.parametrize("halves", [True, False])
def test_gated_layers_in_pieces_are_the_layers(small: None, halves: bool) -> None:
    attention = pytest.importorskip("diffusers.models.attention")
    for inner in (8, 20, 32):  # one piece, a broken one, several
        whole, pieces = pair(attention.FeedForward(8, inner_dim=inner).eval())
        if halves:
            for layer in (whole.net[0].proj, whole.net[2]):
                layer.weight.data = layer.weight.data.half().float()
            network = torch.nn.ModuleList([torch.nn.Linear(1, 1), pieces])
            assert layers.halve(network) == 2 * 3 * inner * 8
        assert feed_in_pieces(pieces) == 1
        x = drawn(2, 5, 8)
        with torch.inference_mode():
            assert torch.allclose(pieces(x), whole(x), atol=1e-6)


def test_other_layers_are_left_as_they_are() -> None:
    attention = pytest.importorskip("diffusers.models.attention")
    for kind in ("gelu", "geglu-approximate"):
        assert feed_in_pieces(attention.FeedForward(8, activation_fn=kind)) == 0
    assert feed_in_pieces(attention.FeedForward(8, final_dropout=True)) == 0


def test_a_backend_that_is_none_is_refused() -> None:
    with pytest.raises(RequestError, match="openvino"):
        speed_up(SimpleNamespace(components={}), How(backend="abacus"))


def test_read_is_halved_from_the_file(tmp_path: Path, small: None) -> None:
    diffusers = pytest.importorskip("diffusers")
    from molnar.bridge.fast.loading import read

    vae = diffusers.AutoencoderKL(
        block_out_channels=(8,), norm_num_groups=4, layers_per_block=1, latent_channels=2
    )
    vae.save_pretrained(str(tmp_path))
    layers.halve(vae.eval())
    found = read(diffusers.AutoencoderKL, tmp_path)
    assert found.dtype == torch.float32
    z = drawn(1, 2, 4, 4)
    with torch.inference_mode():
        assert torch.equal(found.decode(z).sample, vae.decode(z).sample)
    file = next(tmp_path.glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError):
        read(diffusers.AutoencoderKL, tmp_path)
