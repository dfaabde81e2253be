"""Maps that are painted as a batch are those that are painted one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from molnar.base.looks import LOOKS
from molnar.lab.data.plans import names
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.train.painting import Painter
from molnar.plan.items import spread
from molnar.plan.paint import paint

WIDE = 8


@pytest.mark.parametrize("shape", [(16, 16), (8, 12)])
def test_a_batch_is_painted_as_its_plans_are(shape: tuple[int, int]) -> None:
    world = World(WorldConfig(size=128, place_p=0.3, look_p=0.5))
    vectors = np.random.default_rng(0).standard_normal((len(names(None)), WIDE), np.float32)
    known = dict(zip(names(None), vectors, strict=True))
    plans = [spread(world.described(index)[1], *shape) for index in range(40)]
    found = Painter(known, torch.device("cpu"))([*plans, ()], shape).numpy()
    assert sum(item.name in LOOKS for plan in plans for item in plan) > 5
    expected = [paint(plan, known, shape, WIDE) for plan in plans]
    np.testing.assert_allclose(found[:-1], np.stack(expected), atol=1e-4)
    assert not found[-1].any()


def test_nothing_to_paint_is_an_empty_map() -> None:
    known = {"circle": np.ones(WIDE, np.float32)}
    assert not Painter(known, torch.device("cpu"))([(), ()], (4, 4)).any()
