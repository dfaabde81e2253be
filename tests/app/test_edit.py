"""`molnar edit`: a part drawn anew, and the rest as it was, to the last pixel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molnar.app.cli.edit import region
from molnar.app.jobs import Store
from molnar.app.orders.tasks import rectangle
from molnar.base.errors import RequestError

Run = Callable[..., Any]
SMALL = ("--size", "64", "--steps", "1", "-s", "5")


def pixels(path: str | Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("source", ["a1.1", "old.png"])
def test_a_region_is_drawn_anew(make: Run, source: str) -> None:
    make("a red circle", *SMALL, "-o", "old.png")
    ran = make(
        *("edit", source, "--region", "8,16,24,20", "-p", "a fox", "--feather", "0"),
        *("-s", "1", "-o", "new.png"),
    )
    assert ran.code == 0, ran.err
    changed = (pixels("new.png") != pixels("old.png")).any(axis=-1)
    assert changed[16:36, 8:32].any()
    changed[16:36, 8:32] = False
    assert not changed.any()
    assert make("verify", "new.png").out == "new.png: identical\n"


def test_a_mask_of_the_history_or_a_file(make: Run) -> None:
    make("a red circle", *SMALL, "-o", "old.png")
    mask = np.zeros((64, 64, 4), np.uint8)
    mask[40:50, 40:50] = 255
    Image.fromarray(mask).save("mask.png")
    ran = make("edit", "a1", "--mask", "mask.png", "-s", "1", "-b", "2", "-o", "new.png")
    assert ran.out.splitlines() == ["new-1.png", "new-2.png"], ran.err
    far = np.ones((64, 64), bool)
    far[32:58, 32:58] = False
    for name in ("new-1.png", "new-2.png"):
        assert not (pixels(name) != pixels("old.png")).any(axis=-1)[far].any()
    assert (pixels("new-1.png") != pixels("new-2.png")).any()
    Path("mask.png").unlink()  # a copy is kept with the job
    assert make("verify", "a2.1", "a2.2", "new-2.png").code == 0
    make("edit", "a1", "--mask", "a2.1", "-s", "1", "-o", "other.png")
    with Store.open() as store:
        assert [(link.job, link.role) for link in store.lineage("a3").ancestors][:2] == [
            ("a1", "edit"), ("a2", "mask"),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ([], 2, "got none; expected one of --mask, --region, --where"),
        (["--mask", "m.png", "--region", "0,0,8,8"], 2, "got --mask and --region"),
        (["--region", "0,0,8"], 2, "expected X,Y,WIDTH,HEIGHT"),
        (["--region", "60,0,8,8"], 2, "x + width up to 64"),
        (["--region", "0,0,0,8"], 2, "neither side 0"),
        (["--mask", "none.png"], 2, "no picture 'none.png'"),
        (["--mask", "black.png"], 2, "the mask is empty"),
        (["--mask", "wide.png"], 2, "the mask is 96 x 64 pixels and the picture 64 x 64"),
        (["--region", "0,0,8,8", "--feather", "200"], 2, "feather is 200; expected 0 to 128"),
        (["--region", "0,0,8,8", "-p", "a <lora:x:1>"], 2, "takes none"),
    ],
)
def test_wrong_use_is_one_line(make: Run, args: list[str], code: int, said: str) -> None:
    for name, size, colour in [
        ("old.png", (64, 64), "red"), ("black.png", (64, 64), "black"),
        ("wide.png", (96, 64), "white"), ("m.png", (64, 64), "white"),
    ]:  # fmt: skip
        Image.new("RGB", size, colour).save(name)
    ran = make("edit", "old.png", *args)
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert said in ran.err
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert len(list(Path.cwd().iterdir())) == 4


def test_a_rectangle_is_white_where_it_is() -> None:
    mask = rectangle(region("2, 1, 3, 4"), (8, 6))
    assert mask.shape == (8, 6, 3)
    assert mask[1:5, 2:5].min() == 255
    assert mask.sum() == 255 * 3 * 12
    assert rectangle(region("0,0,6,8"), (8, 6)).min() == 255
    for wrong in ("1,1,6,1", "0,0,1,9", "-1,0,2,2", "a,b,c,d", "1 1 2 2", ""):
        with pytest.raises(RequestError):
            rectangle(region(wrong), (8, 6))
