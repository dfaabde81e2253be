"""Every tiny model loads in plain diffusers from its folder, offline, and draws."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Tiny = Callable[[str], Path]
FAMILIES = [
    "sd15",
    "sd15-inpaint",
    "sd2",
    "sdxl",
    "sdxl-refiner",
    "sdxl-inpaint",
    "sd-x4-upscaler",
    "lcm",
    "unclip",
    "kandinsky22",
    "if",
    "if-ii",
    "amused",
    "wuerstchen",
    "stable-cascade",
    "pixart-alpha",
    "pixart-sigma",
    "sana",
    "sd3",
    "flux",
    "flux-schnell",
    "qwenimage",
    "zimage",
    "lumina2",
    "auraflow",
    "hunyuandit",
    "cogview4",
    "chroma",
]
ONE_FILE = ("sd15", "sd15-inpaint", "sd2", "sdxl", "sdxl-refiner", "sd3")

QUICK = ("sd15", "sdxl")  # the others are run with the slow tests


def some_slow(names: Iterable[str]) -> list[Any]:
    return [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in names]


pytestmark = pytest.mark.usefixtures("old_names")


@pytest.fixture(scope="session")
def opened(tiny: Tiny) -> Callable[[str], Any]:
    """Return a family's pipeline as plain diffusers loads it, nothing else said."""
    from diffusers import DiffusionPipeline

    def pipe(name: str) -> Any:
        made = DiffusionPipeline.from_pretrained(tiny(name), local_files_only=True)
        made.set_progress_bar_config(disable=True)
        return made

    return pipe


@pytest.mark.parametrize("name", some_slow(FAMILIES))
def test_draws(opened: Callable[[str], Any], asked: Any, name: str) -> None:
    import torch

    pipe = opened(name)

    def draw(prompt: str, seed: int) -> Any:
        torch.manual_seed(0)  # amused and the cascades draw a little noise beside the generator
        noise = torch.Generator().manual_seed(seed)
        wish = {**asked.arguments(name), "generator": noise, "output_type": "np"}
        picture = np.asarray(pipe(prompt, **wish).images[0], np.float32)
        assert np.isfinite(picture).all()
        return picture

    made = draw("a red fox", 1)
    side = asked.SIDES.get(name, 64)
    assert made.shape == (side, side, 3)
    assert not np.array_equal(made, draw("a red fox", 2))
    assert not np.array_equal(made, draw("a blue square", 1)), "the sentence changes nothing"
    assert made.std() > 0.01


def test_builds_are_equal_to_the_byte(tiny: Tiny, tmp_path: Path) -> None:
    import sys

    first = tiny("sdxl")
    second = sys.modules["tiny_models"].build("sdxl", tmp_path / "again")
    files = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)


def parameters(pipe: Any) -> dict[str, Any]:
    import torch

    return {
        f"{part}/{key}": value
        for part, module in pipe.components.items()
        if isinstance(module, torch.nn.Module)
        for key, value in module.state_dict().items()
    }


@pytest.mark.parametrize("name", some_slow(ONE_FILE))
def test_one_file_holds_the_folder(
    tiny: Tiny, single_file: Tiny, opened: Callable[[str], Any], name: str
) -> None:
    import torch

    folder = opened(name)
    wanted = parameters(folder)
    file = type(folder).from_single_file(
        str(single_file(name)), config=str(tiny(name)), local_files_only=True
    )
    found = parameters(file)
    assert found.keys() == wanted.keys()
    assert not [key for key in wanted if not torch.equal(wanted[key], found[key])]


@pytest.mark.parametrize("name", some_slow(["flux", "flux-schnell"]))
def test_flux_in_one_file_is_its_transformer(
    tiny: Tiny,
    single_file: Tiny,
    opened: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    import torch
    from diffusers import FluxTransformer2DModel

    split = torch.split

    def in_proportion(value: Any, sizes: Any, dim: int = 0) -> Any:
        """Split as diffusers does for a width of 3072, which it has written down."""
        scale = sum(sizes) // value.shape[dim]
        return split(value, [size // scale for size in sizes], dim)

    monkeypatch.setattr(torch, "split", in_proportion)
    file = FluxTransformer2DModel.from_single_file(
        str(single_file(name)),
        config=str(tiny(name)),
        subfolder="transformer",
        local_files_only=True,
    )
    wanted, found = opened(name).transformer.state_dict(), file.state_dict()
    assert found.keys() == wanted.keys()
    assert not [key for key in wanted if not torch.equal(wanted[key], found[key])]


def test_no_family_brings_code_or_pickles(tiny: Tiny) -> None:
    for name in QUICK:
        folder = tiny(name)
        kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
        assert kinds <= {".json", ".safetensors", ".txt", ".jinja"}
        assert "_class_name" in json.loads((folder / "model_index.json").read_text())
