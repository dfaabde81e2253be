from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from molnar.base.errors import BundleError
from molnar.bundle import Bundle
from molnar.engines.onnx import OnnxParts
from molnar.text.tokens import Tokenizer


@pytest.fixture
def parts(tiny: Path) -> OnnxParts:
    return OnnxParts(Bundle.load(tiny), threads=1)


def test_only_what_is_needed_is_loaded(parts: OnnxParts) -> None:
    assert parts.loaded == ()
    parts.upscale(np.zeros((1, 4, 8, 8), np.float32))
    assert parts.loaded == ("upscaler",)
    parts.prepare("text", "upscaler")
    assert parts.loaded == ("upscaler", "text")


def test_shapes(parts: OnnxParts, tiny: Path) -> None:
    tokens = Tokenizer.load(tiny / "tokenizer.json").encode(["a red circle", "", "a fox"])
    text = parts.embed(tokens)
    assert text.tokens.shape == (3, 32, 32)
    assert text.pooled.shape == (3, 16)
    assert text.tokens.dtype == np.float32
    x = np.zeros((3, 4, 16, 24), np.float32)
    assert parts.velocity(x, np.full(3, 0.5, np.float32), text).shape == x.shape
    assert parts.decode(x).shape == (3, 4, 128, 192)
    image = np.zeros((2, 4, 64, 128), np.float32)
    assert parts.encode(image).shape == (2, 4, 8, 16)
    assert parts.upscale(image).shape == (2, 4, 256, 512)


def test_float64_and_strides_are_accepted(parts: OnnxParts) -> None:
    image = np.linspace(-1, 1, 4 * 8 * 8).reshape(1, 8, 8, 4).transpose(0, 3, 1, 2)
    plain = np.ascontiguousarray(image, np.float32)
    assert (parts.upscale(image) == parts.upscale(plain)).all()


def test_a_missing_part_is_named(tiny: Path) -> None:
    bundle = Bundle.load(tiny)
    del bundle.manifest.parts["encoder"]
    with pytest.raises(BundleError, match="no part 'encoder'"):
        OnnxParts(bundle).encode(np.zeros((1, 4, 8, 8), np.float32))


def test_a_broken_graph_is_named_in_one_line(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "copy"))
    (folder / "upscaler.onnx").write_bytes(b"not a graph")
    parts = OnnxParts(Bundle.load(folder, verify=False))
    with pytest.raises(BundleError, match=r"upscaler\.onnx") as caught:
        parts.upscale(np.zeros((1, 4, 8, 8), np.float32))
    assert "\n" not in str(caught.value)
