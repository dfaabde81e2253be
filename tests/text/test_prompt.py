"""What the user typed in, a clean prompt out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molnar.base.errors import RequestError
from molnar.text.prompt import MAX_CHARACTERS, Prompt, clean, undenied


def test_spaces_forms_and_invisible_characters_are_cleaned() -> None:
    prompt = Prompt.parse(
        "  a\u00a0caf\u0065\u0301\r\n\twith\u200b a \ufeffcat\x07 ", "\u2003blur "
    )
    assert prompt == Prompt("a caf\u00e9 with a cat", "blur")


def test_joined_emoji_stay_whole() -> None:
    astronaut = "\U0001f469\u200d\U0001f680"
    assert Prompt.parse(astronaut).text == astronaut


@pytest.mark.parametrize("text", ["", "  \n ", "\u200b"])
def test_nothing_to_draw_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="prompt is empty"):
        Prompt.parse(text)


def test_an_empty_negative_is_fine() -> None:
    assert Prompt.parse("a fox", "  ").negative == ""


def test_length_is_counted_after_cleaning() -> None:
    Prompt.parse("a" * MAX_CHARACTERS + "   ")
    with pytest.raises(RequestError, match="negative prompt has 2001 characters; expected at most"):
        Prompt.parse("a fox", "b" * (MAX_CHARACTERS + 1))


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(RequestError, match="prompt is a int"):
        Prompt.parse(7)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="half a character"):
        Prompt.parse("a \ud83d fox")


@given(st.text(max_size=80))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("a dog without a hat", "a dog"),
        ("a dog without a red hat on a beach", "a dog on a beach"),
        ("a kitchen with no people", "a kitchen"),
        ("a street, without any cars, at night", "a street, at night"),
        ("a king wearing a crown but without glasses", "a king wearing a crown"),
        ("A house Without trees and a cow", "A house and a cow"),
        ("a circle without a background", "a circle without a background"),
        ("a face without mouth", "a face without mouth"),  # a drawing that is called so
        ("without people", "without people"),  # or nothing would be left
        ("a dog with a hat", "a dog with a hat"),
        ("withoutness", "withoutness"),
    ],
)
def test_what_is_not_to_be_there_is_left_out(typed: str, left: str) -> None:
    assert undenied(typed) == left
    assert undenied(left) == left
