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


def test_the_list_of_words_is_optional() -> None:
    found = frequencies()
    assert not found or (found["the"] > found["house"] > 0 and sum(found.values()) < 1.001)
