from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from molnar.app.cli.history import fav, history, parsed, show
from molnar.app.jobs import NewPicture, Parent, Store
from molnar.base.config import to_json
from molnar.base.errors import DataError, MolnarError, RequestError
from molnar.base.request import Request

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOLNAR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(command: click.Command, *args: str) -> Result:
    result = CliRunner().invoke(command, args)
    if isinstance(result.exception, MolnarError):
        assert "\n" not in str(result.exception)
        raise result.exception
    return result


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 4)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def filled(home: Path) -> Path:
    """Hold a1, a fox with four pictures; a2, varied from a1.2; a3, which failed."""
    with Store.open() as store:
        store.begin("make", {"prompt": "a fox", "steps": 8, "seed": 5}, "a fox")
        store.finish("a1", [NewPicture(png(), 5 + k) for k in range(4)], png())
        store.begin("vary", {"prompt": "a fox"}, "a red\nfox", [Parent("a1", 2, "init")])
        store.finish("a2", [NewPicture(png(), 9)])
        store.begin("make", {}, "a dog")
        store.fail("a3", "no memory")
    return home


def test_an_empty_history(home: Path) -> None:
    result = run(history)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no jobs yet\n")
    assert run(history, "--json").stdout == "[]\n"


def test_jobs_are_listed_newest_first(filled: Path) -> None:
    rows = [line.split("\t") for line in run(history).stdout.splitlines()]
    assert [(row[0], *row[2:]) for row in rows] == [
        ("a3", "make", "failed", "", "a dog"),
        ("a2", "vary", "1", "", "a red fox"),
        ("a1", "make", "4", "", "a fox"),
    ]
    assert len(rows[0][1]) == len("2026-01-01 12:00")


def test_jobs_are_searched(filled: Path) -> None:
    result = run(history, "--search", "fox", "--limit", "1")
    assert result.stdout.startswith("a2\t")
    assert result.stderr == "1 to 1 of 2; --limit and --offset show others\n"
    assert run(history, "--verb", "vary").stdout.startswith("a2\t")
    assert run(history, "--search", "zebra").stderr == "no jobs like that\n"
    [job] = json.loads(run(history, "--search", "dog", "--json").stdout)
    assert (job["id"], job["state"], job["error"]) == ("a3", "failed", "no memory")


def test_favourites(filled: Path) -> None:
    result = run(fav, "A1.3")
    assert (result.stdout, result.stderr) == ("a1.3\n", "a favourite now\n")
    assert run(history, "--favourites").stdout.split("\t")[4] == "*"
    assert "3.png *\n" in run(show, "a1").stdout
    assert run(fav, "a1.3", "--off").stderr == "no longer a favourite\n"
    assert run(history, "--favourites").stdout == ""
    with pytest.raises(RequestError, match=r"a1 has 4 pictures; say which: a1.1 to a1.4"):
        run(fav, "a1")


def test_a_job_is_shown(filled: Path) -> None:
    lines = run(show, "a1").stdout.splitlines()
    assert [line.partition(":")[0] for line in lines[:5]] == [
        *("a1.grid", "a1.1", "a1.2", "a1.3", "a1.4")
    ]
    assert Path(lines[1].partition(": ")[2]).read_bytes() == png()
    assert "prompt: a fox" in lines
    assert lines[lines.index("steps: 8") + 1] == "seed: 5"
    assert "led to: a2" in lines


def test_a_picture_is_shown(filled: Path) -> None:
    lines = run(show, "A1.2").stdout.splitlines()
    assert lines[0].startswith("a1.2: ")
    assert lines[lines.index("steps: 8") + 1] == "seed: 6"
    assert "from: a1.2 (init)" in run(show, "a2.1").stdout.splitlines()
    assert "prompt: a red fox" in run(show, "a2").stdout.splitlines()
    assert "error: no memory" in run(show, "a3").stdout.splitlines()
    facts = json.loads(run(show, "a2", "--json").stdout)
    assert facts["prompt"] == "a red\nfox"
    assert facts["ancestors"][0]["job"] == "a1"
    assert [picture["seed"] for picture in facts["pictures"]] == [9]


def test_what_is_not_there_is_said(filled: Path) -> None:
    for command in (show, fav):
        with pytest.raises(RequestError, match=r"no job 'k9': the newest is a3"):
            run(command, "k9")


def test_prune(filled: Path) -> None:
    assert run(history, "--prune").stdout == "removed 0 jobs, 0 files, 0.0 MB\n"
    assert run(history, "--prune", "--older-than", "30d").stdout.startswith("removed 0 jobs")
    run(fav, "a1.1")
    assert run(history, "--prune", "--keep", "1").stdout.startswith("removed 1 jobs, 1 files")
    assert len(run(history).stdout.splitlines()) == 2
    assert run(history, "--delete", "a1.2").stdout.startswith("removed 1 files")
    for wrong in (["--keep", "1"], ["--older-than", "1d"], ["--prune", "--check"]):
        assert run(history, *wrong).exit_code == 2


def test_spans_of_time() -> None:
    assert [parsed(text) for text in ("12h", "30D", " 7 ", "2w", "1m", "1y")] == [
        timedelta(days=days) for days in (0.5, 30, 7, 14, 30, 365)
    ]
    assert parsed("999999y") > timedelta(days=365)
    for wrong in ("", "d", "-1d", "1.5d", "soon", "٣d"):
        with pytest.raises(RequestError, match="as a span; expected"):
            parsed(wrong)


def test_a_very_long_span_prunes_nothing(filled: Path) -> None:
    assert run(history, "--prune", "--older-than", "999999y").stdout.startswith("removed 0 jobs")


def test_check(filled: Path) -> None:
    assert run(history, "--check").stdout == "3 jobs, all well\n"
    (filled / "pictures" / "a1" / "5.png").touch()
    (filled / "pictures" / "a1" / "2.png").unlink()
    result = run(history, "--check")
    assert result.exit_code == 1
    assert result.stdout == "pictures/a1/2.png cannot be read: No such file or directory\n"
    assert result.stderr == "note: removed 1 files of interrupted runs\n"
    with pytest.raises(DataError, match=r"the file of a1.2 is gone"):
        run(show, "a1.2")
    assert run(show, "a1").exit_code == 0


def test_a_history_that_is_off(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLNAR_HISTORY", "off")
    result = run(history)
    assert result.stdout == ""
    assert "the history is off" in result.stderr
    with pytest.raises(RequestError, match="the history is off"):
        run(show, "k7")
    assert not home.exists()


def test_what_was_not_asked_for_is_not_shown(home: Path) -> None:
    asked = Request(prompt="a fox", seed=0, steps=4, height=64, outpaint=(8, 0, 0, 0), tile=True)
    with Store.open() as store:
        store.begin("make", to_json(asked), "a fox")
        record = {"variations": [{"seed": 3, "strength": 0.5}]}
        store.finish("a1", [NewPicture(png(), 0, None, record)])
    facts = [line.partition(": ") for line in run(show, "a1").stdout.splitlines()]
    told = {key: value for key, _, value in facts}
    assert {key: told[key] for key in ("seed", "steps", "height", "tile", "outpaint")} == {
        "seed": "0", "steps": "4", "height": "64", "tile": "true", "outpaint": "[8, 0, 0, 0]",
    }  # fmt: skip
    assert told["variations"] == '[{"seed": 3, "strength": 0.5}]'
    assert not {"width", "count", "stop", "plan", "request", "quality", "image"} & set(told)
    assert list(told).index("seed") > list(told).index("prompt")
    kept = json.loads(run(show, "a1", "--json").stdout)["request"]
    assert (kept["width"], kept["outpaint"]) == (512, [8, 0, 0, 0])
