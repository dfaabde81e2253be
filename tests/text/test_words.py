"""Which words the model does not know, and what it knows instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molnar.base.errors import BundleError
from molnar.base.request import UnknownWord
from molnar.text.words import Lexicon, stems

DOG, FOX, ASTRONAUT = "\U0001f436", "\U0001f98a", "\U0001f469\u200d\U0001f680"


@pytest.fixture
def lexicon() -> Lexicon:
    return Lexicon(
        words=("car", "couch", "dog", "red", "shirt", "circle", "dance", "knife", "t", "berry"),
        emoji={DOG: "dog", ASTRONAUT: "woman astronaut", "\u2764": "red heart"},
        related={"sofa": [1]},
        vectors=np.array([[100, 0], [0, 100], [70, 70], [-100, 0]], np.int8),
        projection=np.array([[100, 0], [0, 100], [0, 0]], np.int8),
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "a red dog",
        "DOGS, dancing; danced!",
        "the dog's circles",
        "a red t-shirt with knives and berries",
        "3 dogs, 64x64 by 2",
        "a picture of the dogs next to it",
        DOG,
        "",
    ],
)
def test_taught_words_in_any_form_are_known(lexicon: Lexicon, prompt: str) -> None:
    assert lexicon.unknown(prompt) == []


def test_unknown_words_come_once_in_order_with_the_nearest(lexicon: Lexicon) -> None:
    assert lexicon.unknown("a sofa, a dogg, a Sofa and a quux") == [
        UnknownWord("sofa", ["couch"]),
        UnknownWord("dogg", ["dog"]),
        UnknownWord("quux", []),
    ]


def test_neighbours_by_meaning_come_from_the_encoder(lexicon: Lexicon) -> None:
    asked: list[list[str]] = []

    def embed(texts: Any) -> Any:
        asked.append(list(texts))
        return np.array([[1.0, 0.2, 5.0]] * len(texts))

    assert lexicon.unknown("an automobil, a sofa, \u732b", embed)[0].nearest == ["car", "dog"]
    assert asked == [["automobil"]]  # known and related words cost nothing
    assert lexicon.unknown("dogg", embed)[0].nearest[0] == "dog"  # a slip beats meaning
    assert lexicon.unknown("red dog", embed) == []


def test_emoji_are_read_as_their_names(lexicon: Lexicon) -> None:
    assert lexicon.read(f"a {DOG}and\u2764\ufe0f") == "a dog and red heart"
    toned = ASTRONAUT[0] + "\U0001f3fd" + ASTRONAUT[1:]
    assert lexicon.read(toned) == "woman astronaut"
    assert lexicon.read("no emoji  here") == "no emoji here"
    farmer_and_heart = (
        f"\U0001f468\u200d\U0001f33e {DOG}\u200d\u2764"  # \u2764 is known, joined it is not
    )
    assert lexicon.read(farmer_and_heart) == farmer_and_heart
    assert [u.word for u in lexicon.unknown(farmer_and_heart)] == farmer_and_heart.split()


def test_unknown_emoji_are_named_by_what_is_known_of_them(lexicon: Lexicon) -> None:
    assert lexicon.unknown(f"{FOX} \u2b55 \U0001f697") == [
        UnknownWord(FOX, []),
        UnknownWord("\u2b55", ["circle"]),
        UnknownWord("\U0001f697", []),
    ]


def test_other_scripts_are_reported(lexicon: Lexicon) -> None:
    assert [u.word for u in lexicon.unknown("gr\u00fcn \u732b")] == [
        "gr\u00fcn",
        "\u732b",
    ]


def test_saved_and_loaded_is_the_same(lexicon: Lexicon, tmp_path: Path) -> None:
    lexicon.save(tmp_path / "words.json")
    again = Lexicon.load(tmp_path / "words.json")
    assert again.words == lexicon.words
    assert (dict(again.emoji), dict(again.related)) == (lexicon.emoji, lexicon.related)
    assert (again.vectors == lexicon.vectors).all()
    assert (again.projection == lexicon.projection).all()


def test_a_bare_list_of_words_is_enough(tmp_path: Path) -> None:
    (tmp_path / "words.json").write_text('{"words": ["red", "dog"]}')
    lexicon = Lexicon.load(tmp_path / "words.json")
    assert lexicon.unknown("red dogg", lambda texts: np.ones((len(texts), 3)))[0].nearest == ["dog"]
    assert lexicon.read(f"a  {DOG}") == f"a  {DOG}"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"words": ["a"], "related": {"b": [1]}}'])
def test_what_is_no_lexicon_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "words.json").write_text(text)
    with pytest.raises(BundleError, match=r"words\.json"):
        Lexicon.load(tmp_path / "words.json")


def test_stems_undo_english_endings() -> None:
    assert {"glass", "run", "bake", "leaf"} <= stems("glasses") | stems("running") | stems(
        "baking"
    ) | stems("leaves")
    assert stems("bus") == set()


def test_grey_is_the_taught_gray_and_nothing_else_is_respelt() -> None:
    lexicon = Lexicon(words=("gray", "square"))
    assert lexicon.read("a Grey square, greyhound") == "a Gray square, greyhound"
    assert [unknown.word for unknown in lexicon.unknown("a grey square and a greyhound")] == [
        "greyhound"
    ]
