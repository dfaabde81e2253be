"""What guidance computes twice is computed once; what is reused is really not computed."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from molnar.base.errors import MissingExtraError, RequestError  # noqa: E402
from molnar.bridge.fast import How, caching, layers, speed_up, twins  # noqa: E402


@pytest.fixture(scope="module")
def made() -> Any:
    torch.manual_seed(0)
    return diffusers.UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=2,
        norm_num_groups=4,
    ).eval()


@pytest.fixture
def unet(made: Any) -> Any:
    return copy.deepcopy(made)


def asked(batch: int = 1) -> tuple[Any, Any]:
    random = torch.Generator().manual_seed(1)
    x = torch.randn(batch, 4, 16, 16, generator=random)
    return torch.cat([x, x]), torch.randn(2 * batch, 5, 8, generator=random)


def call(unet: Any, x: Any, time: int, text: Any) -> Any:
    with torch.inference_mode():
        return unet(x, time, text).sample


def test_twins_are_computed_once(unet: Any) -> None:
    x, text = asked(2)
    expected = call(unet, x, 500, text)
    shared = twins.share(unet)
    assert torch.allclose(call(unet, x, 500, text), expected, atol=1e-5)
    assert [twin.shared for twin in shared] == [1, 1, 1]


def test_a_batch_of_different_pictures_is_no_twin(unet: Any) -> None:
    x, text = asked()
    x[1] += 1
    expected = call(unet, x, 500, text)
    shared = twins.share(unet)
    assert torch.equal(call(unet, x, 500, text), expected)
    assert [twin.shared for twin in shared] == [0, 0, 0]


def test_everything_exact_at_once_changes_by_rounding(
    unet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "CHANNELS", 4)
    monkeypatch.setattr(layers, "TILES", 1)
    x, text = asked()
    expected = call(unet, x, 500, text)
    speed_up(SimpleNamespace(components={"unet": unet}, unet=unet), How(memory=False))
    found = call(unet, x, 500, text)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_caching_off_changes_nothing(unet: Any) -> None:
    forward = unet.forward
    assert caching.reuse(unet, 1) is None
    assert unet.forward == forward


def test_the_depth_is_computed_at_every_third_step_only(unet: Any) -> None:
    x, text = asked()
    whole = [call(unet, x * s, t, text) for s, t in ((1, 900), (1.1, 800), (1.2, 700), (1.3, 600))]
    depth = caching.reuse(unet, 3)
    assert depth is not None
    found = [call(unet, x * s, t, text) for s, t in ((1, 900), (1.1, 800), (1.2, 700), (1.3, 600))]
    assert [kept.calls for kept in depth.kept] == [2] * len(depth.kept)  # steps 1 and 4
    assert torch.equal(found[0], whole[0])
    assert torch.equal(found[3], whole[3])
    assert not torch.equal(found[1], whole[1])  # an approximation, and it is one


@pytest.mark.parametrize("change", ["time", "shape", "failure"])
def test_a_new_picture_never_sees_the_last_one(unet: Any, change: str) -> None:
    x, text = asked()
    y, other = asked(2) if change == "shape" else (x, text + 1)
    expected = call(unet, y, 900, other)
    assert caching.reuse(unet, 3) is not None
    call(unet, x, 900, text)
    call(unet, x, 800, text)
    if change == "failure":
        with pytest.raises(RuntimeError):
            call(unet, x, 700, text[:, :, :3])
    assert torch.equal(call(unet, y, 900, other), expected)


def test_caching_beyond_its_range_is_refused(unet: Any) -> None:
    for every in (0, 11):
        with pytest.raises(RequestError, match="1 \\(off\\) to 10"):
            caching.reuse(unet, every)


def test_openvino_draws_the_same(unet: Any, tmp_path: Path) -> None:
    pipe = SimpleNamespace(components={"unet": unet}, unet=unet)
    how = How(backend="openvino", folder=tmp_path, memory=False, halves=False)
    try:
        import openvino  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtraError, match="openvino"):
            speed_up(pipe, how)
        return
    x, text = asked()
    expected = call(unet, x, 500, text)
    speed_up(pipe, how)
    assert (call(unet, x, 500, text) - expected).abs().max() <= 5e-3 * expected.abs().max()
    assert len(list(tmp_path.glob("*.xml"))) == 1
    assert (call(unet, x, 500, text) - expected).abs().max() <= 5e-3 * expected.abs().max()
