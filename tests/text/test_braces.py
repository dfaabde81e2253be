"""A text with braces in, its literal and braced pieces out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molnar.base.errors import RequestError
from molnar.text.braces import MAX_DEPTH, MAX_TEMPLATE, checked, pieces, split, unescaped


def test_pieces_are_the_outermost() -> None:
    kinds = [(piece.kind, piece.text) for piece in pieces(r"a {b {c}}${x={y}} \{d\}")]
    assert kinds == [
        ("text", "a "), ("braces", "b {c}"), ("variable", "x={y}"), ("text", r" \{d\}")
    ]  # fmt: skip


def test_two_dollars_are_one_mark() -> None:
    assert [piece.kind for piece in pieces("$${a|b}")] == ["text", "braces"]
    assert [piece.kind for piece in pieces("$$${a}")] == ["text", "variable"]


def test_splitting_leaves_inner_braces_and_escapes_alone() -> None:
    assert split(r"a, {b, c}, d\, e", ",") == ["a", " {b, c}", r" d\, e"]
    assert split("2$$ and $$a$$b", "$$", 2) == ["2", " and ", "a$$b"]


@pytest.mark.parametrize("text", ["{a", "a}", "{a}}", "}{", "${a"])
def test_braces_without_a_partner_are_refused(text: str) -> None:
    with pytest.raises(RequestError, match=r"for the character"):
        checked(text)


def test_depth_and_length_are_limited() -> None:
    deep = "{" * MAX_DEPTH + "}" * MAX_DEPTH
    assert checked(deep) == deep
    with pytest.raises(RequestError, match="deep"):
        checked("{" + deep + "}")
    with pytest.raises(RequestError, match=f"{MAX_TEMPLATE + 1} characters"):
        checked("a" * (MAX_TEMPLATE + 1))


def test_only_our_escapes_are_undone() -> None:
    assert unescaped(r"\{a\, b\} \(c\) \\") == r"{a, b} \(c\) \\"


@given(st.text(alphabet="ab{}$\\|,", max_size=40))
def test_pieces_make_up_the_text(text: str) -> None:
    try:
        checked(text)
    except RequestError:
        return
    wrapped = {"text": "{}", "braces": "{{{}}}", "variable": "${{{}}}"}
    assert "".join(wrapped[piece.kind].format(piece.text) for piece in pieces(text)) == text
