from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from molnar.base.errors import BundleError
from molnar.base.weights import load, save
from molnar.bundle import Bundle
from molnar.engines.onnx import OnnxParts
from molnar.engines.torch import TorchParts
from molnar.text.tokens import Tokenizer


def test_every_part_agrees_with_onnx(tiny: Path) -> None:
    bundle = Bundle.load(tiny)
    ours, theirs = TorchParts(bundle), OnnxParts(bundle, threads=1)
    tokens = Tokenizer.load(tiny / "tokenizer.json").encode(["a red circle", ""])
    a, b = ours.embed(tokens), theirs.embed(tokens)
    assert np.abs(a.tokens - b.tokens).max() < 1e-4
    assert np.abs(a.pooled - b.pooled).max() < 1e-4
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 4, 8, 16), dtype=np.float32)
    t = np.array([0.2, 0.9], np.float32)
    image = np.tanh(rng.standard_normal((2, 4, 32, 64), dtype=np.float32))
    small = np.tanh(rng.standard_normal((2, 4, 16, 16), dtype=np.float32))
    pairs = [
        (ours.velocity(x, t, a), theirs.velocity(x, t, b)),
        (ours.decode(x), theirs.decode(x)),
        (ours.encode(image), theirs.encode(image)),
        (ours.upscale(image), theirs.upscale(image)),
        (ours.rate(small, a), theirs.rate(small, b)),
    ]
    for one, other in pairs:
        assert one.dtype == np.float32
        assert np.abs(one - other).max() < 1e-4 * np.abs(one).max()


def test_weights_that_do_not_fit_are_named(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "copy"))
    arrays = load(folder / "upscaler.safetensors")
    del arrays["last.bias"]
    save(folder / "upscaler.safetensors", arrays)
    parts = TorchParts(Bundle.load(folder, verify=False))
    with pytest.raises(BundleError, match=r"last\.bias") as caught:
        parts.upscale(np.zeros((1, 4, 8, 8), np.float32))
    assert "\n" not in str(caught.value)
