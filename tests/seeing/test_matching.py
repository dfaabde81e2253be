"""Words find items."""

from __future__ import annotations

import pytest

from molnar.base.errors import RequestError
from molnar.pipeline import Pipeline
from molnar.plan.items import Item
from molnar.seeing.matching import colours_in, meant, name_meant, there

PLAN = (
    Item(name="beach", behind=True),
    Item(name="dog face", x=0.5, y=0.5),
    Item(name="beret", colour="green", x=0.5, y=0.2),
    Item(name="star", colour="red", x=0.1, y=0.8),
    Item(name="star", colour="red", x=0.9, y=0.8),
    Item(name="star", colour="blue", x=0.9, y=0.1),
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("dog", [1]),
        ("the puppy", [1]),
        ("hat", [2]),
        ("headgear", [2]),
        ("stars", [3, 4, 5]),
        ("the red stars", [3, 4]),
        ("the left red star", [3]),
        ("the blue one", [5]),
        ("background", [0]),
        ("the sand", [0]),
    ],
)
def test_words_find_items(shipped: Pipeline, words: str, expected: list[int]) -> None:
    assert meant(shipped, PLAN, words) == expected


@pytest.mark.parametrize("words", ["rocket", "the yellow star", "xyzzy", ""])
def test_what_is_not_there_is_refused_with_what_is(shipped: Pipeline, words: str) -> None:
    with pytest.raises(RequestError, match=r"one of: dog face, green beret, red star") as error:
        meant(shipped, PLAN, words)
    assert "\n" not in str(error.value)


def test_names_and_colours(shipped: Pipeline) -> None:
    assert name_meant(shipped, "the red puppy") == "dog face"
    assert name_meant(shipped, "the red one") is None
    assert colours_in("a grey and red thing") == {"gray", "red"}
    assert there(()) == "nothing but background"
