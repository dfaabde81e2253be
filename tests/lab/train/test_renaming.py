"""More names than before: what the old ones did stays, and the new ones are not nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from molnar.base.errors import TrainingError
from molnar.diffusion.planned import Planned, Sketch
from molnar.lab.train import renaming
from molnar.lab.train.naming import apart
from molnar.plan.items import COLOURS, Item
from molnar.plan.paint import features, paint
from molnar.plan.planner import Planner, PlannerConfig

OLD = ("background", "circle", "square", "fox")
NEW = ("background", "otter", "circle", "square", "owl", "fox")
WIDTH = 16


@pytest.fixture(scope="module")
def vectors() -> tuple[np.ndarray, np.ndarray]:
    """Sentence vectors set apart, of the old names alone and of all of them."""
    said = np.random.default_rng(3).normal(size=(len(NEW), WIDTH)).astype(np.float32)
    old = apart(said[[NEW.index(name) for name in OLD]])
    return old, apart(said)


def map_of(name: str, names: tuple[str, ...], vectors: np.ndarray) -> torch.Tensor:
    plan = [Item(name=name, colour="red", width=0.5, height=0.5)]
    return torch.from_numpy(paint(plan, dict(zip(names, vectors, strict=True)), (6, 6), WIDTH))


@pytest.mark.parametrize("part", ["planned", "sketch"])
def test_a_network_reads_the_old_names_as_before_and_the_new_ones_apart(vectors, part: str) -> None:
    old, new = vectors
    assert np.abs(old - new[[NEW.index(name) for name in OLD]]).max() > 0.1, "they moved"
    torch.manual_seed(4)
    wide = features(WIDTH)
    module = Planned(wide, 8, 8) if part == "planned" else Sketch(wide, 8, 4, 8)
    torch.nn.init.normal_(module.leave.weight)
    weights = {f"{part}.{key}": value for key, value in module.state_dict().items()}
    with torch.no_grad():
        before = {name: module(map_of(name, OLD, old)[None]) for name in OLD}
        own = renaming.network(weights, old, new[[NEW.index(name) for name in OLD]])
        module.load_state_dict({key.removeprefix(f"{part}."): own[key] for key in own})
        after = {name: module(map_of(name, NEW, new)[None]) for name in NEW}
    scale = max(float(value.std()) for value in before.values())
    for name in OLD:
        assert float((before[name] - after[name]).abs().max()) < 0.02 * scale
    for name in ("otter", "owl"):
        others = [after[other] for other in NEW if other != name]
        assert min(float((after[name] - other).abs().max()) for other in others) > 0.1 * scale


def test_a_planner_writes_what_it_wrote(vectors) -> None:
    old, new = vectors
    torch.manual_seed(1)
    sizes = {"width": 16, "layers": 1, "text_width": 12, "name_width": WIDTH}
    planner = Planner(PlannerConfig(names=OLD, **sizes))
    planner.vectors.copy_(torch.from_numpy(old))
    grown = Planner(PlannerConfig(names=NEW, **sizes))
    grown.load_state_dict(renaming.planner(planner.state_dict(), NEW, OLD, new))
    text = torch.randn(2, 5, 12), torch.ones(2, 5, dtype=torch.bool)
    rows = torch.tensor([NEW.index(name) for name in OLD])
    for name, colour in ((0, 3), (3, len(COLOURS))):
        said = torch.tensor([[0, name, colour]] * 2)
        with torch.no_grad():
            wrote = planner.rate(planner.think(said, *text))
            writes = grown.rate(grown.think(_renamed(said, rows), *text))
        for now, then in zip(writes[1:], wrote[1:], strict=True):
            torch.testing.assert_close(now, then, atol=0.02, rtol=0.02)
        ends = torch.stack([writes[0][..., -1], wrote[0][..., -1]])
        torch.testing.assert_close(ends[0], ends[1], atol=0.02, rtol=0.02)
        torch.testing.assert_close(writes[0][..., rows], wrote[0][..., :-1], atol=0.02, rtol=0.02)


def test_no_old_name_may_be_lost(vectors) -> None:
    planner = Planner(PlannerConfig(names=OLD, width=16, layers=1, text_width=12, name_width=WIDTH))
    with pytest.raises(TrainingError, match="'fox' the first"):
        renaming.planner(planner.state_dict(), NEW[:-1], OLD, vectors[1][:-1])


def _renamed(said: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Give the same plan in the new names' numbers: the name is its second number."""
    out = said.clone()
    out[:, 1] = rows[said[:, 1]]
    return out
