"""`molnar upscale`: larger, of a picture of the history or of any file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molnar.app.jobs import Store

Run = Callable[..., Any]
SMALL = ("--size", "64", "--steps", "1", "-s", "5")


def size(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_twice_or_four_times_and_from_a_file(make: Run) -> None:
    make("a red circle", *SMALL, "-o", "old.png")
    for source in ("a1.1", "old.png"):
        ran = make("upscale", source, "-o", "new.png", "-f")
        assert ran.code == 0, ran.err
        assert size("new.png") == (128, 128)
    assert make("upscale", "a1", "--scale", "4", "-o", "four.png").code == 0
    assert size("four.png") == (256, 256)
    Image.fromarray(np.full((33, 69, 4), 99, np.uint8)).save("odd.png")
    make("upscale", "odd.png", "-o", "large.webp")
    assert size("large.webp") == (136, 64)
    ran = make("verify", "new.png", "four.png", "large.webp")
    assert ran.out.splitlines() == [
        f"{name}: identical" for name in ("new.png", "four.png", "large.webp")
    ]
    with Store.open() as store:
        assert store.job("a4").extra == {"scale": 4, "creative": False}
        assert [link.role for link in store.lineage("a4").ancestors] == ["upscale"]


def test_a_seed_is_kept_and_changes_nothing_where_nothing_is_drawn(make: Run) -> None:
    make("a red circle", *SMALL)
    for args in ([], ["-s", "9"]):
        assert make("upscale", "a1.1", *args).code == 0
    with Store.open() as store:
        one, other = (store.job(name).pictures[0] for name in ("a2", "a3"))
        assert (one.seed, other.seed) == (0, 9)
        assert one.pixels_sha256 == other.pixels_sha256


def test_nothing_is_left_to_chance_unless_it_may_be_creative(make: Run) -> None:
    Image.fromarray(np.arange(64 * 64 * 3, dtype=np.uint32).astype(np.uint8).reshape(64, 64, 3)
                    ).save("old.png")  # fmt: skip
    for name in ("a.png", "b.png"):
        make("upscale", "old.png", "-o", name)
        make("upscale", "old.png", "--creative", "-o", f"c{name}")
    read = {name: Path(name).read_bytes() for name in ("ca.png", "cb.png")}
    with Image.open("a.png") as one, Image.open("b.png") as other:
        assert (np.asarray(one) == np.asarray(other)).all()
    assert read["ca.png"] != read["cb.png"]
    ran = make("verify", "ca.png")
    assert ran.out == "ca.png: identical\n"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["upscale"], 2, "PICTURE"),
        (["upscale", "old.png", "--scale", "3"], 2, "--scale"),
        (["upscale", "large.png"], 2, "the picture would be 2400 x 128; expected at most 2048"),
        (["upscale", "none.png"], 2, "no picture"),
        (["upscale", "old.png", "-o", "none"], 2, "folder ending with /"),
        (["upscale", "old.png", "-m", "no-such"], 1, "no-such"),
    ],
)
def test_wrong_use_is_one_line(say: Run, args: list[str], code: int, said: str) -> None:
    Image.new("RGB", (64, 64)).save("old.png")
    Image.new("RGB", (1200, 64)).save("large.png")
    model = [] if "-m" in args else ["-m", "tiny"]
    ran = say(*args, *model)
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["large.png", "old.png"]
