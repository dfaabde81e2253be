"""Which names a text says, word for word."""

import pytest

from molnar.text.mentions import said_of

NAMES = (
    "background", "fox", "box", "fire engine", "engine", "bus", "cherry", "glass", "glasses",
    "rose", "keycap: 5", "octopus", "kitchen knife", "man", "cat face", "angry face", "square",
    "red square", "black cat",
)  # fmt: skip


def said(text: str) -> set[str]:
    return {NAMES[number] for number in said_of(text, NAMES)}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a fox", {"fox"}),
        ("Three Foxes in boxes", {"fox", "box"}),
        ("a red fire engine", {"fire engine"}),  # and no other engine
        ("a red square beside a black cat", {"square", "black cat"}),  # not the drawing so called
        ("fire and an engine", {"engine"}),
        ("buses, cherries; glasses", {"bus", "cherry", "glass", "glasses"}),
        ("a glass", {"glass"}),
        ("roses, octopuses, kitchen knives and men", {"rose", "octopus", "kitchen knife", "man"}),
        ("a cat", {"cat face"}),  # drawn by its face
        ("an angry cat face", {"cat face"}),
        ("a foxglove", set()),
        ("a keycap 5", {"keycap: 5"}),
        ("", set()),
    ],
)
def test_names_are_found_as_whole_words_one_or_many(text: str, names: set[str]) -> None:
    assert said(text) == names


def test_a_plan_without_names_says_nothing() -> None:
    assert said_of("a fox", ()) == ()
