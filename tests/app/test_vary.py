"""`molnar vary`: four near a picture, of the history or any file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molnar.app.jobs import Store
from molnar.base import metadata
from molnar.verbs import STRONG, SUBTLE

Run = Callable[..., Any]
SMALL = ("--size", "64", "--steps", "1")


def pixels(path: str | Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


def record(path: str | Path) -> dict[str, Any]:
    found = metadata.read(path).record
    assert found is not None
    return found


def test_four_and_the_sheet_near_a_picture_of_the_history(make: Run) -> None:
    make("a red circle", "-s", "5", "-b", "2", *SMALL)
    ran = make("vary", "a1.2", "-s", "9")
    assert ran.code == 0, ran.err
    names = [f"a-red-circle-{seed}.png" for seed in (9, 10, 11, 12)]
    assert ran.out.splitlines() == [*names, "a-red-circle-6-grid.png"]
    assert "a2.1: seed 6" in ran.err
    assert [record(name)["variations"] for name in names] == [
        [{"seed": seed, "strength": SUBTLE}] for seed in (9, 10, 11, 12)
    ]
    assert len({pixels(name).tobytes() for name in names}) == 4
    with Store.open() as store:
        job = store.job("a2")
        assert (job.verb, job.extra, len(job.pictures)) == ("vary", {"strong": False}, 4)
        [link] = store.lineage("a2").ancestors
        assert (link.job, link.number, link.role) == ("a1", 2, "vary")
        assert job.grid is not None
        assert pixels(job.grid.path).shape == (128, 128, 3)


def test_a_variation_of_a_variation_and_another_prompt(make: Run) -> None:
    make("a red circle", "-s", "5", *SMALL)
    make("vary", "a1", "-s", "9", "-b", "1", "-o", "one.png")
    ran = make("vary", "one.png", "--strong", "-s", "3", "-b", "1", "-p", "a fox", "-o", "two.png")
    assert ran.code == 0, ran.err
    told = record("two.png")
    assert [one["strength"] for one in told["variations"]] == [SUBTLE, STRONG]
    assert told["request"]["prompt"] == "a fox"
    assert told["request"]["steps"] == 1
    assert make("verify", "two.png").out == "two.png: identical\n"


def test_a_file_that_says_nothing_needs_a_prompt(make: Run) -> None:
    Image.new("RGB", (70, 66), "red").save("plain.png")
    refused = make("vary", "plain.png")
    assert (refused.code, refused.out) == (2, "")
    assert "expected a prompt" in refused.err
    ran = make("vary", "plain.png", "-p", "a fox", "-s", "1", "-b", "1", "-o", "out.png")
    assert ran.code == 0, ran.err
    assert pixels("out.png").shape == (64, 72, 3)
    assert make("verify", "out.png").code == 0


def test_files_of_one_name_are_told_apart(make: Run) -> None:
    make("a red circle", "-s", "5", *SMALL)
    ran = make("vary", "a1.1", "-s", "9", "-b", "2", "-o", "v.png")
    assert ran.out.splitlines() == ["v-9.png", "v-10.png"]
    rows = json.loads(make("vary", "a1.1", "-s", "9", "-b", "2", "--json", "-o", "j.png").out)
    assert [row["reference"] for row in rows] == ["a3.1", "a3.2"]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["vary"], 2, "PICTURE"),
        (["vary", "none.png"], 2, "no picture 'none.png'"),
        (["vary", "k7.2"], 2, "no job 'k7'"),
        (["vary", "a1.7"], 2, "a1"),
        (["vary", "text.png"], 1, "not a readable"),
        (["vary", "a1", "--subtle", "--strong"], 2, "one of them"),
        (["vary", "a1", "-b", "0"], 2, "--count"),
        (["vary", "a1", "-s", "-5"], 2, "seed is -5"),
        (["vary", "a1", "-o", "-"], 2, "-o FOLDER/"),
        (["vary", "a1", "-o", "x.gif"], 2, ".webp"),
        (["vary", "a1", "-p", ""], 2, "prompt is empty"),
        (["vary", "a1", "-p", "a (red:9) fox"], 2, "weight 9"),
    ],
)
def test_wrong_use_is_one_line(make: Run, args: list[str], code: int, said: str) -> None:
    Path("text.png").write_text("no picture")
    make("a red circle", "-s", "5", *SMALL, "-o", "first.png")
    ran = make(*args)
    assert ran.code == code, ran.err
    assert said in ran.err
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert ran.out == ""
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["first.png", "text.png"]


def test_without_a_history_references_still_lead_to_pictures(make: Run, home: Path) -> None:
    make("a red circle", "-s", "5", *SMALL)
    ran = make("vary", "a1.1", "-s", "9", "-b", "1", "--no-history", "-o", "x.png")
    assert ran.code == 0, ran.err
    assert ran.err.startswith("seed 5, ")
    with Store.open() as store:
        assert store.count() == 1
