from __future__ import annotations

import pytest

from molnar.explain.spoken import MOST_WORDS, words_of


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a red circle", ["a", "red", "circle"]),
        ("a (red:1.2) [fox:dog:0.5] cat++", ["a", "red", "fox", "dog", "cat"]),
        ("a fox AND a dog :0.5 BREAK snow", ["a", "fox", "a", "dog", "snow"]),
        ("fox::2 dog::1", ["fox", "dog"]),
        ("3 dogs, a t-shirt and the fox's hat", ["3", "dogs", "a", "t-shirt", "and", "the"]),
        ("a \N{FOX FACE} <lora:ink:0.8> here", ["a", "\N{FOX FACE}", "here"]),
        ("--- !? ...", []),
        ("", []),
        ("\u732b and caf\u00e9", ["\u732b", "and", "caf\u00e9"]),
    ],
)
def test_words_are_found_whatever_stands_around_them(prompt: str, words: list[str]) -> None:
    assert [word.text for word in words_of(prompt)][: len(words) or None] == words


def test_plain_text_has_no_syntax() -> None:
    assert [word.text for word in words_of("AND so on", literal=True)] == ["AND", "so", "on"]


@pytest.mark.parametrize(
    ("prompt", "index", "left"),
    [
        ("a red circle", 1, "a circle"),
        ("a (red:1.2) circle", 1, "a ( :1.2) circle"),
        ("fox++ here", 0, "here"),
        ("fox", 0, ""),
        ("  fox !", 0, ""),
        ("fox fox", 1, "fox"),
    ],
)
def test_a_word_is_left_out_and_the_rest_stays(prompt: str, index: int, left: str) -> None:
    assert words_of(prompt)[index].left_out(prompt) == left


def test_a_word_is_exchanged_at_its_own_place() -> None:
    prompt = "a star above a star"
    assert words_of(prompt)[4].exchanged(prompt, "circle") == "a star above a circle"


def test_long_prompts_have_an_end() -> None:
    assert len(words_of("fox " * 500)) == MOST_WORDS
    words_of("<" * 2000)
    words_of("a-" * 1000)
