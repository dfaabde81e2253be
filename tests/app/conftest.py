"""`molnar make` in an empty folder, with the tiny model found by name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from molnar.app.cli.main import cli
from molnar.pipeline import Pipeline, load


class Ran(NamedTuple):
    code: int
    out: str
    err: str
    raw: bytes


Run = Callable[..., Ran]


@pytest.fixture
def make(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `molnar ...` in an empty folder, with the tiny model found by name and small pictures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOLNAR_MODELS", str(tiny.parent))
    # Loading is tested elsewhere; here one model serves every run.
    monkeypatch.setattr("molnar.pipeline.load", loaded_once)

    def run(*args: str, stdin: str | None = None) -> Ran:
        result = CliRunner().invoke(cli, [*args, "-m", "tiny", "-t", "1"], input=stdin)
        return Ran(result.exit_code, result.stdout, result.stderr, result.stdout_bytes)

    return run


@functools.cache
def _load(model: str, engine: str, threads: int, folder: Path) -> Pipeline:
    return load(model, engine, threads=threads, search=[folder])


def loaded_once(model: str, engine: str, *, threads: int, search: list[Path]) -> Pipeline:
    return _load(model, engine, threads, search[0])
