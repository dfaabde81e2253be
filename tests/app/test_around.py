"""`molnar zoom`, `pan`, `square`: the old picture stands in the new one, to the last pixel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molnar.app.jobs import Store

Run = Callable[..., Any]
SMALL = ("--steps", "1", "-s", "5")


def pixels(path: str | Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


def holds(new: str, old: str, top: int, left: int) -> bool:
    small, large = pixels(old), pixels(new)
    part = large[top : top + small.shape[0], left : left + small.shape[1]]
    return bool((part == small).all())


def test_each_way_to_see_more_from_the_history(make: Run) -> None:
    make("a red circle", *SMALL, "--size", "64x80", "-o", "old.png")
    for verb, size, corner in [
        (("zoom", "a1", "1.5"), (120, 96), (20, 16)),
        (("zoom", "a1"), (160, 128), (40, 32)),
        (("pan", "a1.1", "left"), (80, 96), (0, 32)),
        (("pan", "a1.1", "down"), (120, 64), (0, 0)),
        (("square", "a1.1"), (80, 80), (0, 8)),
    ]:
        ran = make(*verb, "-s", "3", "-o", "new.png", "-f")
        assert ran.code == 0, ran.err
        assert pixels("new.png").shape[:2] == size
        assert holds("new.png", "old.png", *corner), verb
        assert make("verify", "new.png").out == "new.png: identical\n"
    with Store.open() as store:
        assert store.job("a4").extra == {"way": "left"}
        assert store.job("a2").extra == {"factor": 1.5}
        assert [link.role for link in store.lineage("a6").ancestors] == ["square"]


def test_a_file_of_any_size_and_one_after_the_other(make: Run) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (75, 101, 4), np.uint8)
    Image.fromarray(noise).save("odd.png")
    ran = make("pan", "odd.png", "up", "-p", "a beach", "-s", "1", "-o", "one.png")
    assert ran.code == 0, ran.err
    assert pixels("one.png").shape == (120, 104, 4)
    assert holds("one.png", "odd.png", 45, 0)
    make("zoom", "one.png", "1.2", "-s", "2", "-o", "two.png")
    assert holds("two.png", "one.png", 12, 10)
    assert pixels("two.png").shape == (144, 128, 4)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["zoom", "old.png", "1"], 2, "zoom is 1.0; expected above 1"),
        (["zoom", "old.png", "9"], 2, "at most 4"),
        (["zoom", "old.png", "far"], 2, "FACTOR"),
        (["pan", "old.png"], 2, "WAY"),
        (["pan", "old.png", "west"], 2, "expected one of: left, up, right, down"),
        (["square", "old.png"], 2, "expected one that is not square"),
        (["square", "none.png"], 2, "no picture"),
        (["zoom", "wide.png", "4"], 2, "at most 2048 a side"),
        (["pan", "k9", "left"], 2, "no job 'k9'"),
    ],
)
def test_wrong_use_is_one_line(make: Run, args: list[str], code: int, said: str) -> None:
    Image.new("RGB", (64, 64)).save("old.png")
    Image.new("RGB", (1024, 64)).save("wide.png")
    ran = make(*args)
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert said in ran.err
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["old.png", "wide.png"]
