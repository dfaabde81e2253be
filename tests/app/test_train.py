"""`molnar train` from the command line, at toy size."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from molnar.app.cli.train import PARTS, train
from molnar.base.errors import ConfigError, RequestError


def molnar_train(*arguments: str) -> Result:
    return CliRunner().invoke(train, [*arguments, "--recipe", "sticker_test"])


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A workspace with all parts, and what the command said."""
    folder = tmp_path_factory.mktemp("runs") / "chain"
    return folder, molnar_train("all", "--out", str(folder), "--json")


@pytest.mark.long
def test_all_trains_every_part_in_order(chain: tuple[Path, Result]) -> None:
    folder, result = chain
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["part"] for line in lines] == list(PARTS)
    for line in lines:
        assert Path(line["path"]).is_file()
    for part in PARTS[1:]:
        described = json.loads((folder / part / "model.json").read_text())
        assert described["images"] == 32
        assert described["kind"] == {"diffusion": "unet", "decoder": "vae"}.get(part, part)


@pytest.mark.long
def test_the_parts_fit_together_and_can_be_exported(
    chain: tuple[Path, Result], tmp_path: Path
) -> None:
    from molnar.engines.export import export

    export(chain[0], tmp_path / "bundle", {"defaults": {"steps": 2}, "licence": "CC0-1.0"})
    assert (tmp_path / "bundle" / "bundle.json").is_file()


@pytest.mark.long
def test_the_same_command_again_trains_nothing(chain: tuple[Path, Result]) -> None:
    folder, _ = chain
    before = (folder / "vae" / "model.safetensors").stat().st_mtime_ns
    result = molnar_train("vae", "--out", str(folder))
    assert result.exit_code == 0
    assert result.stdout == f"{folder / 'vae' / 'model.safetensors'}\n"
    assert "done at 32 pictures" in result.stderr
    assert (folder / "vae" / "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.long
def test_another_setting_is_refused_by_name(chain: tuple[Path, Result]) -> None:
    result = molnar_train("vae", "--out", str(chain[0]), "--set", "train.lr=0.5")
    assert isinstance(result.exception, ConfigError)
    assert "settings.lr: 0.001 -> 0.5" in str(result.exception)
    result = molnar_train("vae", "--out", str(chain[0]), "--set", "world.seed=9")
    assert "task.source.world.seed: 0 -> 9" in str(result.exception)


def test_a_dry_run_prints_numbers_and_writes_nothing(tmp_path: Path) -> None:
    result = molnar_train("all", "--out", str(tmp_path / "run"), "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    lines = {line["part"]: line for line in map(json.loads, result.stdout.splitlines())}
    assert list(lines) == list(PARTS)
    diffusion = lines["diffusion"]
    assert diffusion["parameters"] > 1000
    assert diffusion["flops_per_picture"] > 1e5
    assert diffusion["matmul_flops_per_s"] > 1e6
    assert diffusion["config"]["train"]["images"] == 32
    assert not (tmp_path / "run").exists()


def test_a_dry_run_for_people(tmp_path: Path) -> None:
    result = molnar_train("upscaler", "--out", str(tmp_path), "--dry-run", "--set", "train.lr=2e-3")
    for word in ("parameters", "GFLOP per picture", "GFLOP/s", "minutes", '"lr": 0.002'):
        assert word in result.stdout


def test_pictures_that_cannot_be_used_are_listed_at_the_end(tmp_path: Path) -> None:
    from PIL import Image

    data = tmp_path / "data"
    data.mkdir()
    for number in range(4):
        Image.new("RGB", (64, 64), (60 * number, 0, 90)).save(data / f"{number}.png")
        (data / f"{number}.txt").write_text("a wall")
    (data / "9.png").write_bytes(b"not a picture")
    (data / "9.txt").write_text("nothing")
    run = tmp_path / "run"
    result = molnar_train("vae", "--out", str(run), "--data", str(data), "--images", "8")
    assert result.exit_code == 0, result.output
    listed = [json.loads(x) for x in (run / "vae" / "problems.jsonl").read_text().splitlines()]
    assert len(listed) == 1
    assert "9.png" in listed[0]["path"]
    assert "not used: " in result.stderr
    assert "1 files not used" in result.stderr
    assert json.loads((run / "vae" / "model.json").read_text())["images"] == 8


def test_minutes_replace_the_length_of_the_recipe(tmp_path: Path) -> None:
    result = molnar_train("vae", "--out", str(tmp_path), "--minutes", "3", "--dry-run", "--json")
    settings = json.loads(result.stdout)["config"]["train"]
    assert (settings["images"], settings["minutes"]) == (None, 3.0)


def test_pictures_and_stickers_together_are_refused(tmp_path: Path) -> None:
    result = molnar_train("vae", "--data", str(tmp_path), "--stickers", str(tmp_path))
    assert isinstance(result.exception, RequestError)


def test_options_are_these() -> None:
    assert sorted(option.opts[-1] for option in train.params) == [
        "--data", "--dry-run", "--fresh", "--images", "--json", "--minutes", "--out", "--recipe",
        "--set", "--stickers", "--threads", "part",
    ]  # fmt: skip


def test_help_needs_no_torch() -> None:
    code = (
        "import sys, molnar.app.cli.train as t; from click.testing import CliRunner; "
        "r = CliRunner().invoke(t.train, ['--help']); assert r.exit_code == 0, r.output; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_gpu_recipe_without_a_gpu_is_refused_before_any_work(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    arguments = ["all", "--out", str(tmp_path / "run"), "--recipe", "sticker_gpu"]
    result = CliRunner().invoke(train, arguments)
    assert isinstance(result.exception, ConfigError)
    assert "no CUDA GPU here" in str(result.exception)
    assert not (tmp_path / "run").exists()


def test_results_are_strict_json_even_when_nothing_was_left_to_train(
    chain: tuple[Path, Result],
) -> None:
    result = molnar_train("vae", "--out", str(chain[0]), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout, parse_constant=pytest.fail)["loss"] is None
