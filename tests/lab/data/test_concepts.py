"""English that people would type."""

import pytest

from molnar.lab.data.concepts import (
    ALIASES,
    COMMON,
    SHADOWED,
    article,
    asked,
    is_countable,
    is_geometric,
    names_of,
    plain_name,
    plural,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rocket", "rockets"),
        ("face with tears of joy", "faces with tears of joy"),
        ("strawberry", "strawberries"),
        ("fox", "foxes"),
        ("mouse", "mice"),
        ("wolf", "wolves"),
        ("snowman", "snowmen"),
        ("tropical fish", "tropical fish"),
        ("tomato", "tomatoes"),
        ("cross", "crosses"),
        ("piece of cake", "pieces of cake"),
        ("monkey", "monkeys"),
    ],
)
def test_plural(name: str, expected: str) -> None:
    assert plural(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rocket", "a "),
        ("owl", "an "),
        ("unicorn", "a "),
        ("umbrella", "an "),
        ("ufo", "a "),
        ("grapes", ""),
        ("bread", ""),
        ("Santa Claus", ""),
        ("octopus", "an "),
        ("bus", "a "),
        ("glass", "a "),
        ("OK hand", "an "),
    ],
)
def test_article(name: str, expected: str) -> None:
    assert article(name) == expected


def test_what_can_be_counted() -> None:
    assert is_countable("rocket")
    assert not is_countable("grapes")
    assert not is_countable("thumbs up")


def test_plain_names() -> None:
    assert plain_name("woman\u2019s hat") == "woman's hat"
    assert plain_name("man: red hair") == "man red hair"
    assert plain_name("A button (blood type)") == "A button"


def test_common_names_are_unique_and_none_is_a_plain_shape() -> None:
    assert 150 <= len(COMMON) == len(set(COMMON)) <= 200
    assert not [name for name in COMMON if is_geometric(name)]
    assert is_geometric("large blue diamond")
    assert is_geometric("red circle")
    assert not is_geometric("star-struck")


def test_one_everyday_name_means_one_concept() -> None:
    assert set(ALIASES) <= set(COMMON)
    names = [name for concept in COMMON for name in names_of(concept)]
    assert len(names) == len(set(names))


def test_an_everyday_name_shadows_the_concept_of_that_name() -> None:
    assert {"dog", "cat", "train"} <= SHADOWED
    assert not SHADOWED & set(COMMON)


def test_concepts_are_asked_for_as_people_do() -> None:
    assert [asked(n) for n in ("owl", "fire", "man: beard")] == ["an owl", "fire", "a man beard"]
