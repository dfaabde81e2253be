"""What all verbs that draw share: where pictures go, what is said, what a history is told."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from molnar.app.cli.drawing import _seeds, seed_of
from molnar.app.jobs import Store
from molnar.base import metadata
from molnar.base.request import Request, Variation

Run = Callable[..., Any]
SMALL = ("--size", "64", "--steps", "1", "-s", "5")


def test_json_names_each_picture_and_its_sheet(make: Run) -> None:
    rows = json.loads(make("a fox", *SMALL, "--grid", "--json").out)
    assert [row.get("reference") for row in rows] == ["a1.1", "a1.2", "a1.3", "a1.4", None]
    assert [row["path"] for row in rows] == [
        *(f"a-fox-{seed}.png" for seed in (5, 6, 7, 8)), "a-fox-5-grid.png",
    ]  # fmt: skip
    assert rows[-1]["grid"] == "a1"
    assert all(Path(row["path"]).is_file() for row in rows)
    [row] = json.loads(make("a fox", *SMALL, "--json", "--no-history").out)
    assert "reference" not in row


def test_without_history_nothing_is_kept(make: Run, home: Path) -> None:
    ran = make("a fox", *SMALL, "--no-history")
    assert ran.code == 0
    assert ran.err.startswith("seed 5, ")
    assert not home.exists()


def test_a_history_that_is_off_is_no_note(
    make: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOLNAR_HISTORY", "off")
    ran = make("a fox", *SMALL)
    assert (ran.code, ran.out, ran.err.count("\n")) == (0, "a-fox-5.png\n", 1)
    assert not home.exists()


@pytest.mark.parametrize("flags", [(), ("--no-history",)])
def test_a_history_that_cannot_be_written_still_gives_the_picture(
    make: Run, home: Path, flags: tuple[str, ...]
) -> None:
    home.write_text("in the way")
    ran = make("a fox", *SMALL, *flags)
    assert (ran.code, ran.out) == (0, "a-fox-5.png\n"), ran.err
    if not flags:
        assert ran.err.startswith("note: not kept in the history: ")
    assert ran.err.count("\n") == (1 if flags else 2)


def test_a_damaged_history_still_gives_the_picture(make: Run, home: Path) -> None:
    make("a fox", *SMALL)
    for path in home.glob("history.sqlite3*"):
        path.write_bytes(b"not a database" * 100)
    ran = make("a fox", *SMALL, "-o", "x.png")
    assert (ran.code, ran.out) == (0, "x.png\n"), ran.err
    assert "note: not kept in the history: " in ran.err
    assert "bug" not in ran.err


def test_no_embed_prompt_keeps_the_mark_and_drops_the_rest(make: Run) -> None:
    ran = make("a secret fox", *SMALL, "--grid", "--no-embed-prompt", "-o", "x.png")
    assert ran.code == 0, ran.err
    for name in ran.out.split():
        assert b"secret" not in Path(name).read_bytes()
        assert metadata.read(name).generated
    make("vary", "a1.1", "-b", "1", "--no-embed-prompt", "-s", "1", "-o", "v.webp")
    assert b"secret" not in Path("v.webp").read_bytes()


def test_a_picture_that_cannot_be_written_is_a_job_that_failed(
    make: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, sync = str(Path.cwd()), os.fsync

    def full(handle: int) -> None:
        if str(Path(f"/proc/self/fd/{handle}").readlink()).startswith(here):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr("os.fsync", full)
    ran = make("a fox", *SMALL)
    assert ran.code == 1
    assert "No space left" in ran.err
    assert list(Path.cwd().iterdir()) == []
    with Store.open() as store:
        assert (store.job("a1").state, store.job("a1").error) == ("failed", "interrupted")


def test_an_interrupt_is_a_failed_job_and_130(make: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from molnar.engines.onnx import OnnxParts

    def interrupts(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(OnnxParts, "velocity", interrupts)
    ran = make("a fox", *SMALL)
    assert ran.code == 130
    assert ran.err.endswith("interrupted\n")
    with Store.open() as store:
        assert (store.job("a1").state, store.job("a1").error) == ("failed", "interrupted")


def test_sheets_never_replace_what_is_there(make: Run) -> None:
    Path("a-fox-5-grid.png").write_bytes(b"precious")
    ran = make("a fox", *SMALL, "--grid")
    assert ran.out.splitlines()[-1] == "a-fox-5-grid-1.png"
    assert Path("a-fox-5-grid.png").read_bytes() == b"precious"
    with Image.open("a-fox-5-grid-1.png") as image:
        assert image.size == (128, 128)


def test_seeds_that_pictures_may_have() -> None:
    wish = Request(prompt="x", seed=2**32 - 1, count=2, best_of=2)
    assert _seeds(wish) == [[2**32 - 1, 0], [1, 2]]
    assert _seeds(wish.replaced(seed=None)) == [[], []]
    varied = wish.replaced(best_of=1, variations=(Variation(seed=1), Variation(seed=9)))
    assert _seeds(varied) == [[9], [10]]


def test_a_seed_is_given_or_drawn() -> None:
    assert seed_of({"seed": 0}) == 0
    drawn = {seed_of({"seed": seed}) for seed in (None, -1) for _ in range(4)}
    assert len(drawn) > 6


def test_a_verb_takes_one_prompt_and_no_parameters(make: Run) -> None:
    make("a red circle", "--size", "64", "--steps", "1", "-s", "5", "-o", "a.png")
    ran = make("vary", "a1", "-p", "a {blue|blue} circle", "-b", "1", "-s", "3", "-o", "b.png")
    assert ran.code == 0, ran.err
    with Store.open() as store:
        assert store.job("a2").prompt == "a blue circle"
    for text, said in (("a {red, blue} star", "2 prompts"), ("a star --ar 3:2", "parameters")):
        for verb in (["vary", "a1"], ["zoom", "a1", "1.5"], ["again", "a1"]):
            ran = make(*verb, "-p", text)
            assert (ran.code, ran.err.count("\n")) == (2, 1)
            assert said in ran.err


def test_force_does_not_replace_what_the_same_run_wrote(make: Run) -> None:
    small = ("--size", "64", "--steps", "1")
    ran = make("a fox --no {a,b}", *small, "-s", "1", "-f", "-o", "p/")
    assert ran.out.splitlines() == ["p/a-fox-1.png", "p/a-fox-1-1.png"]


def test_a_prompt_that_is_all_syntax_is_refused(make: Run) -> None:
    for text in ("[|]", "AND", "BREAK", "(:1.2)"):
        ran = make("make", "-p", text, "--size", "64", "--steps", "1")
        assert (ran.code, ran.err.count("\n")) == (2, 1), text


def test_a_picture_too_small_to_enlarge_is_refused(make: Run) -> None:
    Image.new("RGB", (1, 1)).save("dot.png")
    ran = make("upscale", "dot.png")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "at least 64 a side" in ran.err


def test_what_another_tool_says_of_a_picture_is_enough_to_vary_it(make: Run) -> None:
    info = PngInfo()
    info.add_text("parameters", "a blue square\nSteps: 2, Seed: 7, Size: 64x64, Sampler: Euler")
    Image.new("RGB", (64, 64), "blue").save("other.png", pnginfo=info)
    ran = make("vary", "other.png", "-b", "1", "-s", "3", "-o", "v.png")
    assert ran.code == 0, ran.err
    assert make("again", "other.png", "-s", "3", "-o", "w.png").code == 0
    with Store.open() as store:
        assert [job.prompt for job in store.search()] == ["a blue square"] * 2
