"""Which names a text says, word for word."""

import re

import pytest

from molnar.text.mentions import said_of

NAMES = (
    "background", "fox", "box", "fire engine", "engine", "bus", "cherry", "glass", "glasses",
    "rose", "keycap: 5", "octopus", "kitchen knife", "man", "cat face", "angry face", "square",
    "red square", "black cat", "transparent", "smiling face with sunglasses",
)  # fmt: skip


def said(text: str) -> set[str]:
    return {NAMES[number] for mention in said_of(text, NAMES) for number in mention.names}


def told(text: str) -> list[tuple[str, str | None, int | None]]:
    """What is said of each name, and which colours of none."""
    return [
        (
            " or ".join(NAMES[number] for number in sorted(mention.names)),
            mention.colour,
            mention.count,
        )
        for mention in said_of(text, NAMES)
    ]


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
        ("a kitten", {"cat face"}),  # as captions call it
        ("an angry face with glasses", {"angry face", "glass", "glasses"}),
        ("a fox on a transparent background", {"fox", "transparent"}),  # not two grounds
        ("a fox-shaped box, a man's glass", {"box", "glass"}),
        ("a fox by a famous man", {"fox"}),
        ("a fox surrounded by a box", {"fox", "box"}),
        ("a grid of red squares on a fox", {"fox"}),  # pieces of one thing
        ("five concentric squares", set()),
        ("a fox behind a grid, a square", {"fox", "square"}),
        ("a fox rose, a man box", {"rose", "box"}),  # of what kind it is, is no thing
        ("fox, rose and man-engine", {"fox", "rose", "engine"}),
        ("two kitchens knife", {"kitchen knife"}),  # attorneys general, faces with tears
        ("", set()),
    ],
)
def test_names_are_found_as_whole_words_one_or_many(text: str, names: set[str]) -> None:
    assert said(text) == names


def test_a_plan_without_names_says_nothing() -> None:
    assert said_of("a fox", ()) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a red fox", [("fox", "red", 1)]),
        ("a small red flat fox", [("fox", "red", 1)]),
        ("fox", [("fox", None, 1)]),
        ("two foxes", [("fox", None, 2)]),
        ("3 blue boxes and foxes", [("box", "blue", 3), ("fox", None, None)]),
        ("half a dozen foxes", [("fox", None, None)]),
        ("a pair of glasses", [("glass or glasses", None, 1)]),
        (
            "a green box and a red box on a blue background",
            [("box", "green", 1), ("box", "red", 1), ("background", "blue", 1)],
        ),
        ("a blue fox lifting a rose", [("fox", "blue", 1), ("rose", None, 1)]),
        ("a fox without a red box", [("fox", None, 1), ("box", "red", 0)]),
        ("no foxes, a rose", [("fox", None, 0), ("rose", None, 1)]),
        ("a fox with no hair, a box", [("fox", None, 1), ("box", None, 1)]),
        ("not only a fox", [("fox", None, 1)]),
        ("a rose with no background", [("rose", None, 1), ("transparent", None, 1)]),
        ("one red and two blue boxes", [("box", "red", 1), ("box", "blue", 2)]),
        ("a box painted blue, fox", [("box", None, 1), ("fox", None, 1), ("", "blue", 1)]),
        ("a fox, 3 years old, rose", [("fox", None, 1), ("rose", None, 1)]),
        ("a blue-eyed fox", [("fox", None, 1), ("", "blue", 1)]),
        ("a two-headed fox", [("fox", None, 1)]),
        ("a 2 story box", [("box", None, 1)]),
        ("several glass", [("glass", None, None)]),
        ("a red or blue fox", [("fox", None, 1), ("", "red", 1), ("", "blue", 1)]),
        # not before it, or two of them: the planner reads those itself
        ("a fox that is green", [("fox", None, 1), ("", "green", 1)]),
        ("a red and white fox", [("fox", None, 1), ("", "red", 1), ("", "white", 1)]),
        ("a blue white fox", [("fox", None, 1), ("", "blue", 1), ("", "white", 1)]),
        ("blue with a fox", [("fox", None, 1), ("", "blue", 1)]),
        ("the green of a fox", [("fox", None, 1), ("", "green", 1)]),
        ("a black cat", [("black cat", None, 1)]),  # of the name itself
    ],
)
def test_a_colour_and_a_number_are_those_of_the_name_they_stand_before(
    text: str, found: list[tuple[str, str | None, int | None]]
) -> None:
    assert told(text) == found


LOOKED = (*NAMES, "pixel art", "neon", "paper cut", "blueprint", "flat", "simple")


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("a neon fox", ["neon"]),
        ("a red neon square and a fox", ["neon"]),
        ("an 8-bit fox, pixelated", ["pixel art", "pixel art"]),
        ("a papercut of a man", ["paper cut"]),
        ("a fox as a blue plan", ["blueprint"]),
        ("a fox and a rose watercolor, pixel art", ["pixel art"]),  # with no watercolor in the list
        ("a red pixel art fox", ["pixel art"]),
        ("three pixel art red foxes", ["pixel art"]),
        ("scissors cut paper in a tiled box", []),
        ("a flat fox in a simple box", []),  # words that may mean much else
    ],
)
def test_a_look_is_said_and_is_no_thing(text: str, looks: list[str]) -> None:
    found = said_of(text, LOOKED)
    own = {number for number in range(len(LOOKED)) if number >= len(NAMES)}
    assert [LOOKED[n] for m in found for n in m.names & own] == looks
    assert all(m.colour is None and m.count == 1 for m in found if m.names & own)
    # what else is said of the things is what it would be without the look's words
    bare = re.sub(r"neon|8-bit|pixelated|papercut|blue plan|pixel art|watercolor", "", text)
    assert [m for m in found if not m.names & own] == [*said_of(bare, NAMES)]


def test_a_look_that_is_denied_is_not_wanted() -> None:
    for text in ("a fox, not pixel art", "no neon, a fox", "not a papercut, a fox"):
        [look, fox] = said_of(text, LOOKED)
        assert (look.count, fox.count) == (0, 1), text


@pytest.mark.parametrize(
    ("text", "loose"),
    [
        ("a fox", []),
        ("fox", []),
        ("a fox, a rose, two boxes and the engine", []),
        ("a fox, red rose, boxes", ["rose", "box"]),
        ("a fox in the engine", ["engine"]),
        ("a fox in an engine", []),
        ("a fox in angry glass", ["glass"]),
        ("a fox on the box", []),
    ],
)
def test_what_may_be_a_tag_or_a_place_is_marked(text: str, loose: list[str]) -> None:
    found = [m for m in said_of(text, NAMES) if m.loose]
    assert sorted(NAMES[number] for m in found for number in m.names) == sorted(loose)
