"""What a phrase is a kind of, and which of its words say so."""

import pytest

from molnar.text.kinds import deed_at, of_kind

KINDS = {
    "poodle": 0,
    "chest": 1,
    "fishing boat": 2,
    "boat": 3,
    "knitting": 4,
    "ramen": 5,
    "king": 6,
    "casting": 7,
    "building": 8,
}


@pytest.mark.parametrize(
    ("phrase", "found"),
    [
        ("poodle", (0, 1)),
        ("big white poodles", (0, 3)),
        ("old fishing boat", (2, 3)),  # the longest end
        ("rowing boat", (3, 2)),
        ("poodle running", (0, 1)),  # what it does stays
        ("poodle knitting", (0, 1)),
        ("someone knitting", (4, 2)),
        ("chest full of gold", (1, 4)),
        ("bowl of ramen", (5, 3)),  # what is in it comes first
        ("bowl of gold", None),
        ("pirate king", (6, 2)),  # not what it does
        ("running", None),
        ("old casting", (7, 2)),
        ("boat building", (8, 2)),  # a boat does not build
        ("poodle frosting", (0, 1)),
    ],
)
def test_a_phrase_ends_with_its_kind(phrase: str, found: tuple[int, int] | None) -> None:
    assert of_kind(phrase.split(), KINDS) == found


@pytest.mark.parametrize(
    ("phrase", "at"),
    [
        ("old hound running", 2),
        ("hound jumping running", 1),
        ("running", 1),
        ("hospital bed", 2),  # no deed
        ("office building", 2),
        ("wedding ring", 2),
        ("bat wing", 2),
        ("hound casting", 2),  # a thing of that name is known
        ("hound knitting", 1),  # a deed all the same
    ],
)
def test_what_a_thing_does_begins_after_its_name(phrase: str, at: int) -> None:
    assert deed_at(phrase.split(), KINDS) == at
