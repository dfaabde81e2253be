"""The two judges."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molnar.pipeline import Pipeline, load
from molnar.plan.items import Item
from molnar.seeing.judging import Judge, judge_of, squared

GROUND = Item(name="background", colour="white", behind=True)


def test_texts_are_embedded_once_and_in_order(blind: Pipeline) -> None:
    judge = Judge(blind)
    both = judge.texts(["a fox", "a star"])
    assert np.array_equal(judge.texts(["a star", "a fox"]).pooled, both.pooled[::-1])


def test_how_many_plans_are_told_at_once_changes_nothing(
    shipped: Pipeline, two: NDArray[np.uint8]
) -> None:
    judge = judge_of(shipped)
    latent = judge.latent(two)
    circle = Item(name="circle", colour="red", x=0.27, y=0.5, width=0.31, height=0.31)
    said = [("a red circle", (GROUND, circle)), ("nothing", (GROUND,))]
    together = judge.estimates(latent, said, 0.8)
    alone = np.concatenate([judge.estimates(latent, [one], 0.8) for one in said])
    assert np.abs(together - alone).max() < 1e-3
    errors = judge.errors(latent, said)
    assert errors[0] < errors[1]  # what is there explains more


def test_a_judge_does_not_keep_its_pipeline(tiny: Path) -> None:
    pipeline = load(tiny, threads=1)
    judge_of(pipeline)
    gone = weakref.ref(pipeline)
    del pipeline
    gc.collect()
    assert gone() is None


def test_a_wide_picture_becomes_square() -> None:
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[0], pixels[-1] = 200, 100
    square = squared(pixels)
    assert square.shape == (30, 30, 4)
    assert square[0, 0, 0] == 200
    assert square[-1, 0, 0] == 100
