from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from molnar.app.cli import main as app
from molnar.app.cli.main import VERBS, cli, distance, meant, report
from molnar.base.errors import BundleError


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, list(args))
    return result.exit_code, result.stdout, result.stderr


def test_bare_molnar_prints_three_runnable_examples() -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    assert out.count('  molnar "') == 3


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_the_verbs_without_importing_them(flag: str) -> None:
    code, out, _ = run(flag)
    assert code == 0
    for verb, (_, _, about) in VERBS.items():
        assert verb in out
        assert about[:30] in out


def test_version() -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("molnar, version 0.")


@pytest.mark.parametrize(
    ("word", "verb"),
    [
        ("trian", "train"),
        ("Trian", "train"),
        ("mak", "make"),
        ("inof", "info"),
        ("doctr", "doctor"),
        ("modls", "models"),
        ("exprot", "export"),
        ("evall", "eval"),
    ],
)
def test_a_mistyped_verb_names_the_right_one(word: str, verb: str) -> None:
    code, out, err = run(word, "--out", "x")
    assert (code, out) == (2, "")
    assert repr(verb) in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "word", ["rain", "cake", "fox", "a trian", "dog", "mouse", "dragon", "träin", "🦊", "tra1n"]
)
def test_a_thing_to_draw_is_no_mistyped_verb(word: str) -> None:
    assert meant(word) is None


def test_a_word_that_the_model_was_taught_is_a_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "taught", frozenset)
    assert meant("trains") == "train"
    monkeypatch.setattr(app, "taught", lambda: frozenset({"trains"}))
    assert meant("trains") is None


@pytest.mark.parametrize(
    ("a", "b", "slips"),
    [
        ("", "abc", 3),
        ("train", "train", 0),
        ("trian", "train", 1),
        ("tain", "train", 1),
        ("ab", "cd", 2),
    ],
)
def test_distance(a: str, b: str, slips: int) -> None:
    assert distance(a, b) == distance(b, a) == slips


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["make", "--sed", "3", "x"], "--seed"),
        (["x", "--stepz", "3"], "--steps"),
        (["--samplr", "euler", "x"], "--sampler"),
        (["models", "--jsn"], "--json"),
        (["--versoin"], "--version"),
        (["--hlep"], "--help"),
        (["--sed"], "--seed"),
    ],
)
def test_a_mistyped_flag_names_the_right_one(args: list[str], said: str) -> None:
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (BundleError("x: damaged"), 1, "error: x: damaged"),
        (OSError(28, "No space left on device", "a.png"), 1, "error: a.png: No space left"),
        (RuntimeError("two\nlines"), 1, "this is a bug"),
    ],
)
def test_errors_are_one_line_and_a_code(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("molnar.app.cli.models.search", fail)
    found, out, err = run("models")
    assert (found, out) == (code, "")
    assert said in err
    assert err.strip().count("\n") == 0


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise BundleError("x")

    monkeypatch.setattr("molnar.app.cli.models.search", fail)
    monkeypatch.setenv("MOLNAR_DEBUG", "1")
    result = CliRunner().invoke(cli, ["models"])
    assert isinstance(result.exception, BundleError)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in ("export", "graph"):
        monkeypatch.delitem(sys.modules, f"molnar.engines.{name}", raising=False)
    code, _, err = run("export", "x", "-o", "y")
    assert code == 1
    assert "molnar[train]" in err


def test_help_imports_no_numbers() -> None:
    code = (
        "import sys\nfrom molnar.app.cli.main import cli\n"
        "try: cli(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'onnxruntime', 'torch', 'PIL', 'tokenizers'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_ctrl_c_while_drawing_leaves_whole_files_only(tiny: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "molnar", "a fox", "-m", str(tiny), "--count", "64"]
    process = subprocess.Popen(
        [*command, "--steps", "40", "--seed", "1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(app.__file__).parents[3])},
        # a job started in the background inherits "ignore interrupts"; a user's terminal does not
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    first = process.stdout.readline().strip()
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([first, *out.split()])


def test_a_library_that_is_not_installed_is_no_bug_of_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report(ModuleNotFoundError("No module named 'scipy'", name="scipy.ndimage")) == 1
    said = capsys.readouterr().err
    assert "molnar[train]" in said
    assert "bug" not in said
    report(ModuleNotFoundError("No module named 'molnar.x'", name="molnar.x"))
    assert "bug" in capsys.readouterr().err


def test_a_lone_flag_of_make_is_not_taken_for_a_slip() -> None:
    code, _, err = run("--verbose")
    assert code == 2
    assert "--version" not in err
