from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from molnar.app.cli.main import cli
from molnar.base.request import Request
from molnar.bundle import MANIFEST, read_manifest, save
from molnar.pipeline import load

URL = "https://spdx.org/licenses/CC0-1.0.html"


@pytest.fixture(autouse=True)
def here(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder to run in, and an empty history."""
    folder = tmp_path / "here"
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def picture(drawn: dict[tuple[str, str], Any], tmp_path: Path) -> Path:
    Image.fromarray(drawn["disc", "blue"]).save(tmp_path / "disc.png")
    return tmp_path / "disc.png"


def explain(*args: object) -> Result:
    return CliRunner().invoke(cli, ["explain", *map(str, args)])


def test_a_table_and_what_it_means(picture: Path, listed: Path) -> None:
    result = explain(picture, "--sources", "-m", listed, "--top", 2)
    assert result.exit_code == 0, result.stderr
    head, first, second, remark = result.stdout.splitlines()
    assert head.split() == ["#", "drawing", "likeness", "project", "licence", "licence", "text"]
    assert first.split("  ")[:2] == ["1", "disc, blue"]
    assert first.endswith(f"Shapes (the tests)  CC0-1.0  {URL}")
    assert second.startswith("2  ")
    assert "among the 16 drawings that listed learned to draw from" in remark
    assert "likeness is no proof of copying, nor unlikeness of the contrary" in remark
    assert remark.endswith("(below 0.33 is a copy).")


def test_json_says_the_same(picture: Path, listed: Path) -> None:
    result = explain(picture, "--sources", "-m", listed, "--json")
    found = json.loads(result.stdout)
    assert found["model"] == "listed"
    assert found["drawings"] == 16
    assert len(found["nearest"]) == 5
    first = found["nearest"][0]
    assert first.pop("likeness") > 0.99
    assert first == {
        "rank": 1,
        "concept": "disc",
        "style": "blue",
        "project": "Shapes (the tests)",
        "licence": "CC0-1.0",
        "licence_urls": [URL],
    }
    assert found["copied"] is (found["ratio"] < found["copy_below"])
    assert "no proof of copying" in found["remark"]


def test_more_than_there_are(picture: Path, listed: Path) -> None:
    found = json.loads(explain(picture, "--sources", "-m", listed, "--top", 100, "--json").stdout)
    assert len(found["nearest"]) == 16


def refused(result: Result, code: int, said: str) -> None:
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_file_that_is_not_there(listed: Path, tmp_path: Path) -> None:
    refused(explain(tmp_path / "no.png", "--sources", "-m", listed), 1, "no.png cannot be read")


def test_a_file_that_is_no_picture(listed: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    refused(explain(tmp_path / "text.png", "--sources", "-m", listed), 1, "not a readable PNG")


def test_a_model_that_lists_nothing(picture: Path, listed: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(listed, tmp_path / "copy"))
    save(folder, replace(read_manifest(folder / MANIFEST), sources=None))
    refused(explain(picture, "--sources", "-m", folder), 1, "lists no drawings")


def test_only_pictures_with_our_record_are_explained(picture: Path, listed: Path) -> None:
    refused(explain(picture, "-m", listed), 2, "carries no record of ours")


def test_a_picture_that_is_nowhere(tmp_path: Path) -> None:
    refused(explain(tmp_path / "no.png"), 2, "no.png")
    refused(explain("k7.2"), 2, "no job 'k7'")


def test_an_unknown_model(picture: Path) -> None:
    refused(explain(picture, "--sources", "-m", "nobody"), 1, "no model 'nobody'")


@pytest.fixture(scope="module")
def fox(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "fox.png"
    [picture] = load(tiny, threads=1)(Request(prompt="a red fox", height=64, width=64, seed=3))
    return picture.save(path)


def test_a_page_is_written_once(fox: Path, tiny: Path, here: Path) -> None:
    result = explain(fox, "-m", tiny, "-t", 1)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "fox.explain.html\n"
    assert result.stderr == ""
    html = (here / "fox.explain.html").read_text(encoding="utf-8")
    assert "<h1>a red fox</h1>" in html
    assert "every pixel is that of the file" in html
    refused(explain(fox, "-m", tiny), 2, "exists already")
    (here / "fox.explain.html").write_text("old")
    assert explain(fox, "-m", tiny, "-t", 1, "-f").exit_code == 0
    assert (here / "fox.explain.html").read_text(encoding="utf-8") != "old"


def test_json_holds_the_arrays_and_a_page_only_if_asked(fox: Path, tiny: Path, here: Path) -> None:
    result = explain(fox, "-m", tiny, "-t", 1, "--json")
    assert result.exit_code == 0, result.stderr
    assert [word["word"] for word in json.loads(result.stdout)["words"]] == ["a", "red", "fox"]
    assert not list(here.iterdir())
    assert explain(fox, "-m", tiny, "-t", 1, "--json", "-o", "deep/a.html").exit_code == 0
    assert [path.name for path in here.rglob("*.html")] == ["a.html"]


def test_a_picture_of_the_history_with_its_lineage(
    tiny: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOLNAR_MODELS", str(tiny.parent))
    drawing = ("-m", "tiny", "-t", "1", "-q")
    made = CliRunner().invoke(cli, ["make", "a fox", "-s", "3", "--size", "64x64", *drawing])
    assert made.exit_code == 0, made.stderr
    varied = CliRunner().invoke(cli, ["vary", "a1.1", "-s", "4", "--count", "1", *drawing])
    assert varied.exit_code == 0, varied.stderr
    result = explain("a2.1", "-t", 1)  # with the model that drew it
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "a2.1.explain.html\n"
    html = (here / "a2.1.explain.html").read_text(encoding="utf-8")
    assert "a1.1 (vary)" in html
    assert "every pixel is that of the file" in html
