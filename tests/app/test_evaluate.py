"""`molnar eval` as typed."""

import json

import pytest
from click.testing import CliRunner

from molnar.app.cli.evaluate import evaluate
from molnar.app.cli.main import cli
from molnar.base.errors import RequestError
from molnar.lab.evaluate import controls


def call(*arguments):
    return CliRunner().invoke(evaluate, [str(a) for a in arguments], catch_exceptions=False)


@pytest.mark.long
def test_a_report_is_written_and_printed(tiny, tmp_path, monkeypatch):
    whole = controls.retrieval
    monkeypatch.setattr(controls, "retrieval", lambda: whole(num_captions=60))
    out, sheet, html = (tmp_path / name for name in ("report.json", "sheet.png", "page.html"))
    arguments = ["-m", tiny, "--only", "proceval", "--prompts", 1, "--seeds", 1, "--steps", 1]
    monkeypatch.setattr("sys.argv", ["/somewhere/molnar", "eval", "--prompts", "1"])
    result = call(
        *arguments, "-o", out, "--sheet", sheet, "--html", html, "--pictures", tmp_path / "kept"
    )
    assert result.exit_code == 0, result.output
    written = json.loads(out.read_text())
    assert written["proceval"]["num_pictures"] == 6
    assert written["skipped"]["shuffled prompts"]
    assert written["command"] == "molnar eval --prompts 1"
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert html.read_text().count("<img ") == 6
    assert "ProcEval" in result.stdout
    assert "made by:" in result.stdout
    assert "drawing ProcEval 6/6" in result.stderr
    printed = call(*arguments, "--json", "--pictures", tmp_path / "kept")
    assert json.loads(printed.stdout)["proceval"] == written["proceval"]


def test_without_a_pack_stickers_are_skipped_and_the_exit_is_good(tiny):
    result = call("-m", tiny, "--only", "stickers", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["stickers"] is None
    assert "--stickers DIR" in json.loads(result.stdout)["skipped"]["stickers"]


def test_the_judge_can_be_tested_alone():
    result = call("--only", "judge", "--prompts", 1, "--json")
    assert json.loads(result.stdout)["num_true"] == 7
    assert "fit for use" in result.stderr


@pytest.mark.parametrize("only", ["proceval,cooking", "judge,fidelity"])
def test_unknown_sections_are_refused(only):
    with pytest.raises(RequestError, match="expected some of proceval"):
        call("--only", only)


def test_files_are_not_overwritten(tmp_path):
    (tmp_path / "report.json").write_text("mine")
    with pytest.raises(RequestError, match="--force"):
        call("-o", tmp_path / "report.json")
    assert (tmp_path / "report.json").read_text() == "mine"


def test_where_a_report_cannot_be_written_is_told_before_the_exam(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(
        cli, ["eval", "--model", str(tiny), "-o", str(tmp_path / "file" / "r.json")]
    )
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1


def test_the_judge_writes_its_report_too(tmp_path):
    path = tmp_path / "judge.json"
    result = CliRunner().invoke(cli, ["eval", "--only", "judge", "--prompts", "2", "-o", str(path)])
    assert result.exit_code == 0, result.stderr
    assert json.loads(path.read_text())


@pytest.mark.parametrize("flag", ["--sheet", "--html"])
def test_the_judge_draws_nothing_to_show(tmp_path, flag):
    with pytest.raises(RequestError, match=f"{flag} shows a model's pictures"):
        call("--only", "judge", flag, tmp_path / "page")
