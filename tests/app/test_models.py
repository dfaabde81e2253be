from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from molnar.app.cli.main import cli
from molnar.app.cli.models import search
from molnar.base.weights import save


def test_models_of_the_environment_are_listed(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLNAR_MODELS", str(tiny.parent))
    result = CliRunner().invoke(cli, ["models"])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("tiny\t1\tCC0-1.0\t")
    [row, *_] = json.loads(CliRunner().invoke(cli, ["models", "--json"]).stdout)
    assert row["folder"] == str(tiny)
    assert len(row["hash"]) == 64


def test_checkpoints_are_listed_with_family_and_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    (models / "mine").mkdir(parents=True)
    network = "model.diffusion_model.input_blocks.0.0.weight"
    tensors = {network: np.zeros((8, 4, 3, 3), "f2"), "a": np.zeros((2, 2, 2), "f2")}
    tensors["cond_stage_model.transformer.x"] = np.zeros((2, 2), "f2")
    save(models / "mine" / "old.safetensors", tensors)
    save(models / "l.safetensors", {"lora_unet_x.lora_down.weight": np.zeros((2, 2), "f4")})
    (models / "bad.ckpt").write_bytes(b"")
    monkeypatch.setenv("MOLNAR_HOME", str(tmp_path))
    monkeypatch.delenv("MOLNAR_MODELS", raising=False)

    def row(*flags: str) -> dict[str, object]:
        rows = json.loads(CliRunner().invoke(cli, ["models", "--json", *flags]).stdout)
        [found] = [row for row in rows if row["kind"] == "checkpoint"]
        return found

    first = row()
    assert (first["name"], first["family"], first["hash"]) == ("mine/old", "sd15", None)
    taken = hashlib.sha256((models / "mine" / "old.safetensors").read_bytes()).hexdigest()
    assert row("--hash")["hash"] == taken
    assert row()["hash"] == taken  # kept
    result = CliRunner().invoke(cli, ["models"])
    line = next(line for line in result.stdout.splitlines() if line.startswith("mine/old\t"))
    assert line.split("\t")[1:3] == ["Stable Diffusion 1.5", "CreativeML OpenRAIL-M"]
    assert line.split("\t")[-2:] == [taken[:10], "50 steps, guidance 7.5, 512x512"]
    assert "a LoRA" in result.stderr
    assert "bad.ckpt: a pickle" in result.stderr
    save(models / "mine" / "old.safetensors", {**tensors, "b": np.zeros(3, "f4")})
    assert row()["hash"] is None  # the file changed


def test_a_damaged_manifest_is_told_and_passed_over(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny, tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "bundle.json").write_text("{")
    monkeypatch.setenv("MOLNAR_MODELS", str(tmp_path))
    result = CliRunner().invoke(cli, ["models"])
    assert result.stdout.startswith("good\t")
    assert "bad" in result.stderr


def test_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOLNAR_MODELS", os.pathsep.join(["a", "b"]))
    monkeypatch.setenv("MOLNAR_HOME", "home")
    assert search() == [Path("a"), Path("b"), Path("home") / "models"]
    monkeypatch.delenv("MOLNAR_MODELS")
    monkeypatch.delenv("MOLNAR_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert search()[0].name == "models"
