from __future__ import annotations

import errno
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from molnar.app.cli.main import cli
from molnar.base import metadata
from molnar.base.request import request_from

Run = Callable[..., Any]
SMALL = ("--size", "64x64", "--steps", "1")


def opened(path: str) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def record(path: str | Path) -> dict[str, object]:
    found = metadata.read(Path(path)).record
    assert found is not None
    return found


def request(path: str | Path) -> dict[str, object]:
    wish = record(path)["request"]
    assert isinstance(wish, dict)
    return wish


def test_a_prompt_gives_a_file_named_after_it(make: Run) -> None:
    ran = make("a red circle", "-s", "7", *SMALL)
    assert (ran.code, ran.out) == (0, "a-red-circle-7.png\n")
    assert "seed 7" in ran.err
    assert opened("a-red-circle-7.png").size == (64, 64)


@pytest.mark.parametrize(
    "args",
    [
        ["make", "a fox"],
        ["a fox"],
        ["a", "fox"],
        ["-p", "a fox"],
        ["make", "--prompt", "a fox"],
        ["--prompt-file", "p.txt"],
        ["-"],
        ["-p", "-"],
    ],
)
def test_ways_to_give_a_prompt(make: Run, args: list[str]) -> None:
    Path("p.txt").write_text("a fox\n")
    ran = make(*args, "-s", "1", *SMALL, stdin="a fox\n")
    assert ran.code == 0, ran.err
    assert ran.out == "a-fox-1.png\n"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--steps", "2"], {"steps": 2}),
        (["--cfg-scale", "3.5"], {"guidance": 3.5}),
        (["--guidance", "3"], {"guidance": 3}),
        (["--cfg", "1"], {"guidance": 1}),
        (["-n", "blue"], {"negative_prompt": "blue"}),
        (["--no", "blue"], {"negative_prompt": "blue"}),
        (["--sampler", "unipc"], {"sampler": "unipc"}),
        (["--scheduler", "beta"], {"schedule": "beta"}),
        (["--transparent"], {"transparent": True}),
        (["-W", "128", "-H", "64"], {"width": 128, "height": 64}),
        (["--size", "128x72"], {"width": 128, "height": 72}),
        (["--size", "96"], {"width": 96, "height": 96}),
        (["--ar", "2:1", "-W", "128"], {"width": 128, "height": 64}),
        (["--ar", "1:2", "-W", "64"], {"width": 64, "height": 128}),
        (["--ar", "3:2", "-H", "64"], {"width": 96, "height": 64}),
        (["-b", "1"], {"count": 1}),
    ],
)
def test_flags_reach_the_request(make: Run, args: list[str], expected: dict[str, object]) -> None:
    small = [] if {"-W", "-H", "--size"} & set(args) else ["--size", "64"]
    steps = [] if "--steps" in args else ["--steps", "1"]
    ran = make("a fox", "-s", "1", "-o", "out.png", *args, *small, *steps)
    assert ran.code == 0, ran.err
    assert request("out.png").items() >= expected.items()


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["make"], 2, "no prompt"),
        (["a fox", "-p", "a cat"], 2, "2 prompts"),
        ([""], 2, "no prompt"),
        (["a fox", "--steps", "0"], 2, "steps is 0; expected 1 to 150"),
        (["a fox", "--steps", "many"], 2, "--steps"),
        (["a fox", "-W", "100"], 2, "multiple of 8"),
        (["a fox", "-H", "4096"], 2, "expected 64 to 2048"),
        (["a fox", "--size", "big"], 2, "WIDTHxHEIGHT"),
        (["a fox", "--size", "64x64", "-W", "64"], 2, "one or the other"),
        (["a fox", "--ar", "wide"], 2, "3:2"),
        (["a fox", "--ar", "0:1"], 2, "3:2"),
        (["a fox", "--ar", "1:1", "--size", "64"], 2, "one side"),
        (["a fox", "-b", "65"], 2, "expected 1 to 64"),
        (["a fox", "-s", "-2"], 2, "seed is -2"),
        (["a fox", "-s", "4294967296"], 2, "4294967295"),
        (["a fox", "--sampler", "eular"], 2, "'euler'"),
        (["a fox", "--scheduler", "karas"], 2, "'karras'"),
        (["a fox", "--engine", "abacus"], 2, "onnx, torch"),
        (["a fox", "-t", "0"], 2, "threads=0"),
        (["a fox", "-o", "out.gif"], 2, ".webp"),
        (["a fox", "-o", "out"], 2, "folder ending with /"),
        (["a fox", "-o", "-", "-b", "2"], 2, "-o FOLDER/"),
        (["x" * 2001], 2, "2001 characters"),
        (["--prompt-file", "none.txt"], 1, "none.txt cannot be read"),
        (["--prompt-file", "latin.txt"], 1, "UTF-8"),
        (["--like", "none.png"], 1, "none.png cannot be read"),
        (["--like", "plain.png"], 1, "says nothing"),
    ],
)
def test_wrong_use_is_one_line(make: Run, args: list[str], code: int, said: str) -> None:
    Path("latin.txt").write_bytes(b"\xe9\xff")
    Image.new("RGB", (8, 8)).save("plain.png")
    small = [] if {"--size", "-W", "-H", "--ar"} & set(args) else ["--size", "64"]
    # The last -t wins: one that is tested must not be followed by the fixture's own.
    threads = [] if "-t" in args else ["-t", "1"]
    ran = CliRunner().invoke(cli, [*args, "-m", "tiny", *small, *threads])
    assert ran.exit_code == code, ran.stderr
    assert said in ran.stderr
    assert ran.stderr.startswith("error: ")
    assert ran.stderr.count("\n") == 1
    assert ran.stdout == ""
    assert sorted(p.name for p in Path.cwd().iterdir()) == ["latin.txt", "plain.png"]


@pytest.mark.parametrize(
    ("args", "files"),
    [
        (["-o", "x.png"], ["x.png"]),
        (["-o", "x.jpg"], ["x.jpg"]),
        (["-o", "x.webp"], ["x.webp"]),
        (["-o", "new/"], ["new/a-fox-5.png"]),
        (["-o", "new/deep/x.png"], ["new/deep/x.png"]),
        (["-o", "x.png", "-b", "2"], ["x-5.png", "x-6.png"]),
        (["-o", "x-{seed}.png", "-b", "2"], ["x-5.png", "x-6.png"]),
        (["-o", "x%d.png", "-b", "2"], ["x1.png", "x2.png"]),
        (["-o", "x%03d.png", "-b", "2"], ["x001.png", "x002.png"]),
        (["-b", "2"], ["a-fox-5.png", "a-fox-6.png"]),
        (["-s", "9"], ["a-fox-5.png", "a-fox-9.png"]),
        (["-s", "9", "-b", "2"], ["a-fox-5.png", "a-fox-6.png", "a-fox-9.png", "a-fox-10.png"]),
    ],
)
def test_names_of_files(make: Run, args: list[str], files: list[str]) -> None:
    ran = make("a fox", "-s", "5", *SMALL, *args)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == files
    assert all(Path(file).is_file() for file in files)


def test_a_default_name_steps_aside(make: Run) -> None:
    names = [make("a fox", "-s", "5", *SMALL).out.strip() for _ in range(3)]
    assert names == ["a-fox-5.png", "a-fox-5-1.png", "a-fox-5-2.png"]
    assert make("a fox", "-s", "5", *SMALL, "-f").out.strip() == "a-fox-5.png"


@pytest.mark.parametrize("args", [["-o", "x.png"], ["-o", "x%d.png"], ["-o", "{seed}.png"]])
def test_an_explicit_name_is_never_overwritten(make: Run, args: list[str]) -> None:
    ran = make("a fox", "-s", "5", *SMALL, *args)
    path = Path(ran.out.strip())
    path.write_bytes(b"precious")
    again = make("a fox", "-s", "5", *SMALL, *args)
    assert again.code == 2
    assert "--force" in again.err
    assert path.read_bytes() == b"precious"
    assert make("a fox", "-s", "5", *SMALL, *args, "--force").code == 0
    assert path.read_bytes() != b"precious"


def test_stdout_takes_the_picture(make: Run) -> None:
    ran = make("a fox", "-s", "5", *SMALL, "-o", "-")
    assert ran.code == 0
    assert Image.open(io.BytesIO(ran.raw)).size == (64, 64)
    assert list(Path.cwd().iterdir()) == []


def test_json(make: Run) -> None:
    ran = make("a fox", "-s", "5", "-b", "2", *SMALL, "--json")
    rows = json.loads(ran.out)
    assert [row["path"] for row in rows] == ["a-fox-5.png", "a-fox-6.png"]
    assert [row["seed"] for row in rows] == [5, 6]
    assert rows[0]["request"]["steps"] == 1


@pytest.mark.parametrize("args", [[], ["-s", "-1"]])
def test_a_random_seed_is_printed_and_repeats_the_picture(make: Run, args: list[str]) -> None:
    ran = make("a fox", *args, *SMALL, "-o", "one.png")
    seed = ran.err.split("seed ")[1].split(",")[0]
    make("a fox", "-s", seed, *SMALL, "-o", "two.png")
    assert record("one.png")["pixels_sha256"] == record("two.png")["pixels_sha256"]


def test_two_random_seeds_differ(make: Run) -> None:
    ran = make("a fox", "-s", "-1", "-s", "-1", *SMALL)
    assert len(set(ran.out.split())) == 2


def test_like_repeats_a_picture_and_flags_win(make: Run) -> None:
    make("a fox", "-s", "5", "-b", "2", *SMALL, "--sampler", "heun", "--transparent")
    make("--like", "a-fox-6.png", "-o", "same.png")
    assert record("same.png")["pixels_sha256"] == record("a-fox-6.png")["pixels_sha256"]
    make("a cat", "--like", "a-fox-6.png", "--steps", "2", "-o", "other.png")
    expected = {"prompt": "a cat", "steps": 2, "sampler": "heun", "seed": 6, "transparent": True}
    assert request("other.png").items() >= expected.items()


def test_like_reads_the_a1111_text_too(make: Run) -> None:
    make("a fox", "-s", "5", *SMALL, "--sampler", "heun", "-o", "ours.png")
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    chunks.add_text("parameters", metadata.read("ours.png").text["parameters"])
    opened("ours.png").save("theirs.png", pnginfo=chunks)
    make("--like", "theirs.png", "-o", "again.png")
    assert (np.asarray(opened("again.png")) == np.asarray(opened("ours.png"))).all()


def test_transparent_pictures_have_alpha(make: Run) -> None:
    make("a fox", "-s", "5", *SMALL, "--transparent", "-o", "clear.png")
    make("a fox", "-s", "5", *SMALL, "-o", "full.png")
    assert opened("clear.png").mode == "RGBA"
    assert opened("full.png").mode == "RGB"


def test_no_metadata_leaves_the_mark_and_nothing_else(make: Run) -> None:
    make("a secret fox", "-s", "5", *SMALL, "--no-metadata", "-o", "x.png")
    found = metadata.read("x.png")
    assert found.generated
    assert b"secret" not in Path("x.png").read_bytes()
    make("a fox", "-s", "5", *SMALL, "-o", "y.png")
    assert request_from(metadata.read("y.png")).prompt == "a fox"


def test_quiet_and_verbose(make: Run) -> None:
    assert make("a fox", "-s", "5", *SMALL, "-q").err == ""
    assert "diffusion" in make("a fox", "-s", "5", *SMALL, "-v").err


def test_a_cut_shape_is_said(make: Run) -> None:
    ran = make("a fox", "-s", "5", "--size", "128x64", "--steps", "1")
    assert "cut to 128 x 64" in ran.err


def test_a_full_disk_leaves_nothing(make: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    ran = make("a fox", "-s", "5", *SMALL)
    assert ran.code == 1
    assert "No space left on device" in ran.err
    assert "Traceback" not in ran.err
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("target", ["file/x.png", "file/", "/proc/none/x.png"])
def test_an_unwritable_folder_is_refused_before_drawing(
    make: Run, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    Path("file").write_text("in the way")
    monkeypatch.setattr("molnar.pipeline.load", None)
    ran = make("a fox", "-s", "5", *SMALL, "-o", target)
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert "bug" not in ran.err


def test_an_interrupt_keeps_finished_pictures(make: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from molnar.engines.onnx import OnnxParts

    calls: list[int] = []
    velocity = OnnxParts.velocity

    def third_fails(self: OnnxParts, *args: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return velocity(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(OnnxParts, "velocity", third_fails)
    ran = make("a fox", "-s", "5", "-b", "2", "--size", "64", "--steps", "2")
    assert ran.code == 130
    assert "interrupted" in ran.err
    assert [path.name for path in Path.cwd().iterdir()] == ["a-fox-5.png"]


def test_a_damaged_model_is_named(tmp_path: Path, tiny: Path) -> None:
    import shutil

    folder = Path(shutil.copytree(tiny, tmp_path / "bad"))
    data = bytearray((folder / "decoder.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "decoder.safetensors").write_bytes(data)
    result = CliRunner().invoke(cli, ["a fox", "-m", str(folder)])
    assert result.exit_code == 1
    assert "decoder.safetensors: damaged, sha256" in result.stderr


def test_the_best_of_several_is_named_and_repeats_alone(make: Run) -> None:
    ran = make("a fox", "-s", "4", "--best-of", "3", *SMALL)
    assert ran.code == 0
    assert "best of 3, fit " in ran.err
    [path] = ran.out.split()
    seed = record(path)["seed"]
    assert seed in (4, 5, 6)
    assert path == f"a-fox-{seed}.png"
    alone = make("a fox", "-s", str(seed), "-o", "alone.png", *SMALL)
    assert "best of" not in alone.err
    assert np.array_equal(np.asarray(opened(path)), np.asarray(opened("alone.png")))


@pytest.mark.parametrize("number", ["0", "17", "x"])
def test_how_many_to_choose_from_has_limits(make: Run, number: str) -> None:
    ran = make("a fox", "--best-of", number, *SMALL)
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1


def test_seeds_that_choose_among_the_same_pictures_are_refused(make: Run) -> None:
    ran = make("a fox", "-s", "4", "-s", "6", "--best-of", "3", *SMALL)
    assert ran.code == 2
    assert "at least 3 apart" in ran.err
    assert make("a fox", "-s", "4", "-s", "7", "--best-of", "3", *SMALL).code == 0


def test_a_file_that_any_candidate_would_replace_is_kept(make: Run) -> None:
    Path("6.png").write_bytes(b"mine")
    ran = make("a fox", "-s", "4", "--best-of", "3", "-o", "{seed}.png", *SMALL)
    assert ran.code == 2
    assert Path("6.png").read_bytes() == b"mine"
