"""The table of meanings: what it holds, and that it reads what it should and nothing else."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from molnar.lab.data import concepts
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.train.corpus import StickerText
from molnar.lab.train.meaning import build_meaning, classifier, frequencies
from molnar.lab.train.thesaurus import Nouns, Sense
from molnar.text.meaning import Meaning
from molnar.text.nearest import LOUD

NAMES = ("dog face", "smiling face with sunglasses", "face with tears of joy", "grapes", "T-Rex")
#: Words that mean about the same share a direction; every other word has its own.
ALIKE = {"pooch": "dog", "hound": "dog", "vine": "grapes", "dinosaur": "rex"}


def teacher(texts: Sequence[str]) -> Any:
    rows = []
    for text in texts:
        draw = np.random.default_rng(zlib.crc32(ALIKE.get(text, text).encode()))
        rows.append(draw.standard_normal(128))
    full = np.array(rows, np.float32)
    return full / np.linalg.norm(full, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def meaning() -> Meaning:
    world = World(WorldConfig(size=64, place_p=0.2, look_p=0.1))
    scenes = [world.text(index) for index in range(3_000)]
    stickers = [StickerText("1f436", name, ()) for name in (*NAMES, "large blue diamond")]
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


def test_sayings_of_several_words_stand_for_their_name(meaning: Meaning) -> None:
    assert meaning.read("a man's best friend in the snow") == "a dog face in the snow"
    assert meaning.read("curved multicolored bands") != "a dog face"  # of nothing that is drawn


def test_drawings_named_like_a_shape_are_the_shape(meaning: Meaning) -> None:
    assert "large blue diamond" not in meaning.names
    assert meaning.read("a large blue diamond") == "a large blue diamond"


def test_a_classifier_tells_names_by_the_words_that_only_one_has() -> None:
    rng = np.random.default_rng(0)
    shared, own = rng.standard_normal((2, 16)), rng.standard_normal((3, 16))
    bags = []
    for mine in own:  # what is said of all, in varying loudness, and a little of their own
        told = [rng.uniform(1, 3) * shared[0] + rng.uniform(1, 3) * shared[1] + mine] * 1
        told += [rng.uniform(1, 3) * shared[rng.integers(2)] + mine for _ in range(7)]
        bags.append(np.stack([row / np.linalg.norm(row) for row in told]).astype(np.float32))
    weights, biases = classifier(bags)
    for row, mine in enumerate(own):
        meant = 3 * shared[0] + mine
        assert int((LOUD * weights @ (meant / np.linalg.norm(meant)) + biases).argmax()) == row


def test_kinds_and_definitions_come_from_the_nouns() -> None:
    senses = {
        1: Sense(("dog", "domestic dog"), (), "an animal that barks"),
        2: Sense(("basenji",), (1,), "a small dog"),
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
    known = {"basenji": "dog", "dog face": "dog"}  # near to each other, as a real teacher has it
    with pytest.MonkeyPatch.context() as patch:
        for word, other in known.items():
            patch.setitem(ALIKE, word, other)
        made = build_meaning(
            stickers, ["a circle"], recorded, ["basenji", "gadget"], None, Nouns(senses, of)
        )
    assert made.read("two old basenjis") == "two dog faces"
    assert made.names[made.kinds["basenji"]] == "dog face"
    assert "basenji" in made.kinds
    assert "photo" not in made.kinds  # people say it of every picture
    assert "gadget" not in made.kinds  # its own vector is nowhere near
    assert "circle" not in made.kinds  # it is taught
    assert "basenji: a small dog" in told  # words are embedded with their definitions


def test_the_list_of_words_is_optional() -> None:
    found = frequencies()
    assert not found or (found["the"] > found["house"] > 0 and sum(found.values()) < 1.001)
