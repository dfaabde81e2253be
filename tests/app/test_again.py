"""`molnar again`: the same wish from another seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from molnar.app.jobs import Store
from molnar.app.orders.tasks import moved

Run = Callable[..., Any]
SMALL = ("--size", "64", "--steps", "1", "-s", "5")


def test_a_job_once_more_with_its_sheet(make: Run) -> None:
    make("a red circle", *SMALL, "--sampler", "heun", "--grid")
    ran = make("again", "a1", "-s", "40")
    assert ran.code == 0, ran.err
    assert len(ran.out.splitlines()) == 5
    with Store.open() as store:
        old, new = store.job("a1"), store.job("a2")
        assert new.request == {**old.request, "seed": 40}
        assert [picture.seed for picture in new.pictures] == [40, 41, 42, 43]
        assert new.grid is not None
        [link] = store.lineage("a2").ancestors
        assert (link.job, link.number, link.role) == ("a1", None, "again")


def test_the_same_seed_is_the_same_picture_and_a_file_will_do(make: Run) -> None:
    make("a red circle", *SMALL, "-o", "old.png")
    make("again", "a1", "-s", "5", "-o", "one.png")
    make("again", "old.png", "-s", "5", "-o", "two.png", "--no-history")
    pictures = [Image.open(name).tobytes() for name in ("old.png", "one.png", "two.png")]
    assert len(set(pictures)) == 1
    ran = make("again", "a1", "-p", "a blue square", "-s", "6", "--json")
    assert ran.out.count('"prompt": "a blue square"') == 1
    with Store.open() as store:
        assert store.count() == 3


def test_an_edit_is_done_again_from_what_was_kept(make: Run) -> None:
    make("a red circle", *SMALL, "-o", "old.png")
    make("edit", "old.png", "--region", "0,0,20,20", "-s", "1", "-o", "one.png")
    Path("old.png").unlink()
    for flags in ([], ["--no-history"]):
        assert make("again", "a2", "-s", "1", "-o", "two.png", "-f", *flags).code == 0
        assert Image.open("two.png").tobytes() == Image.open("one.png").tobytes()


def test_the_prompt_is_changed_in_an_editor(make: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    make("a red circle", *SMALL)
    shown: list[str] = []
    monkeypatch.setattr("click.edit", lambda text: shown.append(text) or "a blue square\n")
    ran = make("again", "a1", "--edit", "-s", "6")
    assert (shown, ran.out) == (["a red circle"], "a-blue-square-6.png\n")
    monkeypatch.setattr("click.edit", lambda text: None)  # left without saving
    assert make("again", "a1", "--edit", "-s", "7").out == "a-red-circle-7.png\n"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["again"], 2, "JOB"),
        (["again", "k7"], 2, "no job 'k7'"),
        (["again", "plain.png"], 2, "does not say how it was drawn"),
        (["again", "none.png"], 1, "none.png cannot be read"),
    ],
)
def test_wrong_use_is_one_line(make: Run, args: list[str], code: int, said: str) -> None:
    Image.new("RGB", (64, 64)).save("plain.png")
    ran = make(*args)
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert [path.name for path in Path.cwd().iterdir()] == ["plain.png"]


def test_a_job_of_several_requests_is_done_again_whole(make: Run) -> None:
    make("a {red|blue|green} circle", *SMALL, "--count", "3")
    ran = make("again", "a1", "-s", "40")
    assert ran.code == 0, ran.err
    with Store.open() as store:
        old, new = store.job("a1"), store.job("a2")
        assert [picture.seed for picture in new.pictures] == [40, 41, 42]
        texts = [[p.record["request"]["prompt"] for p in job.pictures] for job in (old, new)]
        assert texts[0] == texts[1]
        assert len(set(texts[0])) > 1


def test_seeds_keep_their_distance_round_the_end() -> None:
    assert moved([7, 8, 5], 2**32 - 1) == [2**32 - 1, 0, 2**32 - 3]


def test_another_text_for_an_edit_is_refused(make: Run) -> None:
    make("a red circle", *SMALL, "-o", "old.png")
    make("edit", "old.png", "--region", "0,0,20,20", "-s", "1", "-p", "a star", "-o", "one.png")
    ran = make("again", "a2", "-p", "a heart")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "molnar edit PICTURE" in ran.err
