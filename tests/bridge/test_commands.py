"""A checkpoint behind the command line and the server: every verb, and both dialects."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from safetensors.numpy import load_file, save_file

from molnar.app.cli.main import cli
from molnar.app.jobs import Store
from molnar.app.server.drawing import Easel

Tiny = Callable[[str], Path]
SMALL = ["--size", "64x64", "--steps", "2"]


@pytest.fixture
def molnar(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("MOLNAR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MOLNAR_MODELS", str(tiny("sd15").parent))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, list(arguments))

    return run


def seen(path: str) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


def ended(result: Any) -> str:
    assert result.exit_code == 0, result.output
    return str(result.stdout.split()[-1])


def test_the_loop_goes_on_with_the_model_that_drew(molnar: Any, tiny: Tiny) -> None:
    name = tiny("sd15").name
    first = ended(molnar("a red fox", "-m", name, "--seed", "3", *SMALL))
    assert seen(first).shape == (64, 64, 3)
    varied = ended(molnar("vary", "a1.1", "--count", "1"))
    edited = ended(molnar("edit", "a1.1", "--region", "0,0,32,64", "-p", "a cat", "--feather", "0"))
    ended(molnar("zoom", "a1.1", "2"))
    ended(molnar("again", "a1"))
    with Store.open() as store:
        jobs = store.search()
        assert {job.model for job in jobs} == {name}
        assert [job.verb for job in reversed(jobs)] == ["make", "vary", "edit", "zoom", "again"]
    pixels = [seen(path) for path in (first, varied, edited)]
    assert not np.array_equal(pixels[0], pixels[1])
    assert np.array_equal(pixels[0][:, 40:], pixels[2][:, 40:])  # beside the region nothing changed
    assert not np.array_equal(pixels[0][:, :24], pixels[2][:, :24])


def test_a_picture_is_drawn_again_and_is_identical(molnar: Any, tiny: Tiny) -> None:
    path = ended(molnar("a red fox", "-m", tiny("sd15").name, "--seed", "3", *SMALL))
    assert "identical" in molnar("verify", path).stdout


@pytest.fixture
def loras(tiny: Tiny, tmp_path: Path) -> Path:
    """A folder with a LoRA of which some keys fit nothing, and one for another family."""
    unet = load_file(tiny("sd15") / "unet" / "diffusion_pytorch_model.safetensors")
    noise, tensors = np.random.default_rng(0), {}
    for key, weight in unet.items():
        if key.endswith("attn2.to_v.weight"):
            name = "lora_unet_" + key.removesuffix(".weight").replace(".", "_")
            for part, shape in (("down", (2, weight.shape[1])), ("up", (len(weight), 2))):
                tensors[f"{name}.lora_{part}.weight"] = noise.standard_normal(shape, np.float32)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    odd = {f"lora_unet_odd_{n}.alpha": np.ones((), np.float32) for n in range(5)}
    save_file({**tensors, **odd}, folder / "ink.safetensors")
    blocks = {"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": np.ones((2, 8), "f4")}
    save_file(blocks, folder / "flux.safetensors")
    return folder


def test_a_lora_by_its_path_and_by_its_name(molnar: Any, tiny: Tiny, loras: Path) -> None:
    def drawn(*arguments: str) -> tuple[Any, str]:
        result = molnar(*arguments, "-m", tiny("sd15").name, "--seed", "3", *SMALL)
        return seen(ended(result)), result.stderr

    plain, told = drawn("a red fox # draft")
    assert "LoRA" not in told
    by_path, told = drawn("a red fox # draft", "--lora", f"{loras}/ink.safetensors:0.8")
    keys = ", ".join(f"lora_unet_odd_{n}.alpha" for n in range(3))
    count = len(load_file(loras / "ink.safetensors"))
    assert f"LoRA ink: 5 of {count} keys did not match and are left out: {keys} and 2 more" in told
    assert not np.array_equal(by_path, plain)
    with Store.open() as store:
        assert {job.prompt for job in store.search("")} == {
            "a red fox", "<lora:ink:0.8> a red fox"
        }  # fmt: skip
    assert "no adapter 'ink'" in molnar("vary", "a2.1").stderr
    (loras.parent / "home" / "loras").mkdir()
    (loras / "ink.safetensors").rename(loras.parent / "home" / "loras" / "ink.safetensors")
    for arguments in (["a red fox", "--lora", "ink:0.8"], ["a red fox <lora:ink:0.8>"]):
        assert np.array_equal(drawn(*arguments)[0], by_path)


def test_a_lora_that_cannot_be_is_one_line(
    molnar: Any, tiny: Tiny, loras: Path, capfd: Any
) -> None:
    for arguments, said in [
        (["a fox", "--lora", f"{loras}/flux"], "0 of 1 keys fit StableDiffusionPipeline, it looks "
         "made for Flux"),
        (["a fox", "--lora", f"{loras}/none"], "there is no LoRA at"),
        ([f"a fox <lora:{loras}/ink:1>"], "there is no adapter"),  # a path is no name
    ]:  # fmt: skip
        result = molnar(*arguments, "-m", tiny("sd15").name, *SMALL)
        assert result.exit_code in (1, 2)
        assert said in result.stderr
        assert len([line for line in result.stderr.splitlines() if "error" in line]) == 1


def test_where_nothing_is_said_the_size_is_the_models_own(molnar: Any, tiny: Tiny) -> None:
    result = molnar("plan", "-m", tiny("sdxl").name, "--json")
    assert "1024x1024, 50 steps" in json.loads(result.stdout)["picture"]


def test_an_upscaler_that_draws_has_a_seed(molnar: Any, tiny: Tiny) -> None:
    ended(molnar("a red fox", "-m", tiny("sd15").name, "--seed", "3", *SMALL))
    larger = ["upscale", "a1.1", "--scale", "4", "-m", tiny("sd-x4-upscaler").name]
    found = [seen(ended(molnar(*larger, *more))) for more in ([], ["-s", "0"], ["-s", "9"])]
    assert found[0].shape == (256, 256, 3)
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a fox", "--transparent"], "no transparent backgrounds"),
        (["describe", "a1.1"], "no job"),
        (["a fox", "-m", "nothing-like-that"], "no model 'nothing-like-that'"),
        (["a fox <lora:nowhere:1>"], "nowhere"),
        (["a fox", "--device", "cuda:7"], "device is 'cuda:7'"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], said: str, molnar: Any, tiny: Tiny, capfd: Any
) -> None:
    named = [] if "-m" in arguments or arguments[0] == "describe" else ["-m", tiny("sd15").name]
    result = molnar(*arguments, *named)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_worker_draws_with_a_checkpoint_one_picture_at_a_time(tiny: Tiny, tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        easel = Easel.open(store, str(tiny("sd15")), "onnx", threads=None, search=[], slots=8)
        assert easel.slots == 1
        assert easel.about()["engine"].startswith("diffusers ")
        assert easel.about()["frame"] == {"height": 512, "width": 512}  # where a call says none
        assert easel.about()["networks"]  # so that the server lets prompts name LoRAs
        with easel.session() as session:
            assert session.planned("a fox", 3) == ()
            assert session.drawer.name == tiny("sd15").name
