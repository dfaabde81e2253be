"""The planner reads from left to right, and learns what a text says of things."""

from __future__ import annotations

import pytest
import torch

from molnar.base.errors import ConfigError
from molnar.plan.planner import Planner, PlannerConfig
from molnar.plan.writing import LENGTH

NAMES = ("background", "circle", "square", "fox")


@pytest.fixture
def planner() -> Planner:
    torch.manual_seed(0)
    made = Planner(PlannerConfig(names=NAMES, text_width=8, name_width=6, width=16, layers=2))
    for value in made.parameters():  # layers that start at zero hide what stands before them
        torch.nn.init.normal_(value, std=0.3)
    torch.nn.init.normal_(made.vectors)
    return made.eval()


def text(rows: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    mask = torch.arange(5)[None].expand(rows, 5) < 4
    return torch.randn(rows, 5, 8, generator=draw), mask


def test_a_number_depends_on_those_before_it_alone(planner: Planner) -> None:
    written = torch.tensor([[0, 0, 4, 1, 2, 30, 31, 9, 9]])
    changed = written.clone()
    changed[0, 6] = 5
    one, other = (planner.rate(planner.think(x, *text())) for x in (written, changed))
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a[:, :6], b[:, :6])
        assert not torch.allclose(a[:, 6:], b[:, 6:])


def test_the_last_number_is_that_of_the_whole(planner: Planner) -> None:
    written = torch.tensor([[0, 0, 4, 1, 2]])
    whole = planner.rate(planner.think(written, *text()))
    for last, every in zip(planner(written, *text()), whole, strict=True):
        torch.testing.assert_close(last, every[:, -1])


def test_masked_words_are_not_read(planner: Planner) -> None:
    written = torch.tensor([[0, 0, 4]])
    tokens, mask = text()
    louder = tokens.clone()
    louder[:, 4] = 100.0
    for a, b in zip(planner(written, tokens, mask), planner(written, louder, mask), strict=True):
        torch.testing.assert_close(a, b)


def test_the_longest_plan_can_be_read(planner: Planner) -> None:
    logits = planner(torch.zeros(1, LENGTH, dtype=torch.int64), *text())
    assert all(bool(torch.isfinite(x).all()) for x in logits)


def test_the_width_must_divide_by_the_heads() -> None:
    with pytest.raises(ConfigError, match="heads"):
        PlannerConfig(width=10, heads=4)
