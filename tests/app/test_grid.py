"""`molnar grid`: a prompt under several settings, as a sheet and a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from molnar.app.cli.grid import Axis
from molnar.app.jobs import Store
from molnar.base.errors import RequestError
from molnar.base.request import Request

Run = Callable[..., Any]
SMALL = ("--size", "64", "-s", "5")


def test_two_settings_are_a_sheet_and_a_page(make: Run) -> None:
    ran = make("grid", "a fox", "--x", "steps=1,2,3", "--y", "sampler=euler,heun", *SMALL)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == ["a-fox-steps-sampler.png", "a-fox-steps-sampler.html"]
    with Image.open("a-fox-steps-sampler.png") as image:
        assert image.width > 3 * 64
        assert image.height > 2 * 64
    page = Path("a-fox-steps-sampler.html").read_text()
    assert page.count("<img") == 6
    assert "sampler heun" in page
    with Store.open() as store:
        job = store.job("a1")
        assert (job.verb, len(job.pictures)) == ("grid", 6)
        requests = [picture.record["request"] for picture in job.pictures]
        assert [(wish["steps"], wish["sampler"]) for wish in requests] == [
            (steps, sampler) for sampler in ("euler", "heun") for steps in (1, 2, 3)
        ]
        assert {wish["seed"] for wish in requests} == {5}


def test_words_of_the_prompt_are_replaced(make: Run) -> None:
    ran = make("grid", "-p", "a red fox", "--x", "prompt=red,blue", *SMALL, "-o", "x.png")
    assert ran.code == 0, ran.err
    with Store.open() as store:
        assert store.job("a1").prompt == "a red fox | a blue fox"


def test_default_names_step_aside_and_others_are_kept(make: Run) -> None:
    for _ in range(2):
        ran = make("grid", "a fox", "--x", "steps=1", *SMALL)
    assert ran.out.splitlines() == ["a-fox-steps-1.png", "a-fox-steps-1.html"]
    Path("mine.html").write_text("precious")
    ran = make("grid", "a fox", "--x", "steps=1", *SMALL, "-o", "mine.png")
    assert ran.code == 2
    assert "mine.html exists already" in ran.err
    assert Path("mine.html").read_text() == "precious"
    assert not Path("mine.png").exists()
    assert make("grid", "a fox", "--x", "steps=1", *SMALL, "-o", "mine.png", "-f").code == 0


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--x", "steps=1"], 2, "no prompt"),
        (["a fox"], 2, "--x"),
        (["a fox", "--x", "step=1"], 2, "did you mean 'steps'"),
        (["a fox", "--x", "steps"], 2, "expected NAME=VALUE,VALUE"),
        (["a fox", "--x", "steps="], 2, "has no values; expected e.g. steps=4,8"),
        (["a fox", "--x", "steps=1,many"], 2, "steps is 'many'; expected a whole number"),
        (["a fox", "--x", "guidance=1,loud"], 2, "expected a number"),
        (["a fox", "--x", "tile=maybe"], 2, "expected true or false"),
        (["a fox", "--x", "steps=0"], 2, "steps is 0; expected 1 to 150"),
        (["a fox", "--x", "sampler=eular"], 2, "'euler'"),
        (["a fox", "--x", "prompt=cat,dog"], 2, "'cat' is not in the prompt"),
        (["a fox", "--x", "count=1,2"], 2, "with a name of"),
        (["a fox", "--x", "seed=" + ",".join(map(str, range(101)))], 2, "expected at most 100"),
        (["a fox", "--x", "steps=1", "--control", "canny"], 2, "expected MODEL=PICTURE"),
        (["a fox", "--x", "steps=1", "--lora", "./none.safetensors"], 2, "there is no LoRA at"),
        (["a fox", "--x", "steps=1", "--lora", "ink"], 2, "<lora:"),
        (["a fox", "--x", "steps=1", "-o", "x.jpg"], 2, "ends with .png"),
        (["a fox", "--x", "steps=1", "-s", "-7"], 2, "seed is -7"),
        (["a fox", "--x", "quality=fast"], 2, "has no quality 'fast'"),
    ],
)
def test_wrong_use_is_one_line(make: Run, args: list[str], code: int, said: str) -> None:
    ran = make("grid", *args, "--size", "64")
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert said in ran.err
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert list(Path.cwd().iterdir()) == []


def test_axes_read_every_kind_of_value() -> None:
    assert Axis.parse("steps = 4, 8 ,16") == Axis("steps", (4, 8, 16))
    assert Axis.parse("cfg=1,2.5") == Axis("guidance", (1.0, 2.5))
    assert Axis.parse("Scheduler=karras,beta").name == "schedule"
    assert Axis.parse("tile=true,False").values == (True, False)
    assert Axis.parse("negative=a cat,a dog").values == ("a cat", "a dog")
    wish = Axis.parse("prompt=fox,cat").put(Request(prompt="a fox"), "cat")
    assert wish.prompt == "a cat"
    for wrong in ("", "=", "size=1,2", "mask=a", "plan=x", "steps=²"):
        with pytest.raises(RequestError) as error:
            Axis.parse(wrong)
        assert "\n" not in str(error.value)
