"""A plan that says how all of the picture is drawn has it painted over; no other plan has."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molnar.base.images import from_model, on_white
from molnar.base.request import Request
from molnar.base.tiling import wrapped
from molnar.base.types import Item, Plan
from molnar.bundle import Bundle
from molnar.bundle import save as save_bundle
from molnar.drawn import manner_of
from molnar.engines import open_parts
from molnar.explain.scene import Scene, drawing
from molnar.pipeline import REACH, Pipeline, load

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


def test_a_tiled_picture_is_painted_across_its_edges(tiny: Path) -> None:
    """A picture that is rolled by whole periods of the texture is painted the same, but rolled."""
    parts, manner = open_parts(Bundle.load(tiny), threads=1), np.eye(2, dtype=np.float32)[:1]
    image = np.random.default_rng(0).uniform(-1, 1, (1, 4, 64, 64)).astype(np.float32)

    def painted(seen: Any) -> Any:
        return wrapped(lambda x: parts.finish(x, manner), seen, margin=REACH * 8, scale=1)

    rolled = painted(np.roll(image, 16, axis=3))
    assert np.abs(rolled - np.roll(painted(image), 16, axis=3)).max() < 1e-4
    assert np.abs(rolled - parts.finish(np.roll(image, 16, axis=3), manner)).max() > 0.01


@pytest.mark.parametrize("plan", [(THING,), LOOK])
def test_an_explanation_shows_the_picture_that_was_drawn(counted: Pipeline, plan: Plan) -> None:
    drawn = drawing(counted, asked(plan))
    shown = Scene(counted, drawn).decoded(drawn.steps[-1].x0)
    assert (from_model(on_white(shown))[0][..., :3] == drawn.picture.image).all()
