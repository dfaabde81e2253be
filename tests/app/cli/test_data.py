"""`molnar data`: sheets and figures from the command line."""

import json
from pathlib import Path

from click.testing import CliRunner
from PIL import Image

from molnar.app.cli.data import data


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(data, [str(arg) for arg in args])
    return result.exit_code, result.stdout, str(result.exception or result.stderr)


def test_preview_writes_a_sheet_and_never_over_another(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    code, out, _ = run("preview", "-o", path, "--count", 4, "--kind", "counting", "--seed", 1)
    assert (code, out.strip()) == (0, str(path))
    first = path.read_bytes()
    with Image.open(path) as sheet:
        assert sheet.width == 4 * 192
    code, _, error = run("preview", "-o", path, "--count", 2)
    assert code != 0
    assert "sheet.png" in error
    assert path.read_bytes() == first
    assert run("preview", "-o", path, "--count", 2, "--force")[0] == 0
    assert path.read_bytes() != first


def test_preview_of_a_folder(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), "red").save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("red")
    code, out, _ = run("preview", "-o", tmp_path / "out.png", "--data", tmp_path)
    assert code == 0
    assert Path(out.strip()).is_file()


def test_stats_are_json_and_problems_go_to_stderr(tmp_path: Path) -> None:
    code, out, _ = run("stats", "--count", 10)
    figures = json.loads(out)
    assert code == 0
    assert sum(figures["kinds"].values()) == 10
    assert figures["problems"] == 0
    Image.new("RGB", (20, 20), "red").save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("red")
    (tmp_path / "b.png").write_bytes(b"junk")
    (tmp_path / "b.txt").write_text("broken")
    code, out, error = run("stats", "--data", tmp_path)
    assert json.loads(out) == {"pictures": 1, "problems": 1}
    assert "b.png" in error


def test_bad_pictures_are_told_by_the_preview_too(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), "red").save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("red")
    (tmp_path / "b.png").write_bytes(b"no picture")
    (tmp_path / "b.txt").write_text("broken")
    code, _, error = run("preview", "-o", tmp_path / "out.png", "--data", tmp_path)
    assert code == 0
    assert "not used" in error
    assert "b.png" in error


def test_a_mistyped_kind_names_the_right_one(tmp_path: Path) -> None:
    code, _, error = run("preview", "-o", tmp_path / "out.png", "--kind", "countng")
    assert code != 0
    assert "did you mean 'counting'" in error


def test_data_alone_lists_what_it_can_do() -> None:
    code, out, _ = run()
    assert code == 0
    assert "preview" in out
    assert "stats" in out
