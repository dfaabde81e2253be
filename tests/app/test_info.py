from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from molnar.app.cli.info import brief
from molnar.app.cli.main import cli
from molnar.base.request import Request
from molnar.pipeline import load


@pytest.fixture(scope="module")
def picture(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    [drawn] = load(tiny)(Request(prompt="a fox", seed=9, height=64, width=64, steps=2))
    return drawn.save(tmp_path_factory.mktemp("info") / "fox.png")


def facts(*args: str) -> dict[str, object]:
    result = CliRunner().invoke(cli, ["info", *args, "--json"])
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_a_picture_of_ours(picture: Path) -> None:
    found = facts(str(picture))
    expected = {"prompt": "a fox", "seed": 9, "steps": 2, "made by": "molnar", "model": "tiny"}
    assert found.items() >= expected.items()


def test_lines_for_people(picture: Path) -> None:
    result = CliRunner().invoke(cli, ["info", str(picture)])
    assert "prompt: a fox\n" in result.stdout
    assert "seed: 9\n" in result.stdout


def test_long_lists_are_shortened_for_people_alone() -> None:
    names = [f"name {k}" for k in range(40)]
    shown = brief({"config": {"names": names, "widths": list(range(40))}})["config"]
    assert shown["names"] == [*names[:12], "... 40 in all"]
    assert shown["widths"] == list(range(40))
    assert brief(names[:12]) == names[:12]


def test_a_picture_of_a1111(tmp_path: Path) -> None:
    chunks = PngInfo()
    chunks.add_text(
        "parameters",
        "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, Seed: 3, Size: 64x96",
    )
    Image.new("RGB", (64, 96)).save(tmp_path / "cat.png", pnginfo=chunks)
    found = facts(str(tmp_path / "cat.png"))
    expected = {
        "made by": "AUTOMATIC1111",
        "tool": "a1111",
        "prompt": "a cat",
        "negative_prompt": "dog",
        "seed": 3,
        "steps": 20,
        "sampler": "Euler a",
        "width": 64,
        "height": 96,
    }
    assert found.items() >= expected.items()
    assert "schedule" not in found


def test_a_picture_of_comfyui(tmp_path: Path) -> None:
    graph = {
        "1": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 4, "positive": ["2", 0]}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat,\x1b[31m\nin red"}},
    }
    chunks = PngInfo()
    chunks.add_text("prompt", json.dumps(graph))
    Image.new("RGB", (64, 96)).save(tmp_path / "cat.png", pnginfo=chunks)
    result = CliRunner().invoke(cli, ["info", str(tmp_path / "cat.png")])
    assert "made by: ComfyUI\n" in result.stdout
    assert "prompt: a cat,\ufffd[31m\nin red\n" in result.stdout
    assert "seed: 7\n" in result.stdout
    assert facts(str(tmp_path / "cat.png"))["prompt"] == "a cat,\x1b[31m\nin red"


def test_a_picture_that_says_nothing(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    assert facts(str(tmp_path / "plain.png"))["prompt"] == "not recorded"


def test_a_model(tiny: Path) -> None:
    found = facts(str(tiny))
    assert found["name"] == "tiny"
    assert found["licence"] == "CC0-1.0"
    assert found["verified"] == "18 files"


@pytest.mark.parametrize(("name", "said"), [("none", "no model 'none'"), ("text.txt", "readable")])
def test_neither_picture_nor_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("hello")
    result = CliRunner().invoke(cli, ["info", name])
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
