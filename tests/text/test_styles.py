"""A style and a prompt in, the styled prompt out."""

from __future__ import annotations

from pathlib import Path

import pytest

from molnar.base.errors import RequestError
from molnar.base.looks import LOOKS
from molnar.lab.data.captions import STYLE_WORDS
from molnar.text import styles
from molnar.text.styles import Style, apply_style, built_in, named, read_styles


@pytest.mark.parametrize(
    "style, given, wanted",
    [
        (Style("x", "ink", "blur"), ("a fox", ""), ("a fox, ink", "blur")),
        (Style("x", "ink of {prompt}, old", ""), ("a fox", "mud"), ("ink of a fox, old", "mud")),
        (Style("x", "", "no {prompt}, no blur"), ("a fox", "mud"), ("a fox", "no mud, no blur")),
        (Style("x"), ("a fox", "mud"), ("a fox", "mud")),
        (Style("x", "ink"), ("", ""), ("ink", "")),
    ],
)
def test_styles_wrap_or_append(
    style: Style, given: tuple[str, str], wanted: tuple[str, str]
) -> None:
    assert apply_style(style, *given) == wanted


def test_files_of_a1111_are_read(tmp_path: Path) -> None:
    path = tmp_path / "styles.csv"
    rows = (
        'name,prompt,negative_prompt\nInk,"{prompt}, ink",blur\n,skipped,\nBare,bare\nInk,"2, 2",'
    )
    path.write_text("\ufeff" + rows, encoding="utf-8")
    assert read_styles(path) == {"Ink": Style("Ink", "2, 2"), "Bare": Style("Bare", "bare")}
    path.write_text("name,prompt\nInk,ink\n")
    assert read_styles(path) == {"Ink": Style("Ink", "ink")}
    path.write_text("")
    assert read_styles(path) == {}


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "styles.csv"
    with pytest.raises(RequestError, match=r"styles.csv cannot be read"):
        read_styles(path)
    path.write_bytes(b"name,prompt\n\xff")
    with pytest.raises(RequestError, match="cannot be read"):
        read_styles(path)
    path.write_text("title,text\na,b\n")
    with pytest.raises(RequestError, match=r"has the header .*expected name,prompt"):
        read_styles(path)
    monkeypatch.setattr(styles, "MAX_BYTES", 3)
    with pytest.raises(RequestError, match="larger than"):
        read_styles(path)


def test_the_box_holds_what_captions_name() -> None:
    taught = {word for style, word in STYLE_WORDS.items() if style != "noto"} | set(LOOKS)
    assert set(built_in()) == taught
    for name, style in built_in().items():
        assert name in style.prompt
        assert "{prompt}" in style.prompt


def test_names_are_found_and_near_ones_named() -> None:
    assert named(" FLAT ") is built_in()["flat"]
    with pytest.raises(RequestError, match=r"'flatt' is not known \(did you mean 'flat'\?\)"):
        named("flatt")
    with pytest.raises(RequestError, match="no styles are loaded"):
        named("flat", {})
