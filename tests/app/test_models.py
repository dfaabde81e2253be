from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from molnar.app.cli.main import cli
from molnar.app.cli.models import search


def test_models_of_the_environment_are_listed(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLNAR_MODELS", str(tiny.parent))
    result = CliRunner().invoke(cli, ["models"])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("tiny\t1\tCC0-1.0\t")
    [row, *_] = json.loads(CliRunner().invoke(cli, ["models", "--json"]).stdout)
    assert row["folder"] == str(tiny)
    assert len(row["hash"]) == 64


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


def test_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLNAR_MODELS", os.pathsep.join(["a", "b"]))
    monkeypatch.setenv("MOLNAR_HOME", "home")
    assert search() == [Path("a"), Path("b"), Path("home") / "models"]
    monkeypatch.delenv("MOLNAR_MODELS")
    monkeypatch.delenv("MOLNAR_HOME")
    assert search() == []
