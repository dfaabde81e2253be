"""Patches become things."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molnar.pipeline import Pipeline
from molnar.plan.items import MOST
from molnar.seeing.judging import judge_of, squared
from molnar.seeing.recognising import Thing, cells_of, cut_out, plan_of, things_in
from molnar.seeing.regions import look
from molnar.seeing.saying import Grammar


def test_shapes_are_told_by_outline_and_colour(shipped: Pipeline, two: NDArray[np.uint8]) -> None:
    patches = look(two).patches
    judge, grammar = judge_of(shipped), Grammar.of(shipped)
    found = things_in(judge, grammar, squared(two), "white", patches)
    assert [(options[0].colour, options[0].name) for options in found] == [
        ("blue", "square"),
        ("red", "circle"),
    ]


def test_a_plan_holds_no_more_than_plans_can() -> None:
    things = [Thing("star", (0.0, 0.0, 0.1, 0.1), "red")] * 20
    plan = plan_of(things, "beach")
    assert len(plan) == MOST
    assert (plan[0].name, plan[0].behind) == ("beach", True)


def test_cells_cover_a_box() -> None:
    cells = cells_of((0.25, 0.5, 0.5, 1.0), np.zeros((1, 4, 8, 8), np.float32))
    assert cells.sum() == 2 * 4
    assert cells[4:, 2:4].all()


def test_a_patch_is_cut_out_on_white(two: NDArray[np.uint8]) -> None:
    patch = look(two).patches[0]
    cut = cut_out(squared(two), patch)
    assert cut.shape[0] == cut.shape[1]
    assert tuple(cut[0, 0]) == (255, 255, 255, 255)
    assert tuple(cut[cut.shape[0] // 2, cut.shape[1] // 2, :3]) == (36, 82, 214)
