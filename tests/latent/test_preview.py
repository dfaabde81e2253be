from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molnar.base.errors import BundleError
from molnar.base.images import from_model, on_white
from molnar.bundle import Bundle
from molnar.engines.onnx import OnnxParts
from molnar.latent.format import LatentFormat
from molnar.latent.preview import LARGEST, Previewer, drawing

CELL, CHANNELS = 8, 256


class Linear:
    """An autoencoder that keeps every number of a cell: what a preview can be exactly."""

    def __init__(self, gain: float = 0.5, bias: float = 0.1) -> None:
        self.gain, self.bias = gain, bias

    def encode(self, image: Any) -> Any:
        _, _, height, width = image.shape
        cells = image.reshape(4, height // CELL, CELL, width // CELL, CELL)
        latent = cells.transpose(0, 2, 4, 1, 3).reshape(1, -1, height // CELL, width // CELL)
        return (latent - self.bias) / self.gain

    def decode(self, latent: Any) -> Any:
        _, _, rows, columns = latent.shape
        cells = (latent * self.gain + self.bias).reshape(4, CELL, CELL, rows, columns)
        return cells.transpose(0, 3, 1, 4, 2).reshape(1, 4, rows * CELL, columns * CELL)


class Blind(Linear):
    def encode(self, image: Any) -> Any:
        raise BundleError("no encoder")


def shown(image: Any) -> Any:
    return from_model(on_white(np.clip(image, -1, 1)))[0, ..., :3]


def error(one: Any, other: Any) -> float:
    return float(np.abs(one.astype(float) - other).mean())


@pytest.fixture(scope="module")
def exact() -> Previewer:
    return Previewer(Linear(), LatentFormat(channels=CHANNELS))  # type: ignore[arg-type]


@pytest.mark.parametrize(("height", "width"), [(128, 128), (96, 128), (128, 64)])
def test_a_linear_decoder_is_met(exact: Previewer, height: int, width: int) -> None:
    image = drawing(99, 128, True)[:, :, :height, :width]
    preview = exact.preview(Linear().encode(image))
    assert (preview.shape, preview.dtype) == ((height, width, 3), np.uint8)
    assert error(preview, shown(image)) < 3


def test_what_is_clear_is_white(exact: Previewer) -> None:
    image = drawing(98, 128, False)
    clear = from_model(image)[0, ..., 3] == 0
    assert clear.mean() > 0.1
    assert exact.preview(Linear().encode(image))[clear].mean() > 250


def test_values_out_of_range_are_clipped(exact: Previewer) -> None:
    wild = 20 * np.random.default_rng(0).standard_normal((1, CHANNELS, 16, 16))
    # Were they not, they would come out at the other end of the range.
    assert error(exact.preview(wild), shown(Linear().decode(wild))) < 25


@pytest.mark.parametrize(("cells", "size"), [((12, 20), (77, 128)), ((64, 64), (128, 128))])
def test_a_preview_is_small(
    exact: Previewer, cells: tuple[int, int], size: tuple[int, int]
) -> None:
    noise = np.random.default_rng(1).standard_normal((1, CHANNELS, *cells))
    assert exact.preview(noise).shape == (*size, 3)
    data = exact.encoded(noise)
    assert len(data) <= LARGEST
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("WEBP", size[::-1])


def test_without_an_encoder_noise_will_do() -> None:
    previewer = Previewer(Blind(), LatentFormat(channels=CHANNELS))  # type: ignore[arg-type]
    image = drawing(97, 128, True)
    assert error(previewer.preview(Linear().encode(image)), shown(image)) < 40


def test_drawings_are_the_same_every_time() -> None:
    assert np.array_equal(drawing(3, 64, True), drawing(3, 64, True))
    assert not np.array_equal(drawing(3, 64, True), drawing(4, 64, True))
    assert (drawing(3, 64, True)[:, 3] == 1).all()


def test_the_shipped_model_is_previewed_well() -> None:
    bundle = Bundle.load(verify=False)
    parts = OnnxParts(bundle, threads=1)
    previewer = Previewer(parts, bundle.manifest.latent)
    for number, opaque in ((50, True), (51, True), (52, False)):
        latent = parts.encode(drawing(number, 128, opaque))
        mse = np.square(previewer.preview(latent).astype(float) - shown(parts.decode(latent)))
        # Edges wherever one looks: pictures that are drawn come out 10 dB better.
        assert 10 * np.log10(255**2 / mse.mean()) > 18


def test_any_bundle_can_be_previewed(tiny: Path) -> None:
    bundle = Bundle.load(tiny)
    parts = OnnxParts(bundle, threads=1)
    previewer = Previewer(parts, bundle.manifest.latent)
    assert previewer.preview(np.zeros((1, 4, 16, 24), np.float32)).shape == (85, 128, 3)
