"""The name of a wildcard in, its lines out, from given folders only."""

from __future__ import annotations

from pathlib import Path

import pytest

from molnar.base.errors import RequestError
from molnar.text import wildcards
from molnar.text.variants import variant
from molnar.text.wildcards import WILDCARD, Wildcards


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "words"
    (inside / "artists" / "old").mkdir(parents=True)
    (inside / "colours.txt").write_text("\ufeff# warm\nred\n\n  orange  \n", encoding="utf-8")
    (inside / "colours_cold.txt").write_text("blue")
    (inside / "artists" / "op.txt").write_text("riley\nvasarely")
    (inside / "artists" / "old" / "masters.txt").write_text("rubens")
    (inside / "places.json").write_text('{"sea": {"deep": ["reef", 7]}, "land": ["moor"]}')
    (inside / "artists" / "list.json").write_text('["molnar"]')
    (tmp_path / "secret.txt").write_text("secret")
    return inside


@pytest.mark.parametrize(
    "name, lines",
    [
        ("colours", ("red", "orange")),
        ("colours*", ("red", "orange", "blue")),
        ("artists/op", ("riley", "vasarely")),
        ("artists/*", ("molnar", "riley", "vasarely")),
        ("artists/**", ("molnar", "rubens", "riley", "vasarely")),
        ("**/masters", ("rubens",)),
        ("sea/deep", ("reef", "7")),
        ("land", ("moor",)),
        ("artists/list", ("molnar",)),
    ],
)
def test_names(folder: Path, name: str, lines: tuple[str, ...]) -> None:
    assert Wildcards([folder]).lines(name) == lines


def test_a_missing_one_names_the_nearest(folder: Path) -> None:
    with pytest.raises(RequestError, match=r"__colors__ is not known \(did you mean 'colours'\?\)"):
        Wildcards([folder]).lines("colors")
    with pytest.raises(RequestError, match="has no folder"):
        Wildcards().lines("colours")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "artists/../../secret"])
def test_nothing_outside_is_read(folder: Path, name: str) -> None:
    with pytest.raises(RequestError, match="leads out of its folder"):
        Wildcards([folder]).lines(name)


def test_links_that_lead_out_are_not_there(folder: Path) -> None:
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "up").symlink_to(folder.parent, target_is_directory=True)
    (folder / "same.txt").symlink_to(folder / "colours_cold.txt")
    known = Wildcards([folder])
    assert known.lines("same") == ("blue",)
    assert "secret" not in known.lines("**")
    with pytest.raises(RequestError, match="is not known"):
        known.lines("link")


def test_the_first_folder_wins(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "colours.txt").write_text("pink")
    assert Wildcards([mine, folder]).lines("colours") == ("pink",)
    assert Wildcards([folder, mine]).lines("colours") == ("red", "orange")


def test_a_circle_is_refused_whatever_is_drawn(folder: Path) -> None:
    (folder / "a.txt").write_text("x\n{y|__b__}")
    (folder / "b.txt").write_text("__a__")
    for seed in range(4):
        with pytest.raises(RequestError, match=r"leads to itself \(a -> b -> a\)"):
            variant("__a__", seed, [folder])


def test_a_long_chain_is_refused(folder: Path) -> None:
    for number in range(30):
        (folder / f"n{number}.txt").write_text(f"__n{number + 1}__")
    (folder / "n30.txt").write_text("end")
    assert variant("__n15__", 0, [folder]) == "end"
    with pytest.raises(RequestError, match="leads through more than 20"):
        variant("__n0__", 0, [folder])


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("x.yaml", b"a: b", "is YAML; expected .txt or .json"),
        ("x.txt", b"\xff\xfe", "cannot be read"),
        ("x.txt", b"# nothing\n", "__x__ is empty"),
        ("x.json", b"{", "is not JSON"),
        ("x.json", b'{"a": 1}', "has a int at a"),
        ("x.json", b'{"a": [[1]]}', "has a list at a"),
        ("x.json", b"[" * 100_000, "is not JSON"),
        ("x.json", b'{"a":' * 40 + b"[]" + b"}" * 40, "objects deep"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RequestError, match=message):
        Wildcards([tmp_path]).lines("x")


def test_large_files_and_missing_folders_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wildcards, "MAX_BYTES", 2)
    (tmp_path / "x.txt").write_text("red")
    with pytest.raises(RequestError, match="larger than"):
        Wildcards([tmp_path]).lines("x")
    with pytest.raises(RequestError, match="does not exist"):
        Wildcards([tmp_path / "nowhere"]).lines("x")


def test_what_a_name_looks_like() -> None:
    text = "a __x__ and __a/b-c.d*__, not ____ nor __ x __ nor snake_case__ nor _____"
    assert WILDCARD.findall(text) == ["x", "a/b-c.d*"]
