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
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder, beside the folder that verbs run in; nothing is in it yet."""
    folder = tmp_path / "home"
    monkeypatch.setenv("MOLNAR_HOME", str(folder))
    return folder


@pytest.fixture
def say(tiny: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `molnar ...` in an empty folder, where the tiny model is found by name."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("MOLNAR_MODELS", str(tiny.parent))
    # Loading is tested elsewhere; here one model serves every run.
    monkeypatch.setattr("molnar.pipeline.load", loaded_once)

    def run(*args: str, stdin: str | None = None) -> Ran:
        result = CliRunner().invoke(cli, list(args), input=stdin)
        return Ran(result.exit_code, result.stdout, result.stderr, result.stdout_bytes)

    return run


@pytest.fixture
def make(say: Run) -> Run:
    """As `say`, and with flags at the end that every verb that draws knows."""

    def run(*args: str, stdin: str | None = None) -> Ran:
        return say(*args, "-m", "tiny", "-t", "1", stdin=stdin)

    return run


@pytest.fixture
def tiny_pipeline(tiny: Path) -> Pipeline:
    """The tiny model, loaded once for all tests."""
    return _load("tiny", "onnx", 1, tiny.parent)


@functools.cache
def _load(model: str, engine: str, threads: int, folder: Path) -> Pipeline:
    return load(model, engine, threads=threads, search=[folder])


def loaded_once(
    model: str, engine: str = "onnx", *, threads: int | None = None, search: list[Path]
) -> Pipeline:
    return _load(model, engine, 1 if threads is None else threads, search[0])
