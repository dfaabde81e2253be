"""A transformer in GGUF, beside a folder of its family, draws what diffusers draws with it."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("diffusers")
pytest.importorskip("gguf")

import gguf
import torch

from molnar.base.errors import CheckpointError
from molnar.base.request import Request
from molnar.base.rng import noise
from molnar.bridge import opening
from molnar.bridge.configuring import companion
from molnar.bridge.drawing import Checkpoint
from molnar.bridge.opening import open_checkpoint
from molnar.bridge.options import Options
from molnar.bridge.recognising import recognise

BLOCK = 32  # numbers of a block of Q8_0, along a row
NETWORKS = {"sd3": "SD3Transformer2DModel", "flux": "FluxTransformer2DModel"}
CASES = [("sd3", "F16"), ("sd3", "Q8_0"), ("flux", "F16"), ("flux", "Q8_0")]
Tiny = Callable[[str], Path]


def written(name: str, kind: str, folder: Path, path: Path) -> Path:
    """Write a folder's transformer as those in GGUF are published: matrices in few bits."""
    onefile = importlib.import_module("tiny_models.onefile_flow")
    weights, config = onefile.part(folder, "transformer")
    if name == "sd3":
        weights = onefile.sd3_transformer(weights, config["num_layers"])
    else:
        weights = onefile.flux_transformer(weights)
    wanted = gguf.GGMLQuantizationType[kind]
    writer = gguf.GGUFWriter(path, name)
    for key, value in weights.items():
        array = value.numpy()
        fits = array.ndim == 2 and array.shape[1] % BLOCK == 0
        stored = wanted if fits else gguf.GGMLQuantizationType.F32
        writer.add_tensor(key, gguf.quantize(array, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def _any_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Split rows in proportion: diffusers has those of the true Flux, of 3072, written down."""
    split = torch.split

    def in_proportion(value: Any, sizes: Any, dim: int = 0) -> Any:
        scale = max(1, sum(sizes) // value.shape[dim]) if isinstance(sizes, tuple | list) else 1
        return split(value, [size // scale for size in sizes] if scale > 1 else sizes, dim)

    monkeypatch.setattr(torch, "split", in_proportion)


def alone(name: str, path: Path, folder: Path) -> Any:
    """Open a network in GGUF with diffusers and nothing else."""
    import diffusers

    network = getattr(diffusers, NETWORKS[name]).from_single_file(
        str(path),
        config=str(folder),
        subfolder="transformer",
        quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=torch.float32),
        dtype=torch.float32,
        local_files_only=True,
    )
    pipe = diffusers.DiffusionPipeline.from_pretrained(
        folder, transformer=network, local_files_only=True
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def opened(path: Path, folder: Path) -> Checkpoint:
    found = recognise(path)
    assert (found.layout, found.family.name) == ("gguf", folder.name)
    return open_checkpoint(found, Options(exact=True), search=[folder.parent])


@pytest.mark.parametrize(("name", "kind"), CASES)
@pytest.mark.usefixtures("_any_width")
def test_gguf_draws(name: str, kind: str, tiny: Tiny, tmp_path: Path) -> None:
    path = written(name, kind, tiny(name), tmp_path / f"{name}-{kind}.gguf")
    assert recognise(path).dtype == kind
    checkpoint = opened(path, tiny(name))
    [picture] = checkpoint(Request(prompt="a red fox", height=64, width=64, steps=3, seed=7))
    start = torch.from_numpy(noise(7, 0, (16, 8, 8)))[None]
    pipe = alone(name, path, tiny(name))
    if name == "flux":
        start = pipe._pack_latents(start, 1, 16, 8, 8)
    drawn = pipe(
        "a red fox",
        height=64,
        width=64,
        num_inference_steps=3,
        guidance_scale=picture.request.guidance,
        latents=start,
    )
    assert np.array_equal(picture.image, np.asarray(drawn.images[0]))
    [whole] = open_checkpoint(recognise(tiny(name)), Options(exact=True))(picture.request)
    far = np.abs(picture.image.astype(int) - whole.image).mean()
    assert 0 < far < 8  # fewer bits, the same picture


def test_the_folder_of_its_own_family_goes_first(tiny: Tiny, tmp_path: Path) -> None:
    """Flux Fill and Flux schnell have the same other parts, and another transformer."""
    for other in ("flux-fill", "flux-schnell", "flux"):
        shutil.copytree(tiny(other), tmp_path / {"flux": "last"}.get(other, other))
    path = written("flux", "F16", tiny("flux"), tmp_path / "flux.gguf")
    assert companion(recognise(path)) == tmp_path / "last"


@pytest.mark.parametrize("package", ["gguf", "sentencepiece"])
def test_what_reads_it_must_be_installed(
    package: str, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if package == "gguf":
        path = written("sd3", "F16", tiny("sd3"), tmp_path / "sd3.gguf")
    else:  # words as many older checkpoints have them
        path = shutil.copytree(tiny("pixart-alpha"), tmp_path / "pixart")
        (path / "tokenizer" / "tokenizer.json").rename(path / "tokenizer" / "spiece.model")
    there = opening.find_spec
    monkeypatch.setattr(opening, "find_spec", lambda name: None if name == package else there(name))
    with pytest.raises(CheckpointError, match=rf"package {package}, .* pip install {package}$"):
        open_checkpoint(recognise(path), Options(exact=True))
