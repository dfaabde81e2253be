"""Descriptions: what is first, and what holds of any."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.pipeline import Pipeline
from molnar.seeing.describe import describe, recognise


@pytest.mark.parametrize("size", [(64, 64), (40, 96)])
def test_any_model_gives_different_prompts_and_the_same_ones_again(
    blind: Pipeline, size: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (*size, 4)).astype(np.uint8)
    found = describe(blind, pixels, 4)
    assert 1 <= len({one.prompt for one in found}) == len(found) <= 4
    assert describe(blind, pixels, 4) == found
    assert describe(blind, pixels, 1) == found[:1]


def test_a_picture_of_nothing(shipped: Pipeline) -> None:
    found = describe(shipped, np.full((64, 64, 3), (36, 82, 214), np.uint8))
    assert found[0].prompt == "a blue background"


@pytest.mark.parametrize("count", [0, 10])
def test_how_many(blind: Pipeline, count: int) -> None:
    with pytest.raises(RequestError, match="expected 1 to 9"):
        describe(blind, np.zeros((64, 64, 3), np.uint8), count)


def test_shapes_their_colours_and_places(shipped: Pipeline, two: NDArray[np.uint8]) -> None:
    found = [one.prompt for one in describe(shipped, two)]
    assert found[0] == "a red circle to the left of a blue square"
    assert "a red circle and a blue square" in found
    assert len(found) == 4


def test_a_plan_is_in_the_frame_of_its_picture(shipped: Pipeline, two: NDArray[np.uint8]) -> None:
    wide = np.pad(two, ((0, 0), (0, 128), (0, 0)), constant_values=255)
    ground, *things = recognise(shipped, wide)
    assert (ground.name, ground.colour, ground.width) == ("background", "white", 1.5)
    red = next(item for item in things if item.colour == "red")
    assert red.x == pytest.approx(70 / 256, abs=0.02)
    assert red.y == pytest.approx(0.5, abs=0.02)


CASES = {
    "a hamburger": ("hamburger",),
    "two red stars": ("two red stars",),
    "a fox on a blue background": ("fox", "blue background"),
    "an evergreen tree": ("tree",),
    "a green heart above a red square": ("green heart above a red square",),
}


@pytest.mark.long
def test_what_the_model_drew_is_named_first(shipped: Pipeline) -> None:
    right = 0
    for prompt, expected in CASES.items():
        [picture] = shipped(Request(prompt=prompt, seed=7, steps=6, height=256, width=256))
        first = describe(shipped, picture.image)[0].prompt
        right += all(words in first for words in expected)
    assert right >= len(CASES) - 1
