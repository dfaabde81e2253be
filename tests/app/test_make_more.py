"""`molnar make` with the prompt language, with pictures to start from, and with sheets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molnar.app.jobs import Store
from molnar.base import metadata

Run = Callable[..., Any]
SMALL = ("--size", "64", "--steps", "1", "-s", "5")


def record(path: str) -> dict[str, Any]:
    found = metadata.read(path).record
    assert found is not None
    return found


def pixels(path: str) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


# ---------------------------------------------------------------- the prompt language


def test_permutations_are_a_job_each(make: Run) -> None:
    ran = make("a {red, blue} fox", *SMALL)
    assert ran.out.splitlines() == ["a-red-fox-5.png", "a-blue-fox-5.png"], ran.err
    with Store.open() as store:
        assert [store.job(job).prompt for job in ("a1", "a2")] == ["a red fox", "a blue fox"]


def test_variants_are_drawn_for_each_picture_of_one_job(make: Run) -> None:
    ran = make("a {red|blue|green} fox", *SMALL, "-b", "4")
    names = ran.out.splitlines()
    assert len(names) == 4
    prompts = [record(name)["request"]["prompt"] for name in names]
    assert len(set(prompts)) > 1
    assert {record(name)["request"]["template"] for name in names} == {"a {red|blue|green} fox"}
    with Store.open() as store:
        assert store.count() == 1
    # each picture is the one of its own seed, whatever is drawn beside it
    for name in names:
        seed = str(record(name)["seed"])
        make("a {red|blue|green} fox", *SMALL[:-2], "-s", seed, "-o", "alone.png", "-f")
        assert record("alone.png")["pixels_sha256"] == record(name)["pixels_sha256"]
    assert make("verify", *names).code == 0


def test_flags_at_the_end_of_the_prompt_win(make: Run) -> None:
    ran = make("-p", "a fox --ar 2:1 --seed 9 --no cats --chaos 20", "--steps", "1", "-s", "5")
    assert ran.out == "a-fox-9.png\n", ran.err
    told = record("a-fox-9.png")["request"]
    assert (told["prompt"], told["negative_prompt"], told["chaos"]) == ("a fox", "cats", 20)
    assert told["width"] == 2 * told["height"] or abs(told["width"] / told["height"] - 2) < 0.05


def test_repeat_is_a_job_more_with_the_seeds_that_come_next(make: Run) -> None:
    ran = make("-p", "a fox --repeat 2", *SMALL, "--count", "2")
    names = [f"a-fox-{seed}.png" for seed in (5, 6, 7, 8)]
    assert ran.out.splitlines() == names, ran.err
    with Store.open() as store:
        assert store.count() == 2


def test_literally_a_prompt_is_what_it_says(make: Run) -> None:
    text = "a {red, blue} (fox:1.3) <lora:x:1> --ar 2:1"
    ran = make("--literal", "-p", text, *SMALL, "-o", "x.png")
    assert (ran.code, ran.out) == (0, "x.png\n"), ran.err
    told = record("x.png")["request"]
    assert (told["prompt"], told["literal"]) == (text, True)
    assert make("verify", "x.png").code == 0
    assert make("--like", "x.png", "-o", "y.png").code == 0
    assert record("y.png")["pixels_sha256"] == record("x.png")["pixels_sha256"]


def test_names_of_files_are_words(make: Run) -> None:
    assert make("a (red:1.3) circle AND a [fox]", *SMALL).out == "a-red-circle-a-fox-5.png\n"


def test_styles_and_wildcards(make: Run) -> None:
    Path("words").mkdir()
    Path("words/animal.txt").write_text("fox\n")
    Path("mine.csv").write_text("name,prompt,negative_prompt\nbig,a huge {prompt},tiny\n")
    ran = make(
        *("an __animal__", "--wildcards", "words", "--styles-file", "mine.csv", "--style", "big"),
        *SMALL, "-o", "x.png",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    told = record("x.png")["request"]
    assert (told["prompt"], told["negative_prompt"]) == ("a huge an fox", "tiny")
    assert told["template"]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["a <lora:ink:0.8> fox"], 2, "the lora 'ink'; this model takes none"),
        (["a (red:9) fox"], 2, "weight 9"),
        (["a fox --stylize 400"], 2, "--stylize 400: this model has no style of its own"),
        (["a {red, blue} fox", "-o", "x.png"], 2, "two pictures would be x-5.png"),
        (["a {a,b}{c,d}{e,f}{g,h}{i,j}{k,l}"], 2, "64 combinations; expected at most 40"),
        (["a __nothing__ fox"], 2, "nothing"),
        (["a fox", "--style", "no-such"], 2, "no-such"),
        (["a fox", "--strength", "0.5"], 2, "strength is 0.5 without a picture"),
        (["a fox", "--mask", "old.png"], 2, "a mask or an outpaint without a picture"),
        (["a fox", "--outpaint", "8,0,0,0"], 2, "a mask or an outpaint without a picture"),
        (["a fox", "-i", "none.png"], 2, "no picture 'none.png'"),
        (["a fox", "-i", "old.png", "--tile"], 2, "tile and a picture"),
        (["a fox", "-i", "old.png", "--strength", "2"], 2, "strength is 2.0; expected 0 to 1"),
        (["a fox", "-i", "old.png", "--outpaint", "8,0"], 2, "expected LEFT,TOP,RIGHT,BOTTOM"),
        (["a fox", "-i", "old.png", "--outpaint", "64,0,0,0"], 2, "outpaint adds 64 x 0"),
        (["a fox", "-i", "old.png", "--mask", "wide.png"], 2, "the mask is 96 x 64"),
        (["-i", "old.png"], 2, "no prompt"),
        (["a fox", "-i", "moving.webp"], 1, "moving.webp moves"),
        (["a fox", "--iw", "1"], 2, "--iw without a picture"),
        (["a fox", "--grid", "-b", "3"], 2, "a grid has 4 pictures"),
        (["a fox", "--grid", "-o", "-"], 2, "-o FOLDER/"),
        (["a fox", "--stop", "5"], 2, "stop is 5; expected 10 to 100"),
        (["a fox", "--chaos", "-1"], 2, "chaos is -1"),
    ],
)
def test_wrong_use_is_one_line(make: Run, args: list[str], code: int, said: str) -> None:
    Image.new("RGB", (64, 64)).save("old.png")
    Image.new("RGB", (96, 64)).save("wide.png")
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save("moving.webp", save_all=True, append_images=frames[1:])
    ran = make(*args, *SMALL)
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert said in ran.err
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert len(list(Path.cwd().iterdir())) == 3


# ---------------------------------------------------------------- pictures to start from


@pytest.mark.parametrize(
    ("size", "flags", "expected"),
    [
        ((64, 96), [], (64, 96)),
        ((75, 101), [], (72, 104)),
        ((20, 30), [], (64, 64)),
        ((64, 96), ["--size", "80x72"], (72, 80)),
        ((64, 96), ["--outpaint", "16,8,0,0"], (72, 112)),
        ((30, 2400), [], (64, 2048)),
        ((64, 64), ["--ar", "1:1", "-W", "128"], (128, 128)),
    ],
)
def test_a_picture_to_start_from_decides_the_size_unless_a_flag_does(
    make: Run, size: tuple[int, int], flags: list[str], expected: tuple[int, int]
) -> None:
    Image.fromarray(np.full((*size, 3), 99, np.uint8)).save("old.png")
    ran = make("a fox", "-i", "old.png", "--steps", "1", "-s", "5", "-o", "new.png", *flags)
    assert ran.code == 0, ran.err
    assert pixels("new.png").shape[:2] == expected
    assert make("verify", "new.png").code == 0


def test_from_a_picture_of_the_history_with_its_prompt(make: Run) -> None:
    make("a red circle", *SMALL, "-o", "old.png")
    ran = make("-i", "a1.1", "--strength", "0", "-s", "1", "--steps", "1", "-o", "same.png")
    assert ran.code == 0, ran.err
    np.testing.assert_array_equal(pixels("same.png"), pixels("old.png"))
    assert record("same.png")["request"]["prompt"] == "a red circle"
    make("a fox", "-i", "old.png", "--strength", "0.9", *SMALL, "-o", "new.png")
    assert record("new.png")["request"]["strength"] == 0.9
    assert record("new.png")["request"]["image"].startswith("sha256:")
    with Store.open() as store:
        [link] = store.lineage("a2").ancestors
        assert (link.job, link.number, link.role) == ("a1", 1, "init")


def test_outside_the_mask_nothing_changes(make: Run) -> None:
    make("a red circle", *SMALL, "-o", "old.png")
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[:20, :20] = 255
    Image.fromarray(mask).save("mask.png")
    ran = make(
        *("a fox", "-i", "old.png", "--mask", "mask.png", "--feather", "4", *SMALL),
        *("-b", "2", "-o", "new.png"),
    )
    assert ran.out.splitlines() == ["new-5.png", "new-6.png"], ran.err
    for name in ran.out.split():
        changed = (pixels(name) != pixels("old.png")).any(axis=-1)
        assert changed[:20, :20].any()
        assert not changed[24:].any()
        assert not changed[:, 24:].any()


def test_tiles_stop_and_chaos_reach_the_request(make: Run) -> None:
    make("a fox", *SMALL, "--tile", "--stop", "50", "--chaos", "30", "-o", "x.png")
    told = record("x.png")["request"]
    assert (told["tile"], told["stop"], told["chaos"]) == (True, 50, 30)
    assert make("--like", "x.png", "-o", "y.png").code == 0
    assert record("y.png")["pixels_sha256"] == record("x.png")["pixels_sha256"]


def test_like_repeats_a_variation_and_other_words_need_another_plan(make: Run) -> None:
    make("a red circle", *SMALL)
    make("vary", "a1", "-s", "9", "-b", "2", "-o", "v.png")
    make("--like", "v-10.png", "-o", "same.png")
    assert record("same.png")["pixels_sha256"] == record("v-10.png")["pixels_sha256"]
    make("zoom", "a1", "1.5", "-s", "9", "-o", "z.png")
    make("--like", "z.png", "-o", "zz.png")
    assert record("zz.png")["pixels_sha256"] == record("z.png")["pixels_sha256"]
    make("a fox", "--like", "z.png", "-o", "other.png")
    assert record("other.png")["request"]["plan"] == []


# ---------------------------------------------------------------- sheets


def test_a_grid_is_four_pictures_and_their_sheet(make: Run) -> None:
    ran = make("a fox", *SMALL, "--grid", "-o", "cards/")
    names = [f"cards/a-fox-{seed}.png" for seed in (5, 6, 7, 8)]
    assert ran.out.splitlines() == [*names, "cards/a-fox-5-grid.png"]
    sheet = pixels("cards/a-fox-5-grid.png")
    quarters = [sheet[:64, :64], sheet[:64, 64:], sheet[64:, :64], sheet[64:, 64:]]
    for name, quarter in zip(names, quarters, strict=True):
        np.testing.assert_array_equal(pixels(name), quarter)
    with Store.open() as store:
        job = store.job("a1")
        assert job.grid is not None
        np.testing.assert_array_equal(pixels(str(job.grid.path)), sheet)


def test_a_grid_of_variants_says_all_of_them(make: Run) -> None:
    ran = make("a {red|blue} fox", *SMALL, "--grid", "-o", "x.png")
    assert ran.code == 0, ran.err
    assert make("verify", *ran.out.split()).code == 0


def test_a_shape_beside_a_picture_has_the_area_that_the_model_draws_best(
    make: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("molnar.drawers.native_size", lambda *_: {"height": 64, "width": 64})
    Image.new("RGB", (256, 128)).save("old.png")
    for flags, shape in (((), (128, 256)), (("--ar", "1:1"), (64, 64))):
        given = ("-i", "old.png", *flags, "--steps", "1", "-s", "1", "-o", "new.png", "-f")
        ran = make("a fox", *given)
        assert ran.code == 0, ran.err
        assert pixels("new.png").shape[:2] == shape
