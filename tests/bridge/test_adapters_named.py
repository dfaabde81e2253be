"""Adapters of `molnar grid` are those of `molnar make`; what a picture tells of their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

import guide_writing as w  # noqa: E402
from click.testing import CliRunner  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.numpy import load_file, save_file  # noqa: E402

from molnar.app.cli.main import cli  # noqa: E402
from molnar.app.jobs import Store  # noqa: E402
from molnar.base import metadata  # noqa: E402
from molnar.base.request import Request  # noqa: E402
from molnar.base.weights import sha256  # noqa: E402
from molnar.bridge.lora_files import Lora  # noqa: E402
from molnar.bridge.marking import Marks  # noqa: E402

pytestmark = pytest.mark.usefixtures("own_noise")
Tiny = Callable[[str], Path]
Run = Callable[..., Any]


def write_lora(folder: Path, model: Path, seed: int = 0) -> Path:
    """Write a LoRA named ink for a tiny Stable Diffusion."""
    unet = load_file(model / "unet" / "diffusion_pytorch_model.safetensors")
    noise, tensors = np.random.default_rng(seed), {}
    for key, weight in unet.items():
        if key.endswith("attn2.to_v.weight"):
            name = "lora_unet_" + key.removesuffix(".weight").replace(".", "_")
            for part, shape in (("down", (2, weight.shape[1])), ("up", (len(weight), 2))):
                tensors[f"{name}.lora_{part}.weight"] = noise.standard_normal(shape, np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "ink.safetensors")
    return folder / "ink.safetensors"


@pytest.fixture
def molnar(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command where `ink`, `edges` and `toy` lie among the adapters."""
    home, model = tmp_path / "home", tiny("sd15")
    monkeypatch.setenv("MOLNAR_HOME", str(home))
    monkeypatch.setenv("MOLNAR_MODELS", str(model.parent))
    monkeypatch.chdir(tmp_path)
    write_lora(home / "loras", model)
    pipe = diffusers.DiffusionPipeline.from_pretrained(model, local_files_only=True)
    w.control_net(pipe).save_pretrained(home / "controlnet" / "edges")
    (home / "embeddings").mkdir()
    save_file({"emb_params": np.ones((2, 32), np.float32)}, home / "embeddings/toy.safetensors")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "map.png")

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, list(arguments))

    return run


WORN = ("--lora", "ink:0.8", "--control", "edges=map.png:0.7")
FEW = ("--size", "64", "--seed", "3")


def test_a_grid_takes_the_adapters_that_make_takes(molnar: Run, tiny: Tiny) -> None:
    name = tiny("sd15").name
    ran = molnar("grid", "a fox", "-m", name, "--x", "steps=1,2", *WORN, *FEW)
    assert ran.exit_code == 0, ran.output
    for steps in ("1", "2"):
        assert molnar("a fox", "-m", name, "--steps", steps, *WORN, *FEW).exit_code == 0
    assert molnar("a fox", "-m", name, "--steps", "1", *FEW).exit_code == 0
    with Store.open() as store:
        hashes = {job.id: [one.pixels_sha256 for one in job.pictures] for job in store.search("")}
        assert hashes["a1"] == hashes["a2"] + hashes["a3"]
        assert hashes["a1"][0] != hashes["a4"][0]
        assert store.job("a1").verb == "grid"
    assert "identical" in molnar("verify", "a1.2").stdout


def test_words_of_a_grid_are_replaced_in_the_text_alone(molnar: Run, tiny: Tiny) -> None:
    axis = ("--x", "prompt=ink,oil", "--lora", "ink")
    ran = molnar("grid", "an ink fox", "-m", tiny("sd15").name, *axis, *FEW)
    assert ran.exit_code == 0, ran.output
    with Store.open() as store:
        assert store.job("a1").prompt == "<lora:ink:1> an ink fox | <lora:ink:1> an oil fox"
        assert {one.width for one in store.job("a1").pictures} == {64}


def test_a_picture_tells_the_hashes_of_its_adapters(
    molnar: Run, tiny: Tiny, tmp_path: Path
) -> None:
    model, home = tiny("sd15"), tmp_path / "home"
    away = write_lora(tmp_path / "away", model, seed=1).rename(
        tmp_path / "away" / "oil.safetensors"
    )
    lora = (*WORN, "--lora", str(away))
    ran = molnar("a toy fox", "-m", model.name, "--steps", "1", *lora, *FEW, "-o", "fox.png")
    assert ran.exit_code == 0, ran.output
    found = metadata.read("fox.png")
    assert found.record is not None
    told = {(one["kind"], one["name"]): one["sha256"] for one in found.record["adapters"]}
    ink, toy = home / "loras" / "ink.safetensors", home / "embeddings" / "toy.safetensors"
    assert told.pop(("control", "edges")) not in told.values()
    assert told == {
        ("lora", "ink"): sha256(ink),
        ("lora", "oil"): sha256(away),
        ("embedding", "toy"): sha256(toy),
    }
    shown = molnar("info", "fox.png").stdout
    assert f"adapters: LoRA ink {sha256(ink)[:10]}, LoRA oil {sha256(away)[:10]}" in shown
    away.rename(home / "loras" / "oil.safetensors")
    assert molnar("verify", "fox.png").stdout == "fox.png: identical\n"

    before = sha256(ink)[:10]
    write_lora(home / "loras", model, seed=2)
    ran = molnar("verify", "fox.png")
    assert ran.exit_code == 1
    assert f"; LoRA ink: {before} then, {sha256(ink)[:10]} now" in ran.stdout
    assert ran.stdout.count("\n") == 1
    assert "ControlNet" not in ran.stdout
    assert "oil" not in ran.stdout


def test_what_peft_wrote_is_hashed_with_the_settings_beside_it(tmp_path: Path) -> None:
    (tmp_path / "moss").mkdir()
    path = tmp_path / "moss" / "adapter_model.safetensors"
    save_file({"a": np.zeros(1, np.float32)}, path)
    settings = path.with_name("adapter_config.json")
    settings.write_text('{"lora_alpha": 8}')
    worn = SimpleNamespace(loras=[Lora(path)], embeddings=())
    options = SimpleNamespace(vae=None)
    guiding: Any = SimpleNamespace(read=lambda _: (), computing=SimpleNamespace(options=options))
    wardrobe: Any = SimpleNamespace(read=lambda _: worn)
    marks, request = Marks(wardrobe, guiding), Request(prompt="a <lora:moss:1>")
    [before] = marks.begin(request)()
    assert (before.kind, before.name) == ("lora", "moss")
    assert marks.begin(request)() == (before,)
    settings.write_text('{"lora_alpha": 16}')
    [after] = marks.begin(request)()
    assert after.sha256 != before.sha256


def test_a_controlnet_of_another_content_is_noticed_even_if_the_picture_is_equal(
    molnar: Run, tiny: Tiny, tmp_path: Path
) -> None:
    ran = molnar("a fox", "-m", tiny("sd15").name, "--steps", "1", *WORN, *FEW, "-o", "fox.png")
    assert ran.exit_code == 0, ran.output
    config = tmp_path / "home" / "controlnet" / "edges" / "config.json"
    config.write_text(config.read_text() + "\n")
    ran = molnar("verify", "fox.png")
    assert (ran.exit_code, ran.stdout.count("\n")) == (0, 1)
    assert ran.stdout.startswith("fox.png: identical; ControlNet edges: ")
