"""A plan that says how all of the picture is drawn has it painted over; no other plan has."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from molnar.base.images import from_model, on_white
from molnar.base.looks import told
from molnar.base.request import Request
from molnar.base.types import Item, Plan
from molnar.bundle import Bundle
from molnar.bundle import save as save_bundle
from molnar.drawn import manner_of, margins_of
from molnar.engines import open_parts
from molnar.explain.scene import Scene, drawing
from molnar.latent.finisher import Finisher, FinisherConfig
from molnar.pipeline import Pipeline, load

THING = Item(name="circle", colour="red", width=0.4, height=0.4)
#: The tiny bundle's finisher knows what lies behind as a look (see conftest).
LOOK: Plan = (Item(name="beach", behind=True), THING)


class Counted:
    """Parts that count what the finisher was told."""

    def __init__(self, parts: Any) -> None:
        self.parts = parts
        self.told: list[list[float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.parts, name)

    def finish(self, image: Any, manner: Any) -> Any:
        self.told.append(manner.tolist()[0])
        return self.parts.finish(image, manner)


def asked(plan: Plan, **changes: Any) -> Request:
    return Request(prompt="a red circle", height=128, width=128, seed=5, plan=plan, **changes)


@pytest.fixture
def counted(tiny: Path) -> Pipeline:
    bundle = Bundle.load(tiny)
    return Pipeline(bundle, Counted(open_parts(bundle, threads=1)))  # type: ignore[arg-type]


def without_finisher(tiny: Path, folder: Path) -> Path:
    shutil.copytree(tiny, folder)
    manifest = Bundle.load(folder).manifest
    for file in ("finisher.onnx", "finisher.safetensors"):
        (folder / file).unlink()
    parts = {name: part for name, part in manifest.parts.items() if name != "finisher"}
    save_bundle(folder, replace(manifest, parts=parts))
    return folder


def test_only_a_planned_look_is_painted(counted: Pipeline) -> None:
    list(counted(asked((THING,))))
    list(counted(asked((Item(name="fox"), THING))))
    # a thing of that name lies before others: that is no look
    list(counted(asked((Item(name="beach", width=0.5, height=0.5),))))
    assert counted.parts.told == []
    list(counted(asked(LOOK, count=2)))
    assert counted.parts.told == [[0.0, 1.0], [0.0, 1.0]]


def test_a_bundle_without_one_draws_everything_else_alike(tiny: Path, tmp_path: Path) -> None:
    bare = load(without_finisher(tiny, tmp_path / "bare"), threads=1)
    whole = load(tiny, threads=1)
    assert manner_of(bare.bundle, LOOK) is None
    for plan, alike in (((THING,), True), (LOOK, False)):
        [one], [other] = bare(asked(plan)), whole(asked(plan))
        assert bool((one.image == other.image).all()) is alike


def test_engines_paint_alike(tiny: Path) -> None:
    one, other = (open_parts(Bundle.load(tiny), name, threads=1) for name in ("onnx", "torch"))
    image = np.random.default_rng(0).uniform(-1, 1, (2, 4, 48, 64)).astype(np.float32)
    manner = np.eye(2, dtype=np.float32)
    painted = np.asarray(one.finish(image, manner))
    assert np.abs(painted - np.asarray(other.finish(image, manner))).max() < 1e-4
    assert np.abs(painted - image).max() > 0.01


@pytest.mark.parametrize("period", [8, 64])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 160), (128, 32), (128, 128)])
def test_texture_goes_on_across_the_edges_of_a_tile(height: int, width: int, period: int) -> None:
    """What lies on one edge lies next to what lies on the other one, in the plane as well."""
    config = {"period": period, "blocks": 4}
    bundle = SimpleNamespace(part=lambda name: SimpleNamespace(config=config))
    margins = margins_of(bundle, np.zeros((1, 4, height, width)))  # type: ignore[arg-type]
    places = Finisher(FinisherConfig(width=4, **config))._mirrored(torch.arange(400))
    for side, margin in zip((height, width), margins, strict=True):
        assert margin >= 20, "what a finisher of four blocks sees, see below"
        first, last = margin // 2, (margin + side) // 2 - 1
        assert abs(int(places[first] - places[last])) <= 1
        beside = places[first : first + 6].tolist(), places[last - 5 : last + 1].tolist()[::-1]
        assert all(abs(a - b) <= 1 for a, b in zip(*beside, strict=True)), "both ways alike"


@pytest.mark.parametrize("blocks", [1, 4])
def test_margins_hold_all_that_a_finisher_sees(blocks: int) -> None:
    """A pixel that is changed shows as far as the least margin, and no farther."""
    torch.manual_seed(0)
    finisher = Finisher(FinisherConfig(width=8, blocks=blocks)).eval().requires_grad_(False)
    for layer in (finisher.leave, *(block.conv2 for block in finisher.blocks)):
        torch.nn.init.normal_(layer.weight, std=0.3)
    plain = torch.zeros(1, 4, 96, 96)
    marked = plain.clone()
    marked[..., 48, 48] = 1.0
    moved = (finisher(marked, torch.eye(4)[:1]) - finisher(plain, torch.eye(4)[:1])).abs()
    rows = moved.amax(dim=(0, 1, 3)).nonzero().flatten()
    seen = 2 * (2 * blocks + 2)
    assert 48 - int(rows.min()) in (seen, seen - 1, seen - 2), "two pixels are one cell"
    assert int(rows.max()) - 48 in (seen, seen + 1)
    config = {"period": 2, "blocks": blocks}  # a margin of any length will do
    bundle = SimpleNamespace(part=lambda name: SimpleNamespace(config=config))
    assert margins_of(bundle, np.zeros((1, 4, 64, 64))) == (seen, seen)  # type: ignore[arg-type]


def test_a_tiled_picture_is_finished_so(counted: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    finish = counted.parts.finish
    monkeypatch.setattr(
        counted.parts, "finish", lambda x, manner: (seen.append(x.shape), finish(x, manner))[1]
    )
    [tiled] = counted(asked(LOOK, tile=True))
    [plain] = counted(asked(LOOK))
    assert seen[0] > seen[1] and tiled.image.shape == plain.image.shape


def test_of_several_looks_the_first_is_painted() -> None:
    plan = (Item(name="neon", behind=True), *LOOK)
    assert told(plan, ("beach", "neon")).tolist() == [[0, 1]]  # type: ignore[union-attr]


@pytest.mark.parametrize("tile", [False, True])
@pytest.mark.parametrize("plan", [(THING,), LOOK])
def test_an_explanation_shows_the_picture_that_was_drawn(
    counted: Pipeline, plan: Plan, tile: bool
) -> None:
    drawn = drawing(counted, asked(plan, tile=tile))
    shown = Scene(counted, drawn).decoded(drawn.steps[-1].x0)
    assert (from_model(on_white(shown))[0][..., :3] == drawn.picture.image).all()
