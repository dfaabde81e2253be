from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from molnar.app.cli.export import parse
from molnar.app.cli.main import cli
from molnar.base.errors import ConfigError
from molnar.bundle import Bundle


def test_a_workspace_becomes_a_model(workspace: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    args = ["export", str(workspace), "-o", str(folder), "--name", "mine", "--verify", "--json"]
    result = CliRunner().invoke(cli, [*args, "--set", "defaults.steps=7", "--set", "licence=MIT"])
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    bundle = Bundle.load(folder)
    assert facts["hash"] == bundle.hash
    assert set(facts["differences"]) == set(bundle.manifest.parts)
    assert bundle.manifest.name == "mine"
    assert bundle.manifest.defaults.steps == 7
    assert bundle.manifest.licence == "MIT"
    again = CliRunner().invoke(cli, args)
    assert again.exit_code == 2
    assert "--force" in again.stderr


def test_a_workspace_that_is_none(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["export", str(tmp_path), "-o", str(tmp_path / "x")])
    assert result.exit_code == 1
    assert "model.json: missing; run `molnar train" in result.stderr
    assert result.stderr.count("\n") == 1


def test_settings() -> None:
    assert parse(["a.b=1", "a.c=x", 'd=["en"]']) == {"a": {"b": 1, "c": "x"}, "d": ["en"]}
    with pytest.raises(ConfigError, match="FIELD=VALUE"):
        parse(["a"])
