"""Previews by a tiny decoder: found by its name, named, or none; and what it shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from safetensors.torch import save_file  # noqa: E402

from molnar.app.jobs import Store  # noqa: E402
from molnar.app.server.drawing import Easel  # noqa: E402
from molnar.base.errors import RequestError, WeightsError  # noqa: E402
from molnar.base.request import Request  # noqa: E402
from molnar.bridge.opening import open_checkpoint  # noqa: E402
from molnar.bridge.options import Options  # noqa: E402
from molnar.bridge.previews import Preview  # noqa: E402
from molnar.bridge.recognising import recognise  # noqa: E402

pytestmark = pytest.mark.usefixtures("own_noise")
Tiny = Callable[[str], Path]
PUBLISHED = {"sd15": "taesd", "sdxl": "taesdxl", "sd3": "taesd3", "flux": "taef1"}


def write_decoder(path: Path, channels: int = 4) -> Any:
    """Write a tiny random autoencoder as a folder, and give it."""
    torch.manual_seed(channels)
    whole = diffusers.AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        latent_channels=channels,
    ).eval()
    whole.save_pretrained(path)
    return whole


def shown(whole: Any, step: Any) -> Any:
    """Decode where a step leads, as diffusers does."""
    with torch.no_grad():
        sample = whole.decode(torch.from_numpy(step.x0)).sample.clamp(-1, 1)
    return ((sample[0] + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()


@pytest.mark.parametrize("family", PUBLISHED)
def test_the_preview_is_the_tiny_decoders_picture(family: str, tiny: Tiny, tmp_path: Path) -> None:
    found = recognise(tiny(family))
    plain = open_checkpoint(found, Options(exact=True))
    channels = plain.pipe.vae.config.latent_channels
    whole = write_decoder(tmp_path / "org" / PUBLISHED[family], channels)
    checkpoint = open_checkpoint(found, Options(exact=True), search=[tmp_path])
    request = Request(prompt="a fox", height=64, width=64, steps=2, seed=7)
    steps = list(checkpoint.steps(request))
    for step in steps:
        wanted = shown(whole, step)
        assert np.array_equal(checkpoint.preview(step), wanted)
        assert wanted.shape == (8 * step.x0.shape[2], 8 * step.x0.shape[3], 3)
    linear = plain.preview(steps[-1])
    assert linear.shape == (*steps[-1].x0.shape[2:], 3)
    assert np.array_equal(linear, Preview.of(plain.pipe)(steps[-1].x0))


def test_a_large_preview_is_made_small() -> None:
    class Grey:
        channels = 4

        def preview(self, x0: Any) -> Any:
            side = 8 * x0.shape[2]
            return np.full((1, side, 2 * side, 3), 99, np.uint8)

    small = Preview(decoder=Grey())(np.zeros((1, 4, 64, 128), np.float32))
    assert (small.shape, small.min(), small.max()) == ((128, 256, 3), 99, 99)


def test_one_can_be_named_and_must_be_there(tiny: Tiny, tmp_path: Path) -> None:
    found = recognise(tiny("sd15"))
    whole = write_decoder(tmp_path / "mine")
    file = {k.removeprefix("decoder."): v for k, v in whole.state_dict().items() if "decoder" in k}
    save_file({f"decoder.{k}": v for k, v in file.items()}, tmp_path / "mine.safetensors")
    write_decoder(tmp_path / "wide", 16)
    for named in (str(tmp_path / "mine"), "mine", str(tmp_path / "mine.safetensors")):
        checkpoint = open_checkpoint(found, Options(preview=named), search=[tmp_path])
        assert checkpoint.preview(next(checkpoint.steps(Request(prompt="a", height=64, width=64,
            steps=1)))).shape == (64, 64, 3)  # fmt: skip
    with pytest.raises(RequestError, match="no tiny decoder other; expected a folder"):
        open_checkpoint(found, Options(preview="other"), search=[tmp_path])
    with pytest.raises(WeightsError, match="16 channels; this checkpoint's have 4"):
        open_checkpoint(found, Options(preview=str(tmp_path / "wide")))
    with pytest.raises(WeightsError, match="weights of a AutoencoderTiny"):
        open_checkpoint(found, Options(preview=str(found.path / "vae")))


def test_one_that_was_found_and_does_not_fit_is_passed_over(
    tiny: Tiny, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_decoder(tmp_path / "taesd", 16)
    checkpoint = open_checkpoint(recognise(tiny("sd15")), Options(), search=[tmp_path])
    assert checkpoint._shared.computing.decoder is None
    assert "previews without a tiny decoder" in caplog.text


def test_the_server_shows_it(tiny: Tiny, tmp_path: Path) -> None:
    write_decoder(tmp_path / "models" / "taesd")
    with Store.open(tmp_path / "home") as store:
        easel = Easel.open(
            store, str(tiny("sd15")), "onnx", threads=None, search=[tmp_path / "models"], slots=1
        )
        request = Request(prompt="a", height=64, width=64, steps=1)
        step = next(easel.drawer.draw(request))
        from io import BytesIO

        from PIL import Image

        assert Image.open(BytesIO(easel.preview(step))).size == (64, 64)
