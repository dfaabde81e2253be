"""Places."""

from __future__ import annotations

import numpy as np

from molnar.base.request import Request
from molnar.pipeline import Pipeline
from molnar.seeing.judging import judge_of, squared
from molnar.seeing.places import everything, place_of


def test_a_place_and_where_its_thing_is(shipped: Pipeline) -> None:
    [picture] = shipped(Request(prompt="an octopus underwater", seed=54, steps=6))
    square = squared(picture.image)
    judge = judge_of(shipped)
    places, patch = place_of(judge, judge.latent(square), square)
    assert places[0] == "underwater"
    assert patch is not None
    item = picture.plan[1]
    assert abs(patch.centre[0] - item.x) < 0.2
    assert abs(patch.centre[1] - item.y) < 0.25


def test_a_whole_picture_is_one_patch() -> None:
    assert everything(np.zeros((9, 9, 4), np.uint8)).share == 1
