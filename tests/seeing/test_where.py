"""Masks by word, against what is really there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.lab.evaluate.segments import segment
from molnar.pipeline import Pipeline
from molnar.plan.items import Item
from molnar.seeing.where import where
from molnar.verbs import Parent

PLAN = (
    Item(name="background", colour="white", behind=True),
    Item(name="circle", colour="red", x=0.27, y=0.5, width=0.31, height=0.31),
    Item(name="square", colour="blue", x=0.73, y=0.5, width=0.3, height=0.3),
)


def overlap(mask: NDArray[Any], other: NDArray[np.bool_]) -> float:
    marked = mask[..., 0] > 0
    return float((marked & other).sum() / (marked | other).sum())


@pytest.mark.parametrize("planned", [True, False])
def test_two_things_and_what_lies_behind(
    shipped: Pipeline, two: NDArray[np.uint8], planned: bool
) -> None:
    parent = Parent(pixels=two, plan=PLAN if planned else ())
    red = (two == (218, 34, 40)).all(-1)
    blue = (two == (36, 82, 214)).all(-1)
    mask = where(shipped, parent, "circle")
    assert mask.shape == two.shape
    assert set(np.unique(mask)) == {0, 255}
    assert overlap(mask, red) > 0.85
    assert overlap(where(shipped, parent, "the blue thing"), blue) > 0.85
    assert overlap(where(shipped, parent, "background"), ~(red | blue)) > 0.95


def test_what_was_drawn_is_found_where_it_was_drawn(shipped: Pipeline) -> None:
    prompt = "a red triangle above a blue circle"
    [picture] = shipped(Request(prompt=prompt, seed=2, steps=6, height=256, width=256))
    parent = Parent(pixels=picture.image, request=picture.request, plan=picture.plan)
    regions = {region.colour: region for region in segment(picture.image).regions}
    for words, colour in (("triangle", "red"), ("circle", "blue")):
        plane = Image.fromarray((regions[colour].coverage * 255).astype(np.uint8))
        truth = np.asarray(plane.resize(picture.image.shape[1::-1])) > 127
        assert overlap(where(shipped, parent, words), truth) > 0.65


def test_nothing_fits(shipped: Pipeline, two: NDArray[np.uint8]) -> None:
    with pytest.raises(RequestError, match="one of: red circle, blue square, or background"):
        where(shipped, Parent(pixels=two, plan=PLAN), "a guitar")


@pytest.mark.parametrize("size", [(64, 64), (96, 40)])
def test_any_model_gives_the_same_mask_again(blind: Pipeline, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)
    plan = (Item(name="star", x=0.5, y=0.5, width=0.4, height=0.4),)
    parent = Parent(pixels=pixels, plan=plan)
    mask = where(blind, parent, "star")
    assert mask.shape == (*size, 3)
    assert 0 < mask.mean() < 255
    assert np.array_equal(where(blind, parent, "star"), mask)
