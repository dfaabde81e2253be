"""Texts are cut where another thing begins."""

from __future__ import annotations

import pytest

from molnar.text.phrases import phrases, words_in


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("a red pooch", ["a red pooch"]),
        ("a pooch and a lorry", ["a pooch", "a lorry"]),
        ("a pooch on top of a lorry", ["a pooch", "a lorry"]),
        ("the bones of a head", ["the bones of a head"]),
        ("a pooch chasing a lorry", ["a pooch chasing", "a lorry"]),
        ("Pooch; LORRY", ["pooch", "lorry"]),
        ("", []),
    ],
)
def test_a_phrase_tells_of_one_thing(text: str, cut: list[str]) -> None:
    assert [" ".join(word.text for word in phrase) for phrase in phrases(text, [])] == cut


def test_a_known_name_is_never_cut() -> None:
    text = "a smiling face with sunglasses"
    known = [(2, len(text))]
    assert len(list(phrases(text, known))) == 1
    assert len(list(phrases(text, []))) == 2


def test_words_know_where_they_stand() -> None:
    text = "A zig-zag, isn\u2019t it"
    words = list(words_in(text))
    assert [word.text for word in words] == ["a", "zig-zag", "isn't", "it"]
    assert [text[word.begin : word.end].lower() for word in words][1] == "zig-zag"
