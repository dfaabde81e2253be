"""`molnar verify`: one line for each picture, and an exit code for all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from molnar.app.cli.verify import told
from molnar.base import metadata

Run = Callable[..., Any]
SMALL = ("--size", "64", "--steps", "1", "-s", "5")


def test_files_and_references_are_drawn_again(say: Run, make: Run) -> None:
    make("a red circle", *SMALL, "--grid", "-o", "x.png")
    names = ["x-5.png", "x-8.png", "x-5-grid.png", "a1.2", "a1.grid"]
    ran = say("verify", *names, "-t", "1")  # the model is the picture's own
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [f"{name}: identical" for name in names]


def test_one_that_differs_is_enough_to_fail(say: Run, make: Run) -> None:
    make("a red circle", *SMALL, "-o", "x.png")
    found = metadata.read("x.png")
    assert found.record is not None
    with Image.open("x.png") as image:
        image.putpixel((0, 0), (1, 2, 3))
        changed = {**found.record, "version": "0.0.0"}
        Path("y.png").write_bytes(metadata.encode(image, changed, ""))
    ran = say("verify", "x.png", "y.png", "-t", "1")
    assert ran.code == 1
    first, second = ran.out.splitlines()
    assert first == "x.png: identical"
    assert second.startswith("y.png: differs by at most ")
    assert "altered after it was drawn" in second
    assert "version: 0.0.0 then" in second
    rows = json.loads(say("verify", "x.png", "y.png", "-t", "1", "--json").out)
    assert [(row["picture"], row["identical"], row["altered"]) for row in rows] == [
        ("x.png", True, False), ("y.png", False, True),
    ]  # fmt: skip


def test_a_verdict_is_said_in_one_line() -> None:
    fact = {
        "picture": "x.png", "identical": False, "largest": 3, "mean": 0.25, "altered": False,
        "differs": ["weights: a then, b now", "engine: onnx then, torch now"], "replaced": [],
    }  # fmt: skip
    assert told(fact) == (
        "x.png: differs by at most 3 of 255, 0.250 on average; weights: a then, b now; "
        "engine: onnx then, torch now"
    )
    assert told({**fact, "identical": True}) == "x.png: identical"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ([], 2, "PICTURES"),
        (["none.png"], 2, "no picture 'none.png'"),
        (["k7.2"], 2, "no job 'k7'"),
        (["plain.png"], 1, "plain.png has no molnar record"),
        (["text.png"], 1, "text.png"),
        (["other.png"], 1, "no-such"),
        (["lost.png"], 1, "lost.png cannot be drawn again: no picture with pixels"),
    ],
)
def test_what_cannot_be_verified_is_one_line(
    say: Run, make: Run, args: list[str], code: int, said: str
) -> None:
    image = Image.new("RGB", (64, 64))
    image.save("plain.png")
    Path("text.png").write_text("no picture")
    wish = {"prompt": "x", "height": 64, "width": 64}
    other = {"request": wish, "seed": 1, "model": "no-such"}
    Path("other.png").write_bytes(metadata.encode(image, other, ""))
    lost = {"request": {**wish, "image": "sha256:" + "0" * 64}, "seed": 1, "model": "tiny"}
    Path("lost.png").write_bytes(metadata.encode(image, lost, ""))
    ran = say("verify", *args, "-t", "1")
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert said in ran.err
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
