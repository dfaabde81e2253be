"""A text with notes to oneself in, the text without them out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molnar.text.comments import uncommented


@pytest.mark.parametrize(
    "text, kept",
    [
        ("a fox # a note", "a fox"),
        ("a fox #", "a fox"),
        ("#a note\na fox", "a fox"),
        ("a fox\n# a note\non a beach", "a fox\non a beach"),
        ("a fox // a note\non a beach", "a fox\non a beach"),
        ("//a note\na fox", "a fox"),
        ("a /* big */ fox", "a fox"),
        ("a /* over\nlines */ fox", "a fox"),
        ("/**/a fox", "a fox"),
        (r"\# a fox", "# a fox"),
    ],
)
def test_comments_are_left_out(text: str, kept: str) -> None:
    assert uncommented(text) == kept


@pytest.mark.parametrize(
    "text",
    ["#1 dad", "a #1 fan", "red #ff0000", "a #sunset", "see https://x.org//y", "a /* fox", "a/b"],
)
def test_what_looks_like_one_stays(text: str) -> None:
    assert uncommented(text) == text


def test_spaces_stay_where_there_is_no_comment() -> None:
    assert uncommented("a  fox\n\n ") == "a  fox\n\n "


@given(st.text(alphabet="a #/*\\\n1", max_size=60))
def test_nothing_is_added(text: str) -> None:
    assert len(uncommented(text)) <= len(text)
