from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from molnar.app.cli import doctor
from molnar.app.cli.main import cli


def test_a_healthy_installation(tiny: Path) -> None:
    result = CliRunner().invoke(cli, ["doctor", "-m", str(tiny)])
    assert result.exit_code == 0, result.stderr
    assert "verified" in result.stdout
    assert "onnxruntime: " in result.stdout
    assert result.stderr == ""


def test_a_timed_picture(tiny: Path) -> None:
    result = CliRunner().invoke(cli, ["doctor", "-m", str(tiny), "--draw", "--json"])
    facts = json.loads(result.stdout)
    assert facts["same again"] is True
    assert facts["first picture"].split()[1] == "s,"
    assert facts["problems"] == []


def test_a_damaged_model_is_a_problem(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "bad"))
    (folder / "words.json").write_text("{}")
    result = CliRunner().invoke(cli, ["doctor", "-m", str(folder)])
    assert result.exit_code == 1
    assert "words.json" in result.stderr


def test_a_missing_library_is_a_problem(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NEEDED", ("numpy", "no-such-library"))
    result = CliRunner().invoke(cli, ["doctor", "-m", str(tiny)])
    assert result.exit_code == 1
    assert "no-such-library is missing" in result.stderr
