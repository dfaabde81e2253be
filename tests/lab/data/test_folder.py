"""Folders and tables: what is good is read, what is bad is listed."""

import json
from pathlib import Path

import pytest
from PIL import Image

from molnar.base.errors import DataError
from molnar.lab.data.folder import open_data


def picture(path: Path, colour: str = "red", size: tuple[int, int] = (60, 40)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def reasons(problems: list) -> str:
    return "\n".join(f"{Path(p.path).name}: {p.reason}" for p in problems)


def test_pictures_with_text_files(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", "red")
    (tmp_path / "a.txt").write_text("a red thing\n")
    picture(tmp_path / "sub" / "b.jpg", "blue")
    (tmp_path / "sub" / "b.txt").write_text("a blue thing")
    picture(tmp_path / "c.png")
    picture(tmp_path / "d.png")
    (tmp_path / "d.txt").write_text("  ")
    (tmp_path / "e.webp").write_bytes(b"not a picture")
    (tmp_path / "e.txt").write_text("broken")
    picture(tmp_path / "f.png")
    (tmp_path / "f.txt").write_bytes(b"\xff\xfe\xfa")
    data = open_data(tmp_path, size=32)
    assert len(data) == 2
    assert [data.sample(i).caption for i in range(3)] == [
        "a red thing",
        "a blue thing",
        "a red thing",
    ]
    assert data.sample(0).image.shape == (32, 32, 4)
    assert tuple(data.sample(0).image[5, 5]) == (255, 0, 0, 255)
    listed = reasons(data.problems)
    assert "c.png: no .txt" in listed
    assert "d.png: the caption is empty" in listed
    assert "e.webp:" in listed
    assert "not a readable" in listed
    assert "f.png: its caption cannot be read" in listed
    assert len(data.problems) == 4


def test_jsonl(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    picture(tmp_path.parent / "outside.png")
    rows = [
        json.dumps({"file_name": "images/a.png", "text": "one"}),
        "{broken",
        "[1]",
        json.dumps({"file_name": "images/none.png", "text": "two"}),
        json.dumps({"file_name": "../outside.png", "text": "three"}),
        json.dumps({"file_name": "images/a.png"}),
        json.dumps({"file_name": 7, "text": "four"}),
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(rows))
    data = open_data(tmp_path)
    assert [row.caption for row in data.rows] == ["one"]
    listed = reasons(data.problems)
    for line, text in (
        (2, "not JSON"),
        (3, "not a JSON object"),
        (4, "is missing"),
        (5, "outside the folder"),
        (6, "no name or no caption"),
        (7, "no name or no caption"),
    ):
        assert f"metadata.jsonl:{line}: " in listed
        assert text in listed.splitlines()[line - 2]
    assert len(data.problems) == 6


@pytest.mark.parametrize("name", ["file_name", "image", "path"])
@pytest.mark.parametrize("text", ["text", "caption"])
def test_csv_columns(tmp_path: Path, name: str, text: str) -> None:
    picture(tmp_path / "a.png")
    table = tmp_path / "list.csv"
    table.write_text(f'{name},{text}\na.png,"red, and flat"\na.png,\n')
    for path in (tmp_path, table):
        data = open_data(path)
        assert [row.caption for row in data.rows] == ["red, and flat"]
        assert len(data.problems) == 1


def test_nothing_usable_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data at"):
        open_data(tmp_path / "absent")
    with pytest.raises(DataError, match="holds no captioned picture"):
        open_data(tmp_path)
    picture(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"first problem: .*a\.png"):
        open_data(tmp_path)


def test_names_that_no_file_can_have_are_listed(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    rows = [
        {"file_name": "a.png", "text": "red"},
        {"file_name": "data:image/png;base64," + "A" * 400, "text": "inline"},
        {"file_name": "a\u0000.png", "text": "null"},
    ]
    deep = "[" * 100_000
    lines = [*(json.dumps(row) for row in rows), deep]
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    found = open_data(tmp_path)
    assert len(found) == 1
    assert len(found.problems) == 3
    assert all("\n" not in problem.reason for problem in found.problems)


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    for name in ("a.png", "b.gif"):
        Image.new("RGB", (8, 8), "red").save(tmp_path / name)
        (tmp_path / name).with_suffix(".txt").write_text("red")
    found = open_data(tmp_path)
    assert [(Path(p.path).name, p.reason) for p in found.problems] == [
        ("b.gif", "not read: expected png, jpg, jpeg, webp")
    ]
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("image,text\na.png,red\n")
    assert [Path(p.path).name for p in open_data(tmp_path).problems] == ["two.csv"]
