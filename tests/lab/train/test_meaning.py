"""The table of meanings: what it holds, and that it reads what it should and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from molnar.lab.data import concepts
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.train.corpus import StickerText
from molnar.lab.train.meaning import build_meaning, frequencies
from molnar.lab.train.thesaurus import Nouns, Sense
from molnar.text.meaning import Meaning

NAMES = ("dog face", "smiling face with sunglasses", "face with tears of joy", "grapes", "T-Rex")
#: Words that mean about the same share a direction; every other word has its own.
ALIKE = {"pooch": "dog", "hound": "dog", "vine": "grapes", "dinosaur": "rex"}


def teacher(texts: Sequence[str]) -> Any:
    rows = []
    for text in texts:
        draw = np.random.default_rng(sum(map(ord, ALIKE.get(text, text))))
        rows.append(draw.standard_normal(128))
    full = np.array(rows, np.float32)
    return full / np.linalg.norm(full, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def meaning() -> Meaning:
    world = World(WorldConfig(size=64, place_p=0.2, look_p=0.1))
    scenes = [world.text(index) for index in range(3_000)]
    stickers = [StickerText("1f436", name, ()) for name in NAMES]
    return build_meaning(stickers, scenes, teacher, [*ALIKE, "odd", "table"])


def test_names_and_aliases_of_all_common_concepts_stay(meaning: Meaning) -> None:
    for name in NAMES:
        for said in concepts.names_of(name):
            text = f"{concepts.article(said)}{said} on a pink background"
            assert meaning.read(text) == text


def test_captions_of_the_world_stay(meaning: Meaning) -> None:
    world = World(WorldConfig(size=64, seed=3, place_p=0.2))
    for index in range(400):
        text = world.text(index)
        assert meaning.read(text) == text


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("a pooch", "a dog face"),
        ("two hounds on a beach", "two dog faces on a beach"),
        ("a vine", "grapes"),
        ("a navy square", "a blue square"),
        ("a trio of stars", "three stars"),
    ],
)
def test_untaught_words_are_read(meaning: Meaning, typed: str, read: str) -> None:
    assert meaning.read(typed) == read


def test_kinds_and_definitions_come_from_the_nouns() -> None:
    senses = {
        1: Sense(("dog", "domestic dog"), (), "an animal that barks"),
        2: Sense(("beagle",), (1,), "a small dog"),
        3: Sense(("circle",), (), "a round shape"),
        4: Sense(("photo",), (1,), "what nobody asks for"),
        5: Sense(("gadget",), (1,), "far from any dog"),
    }
    of = {word: (offset,) for offset, sense in senses.items() for word in sense.words}
    told: list[str] = []

    def recorded(texts: Sequence[str]) -> Any:
        told.extend(texts)
        first = [text.split(":")[0].split(",")[0] for text in texts]
        return teacher([ALIKE.get(text, text) for text in first])

    stickers = [StickerText("1f436", "dog face", ("bark",))]
    known = {"beagle": "dog", "dog face": "dog"}  # near to each other, as a real teacher has it
    with pytest.MonkeyPatch.context() as patch:
        for word, other in known.items():
            patch.setitem(ALIKE, word, other)
        made = build_meaning(
            stickers, ["a circle"], recorded, ["beagle", "gadget"], None, Nouns(senses, of)
        )
    assert made.read("two old beagles") == "two dog faces"
    assert [made.names[row] for row in made.kinds.values()] == ["dog face"] * len(made.kinds)
    assert "beagle" in made.kinds
    assert "photo" not in made.kinds  # people say it of every picture
    assert "gadget" not in made.kinds  # its own vector is nowhere near
    assert "circle" not in made.kinds  # it is taught
    assert "beagle: a small dog" in told  # words are embedded with their definitions


def test_the_list_of_words_is_optional() -> None:
    found = frequencies()
    assert not found or (found["the"] > found["house"] > 0 and sum(found.values()) < 1.001)
