"""Texts are cut where another thing begins."""

from __future__ import annotations

import pytest

from molnar.text.phrases import clauses, phrases, words_in


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


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("a red pooch", [["a red pooch"]]),
        ("a big cat with a mane on a rock", [["a big cat", "a mane", "a rock"]]),
        ("a cat with a mane, and a pooch", [["a cat", "a mane"], ["a pooch"]]),
        ("a pooch chasing a lorry in the sea", [["a pooch chasing"], ["a lorry", "the sea"]]),
        ("a pooch on top of a lorry", [["a pooch"], ["a lorry"]]),
        ("a pooch, with a lorry", [["a pooch"], ["a lorry"]]),
        ("on a rock", [["a rock"]]),
    ],
)
def test_phrases_of_a_clause_may_tell_of_one_thing(text: str, cut: list[list[str]]) -> None:
    found = [[" ".join(w.text for w in phrase) for phrase in one] for one in clauses(text, [])]
    assert found == cut


def test_words_know_where_they_stand() -> None:
    text = "A zig-zag, isn\u2019t it"
    words = list(words_in(text))
    assert [word.text for word in words] == ["a", "zig-zag", "isn't", "it"]
    assert [text[word.begin : word.end].lower() for word in words][1] == "zig-zag"
