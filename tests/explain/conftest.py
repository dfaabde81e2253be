from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from molnar.base.request import Request
from molnar.explain.scene import Drawing, drawing
from molnar.explain.story import Story, tell
from molnar.pipeline import Pipeline, load

Draw = Callable[..., Drawing]
HOSTILE = 'a red <script>alert("x")</script> circle & <img src=http://evil.invalid> gizmo'


@pytest.fixture(scope="session")
def pipeline(tiny: Path) -> Pipeline:
    return load(tiny, threads=1)


@pytest.fixture(scope="session")
def draw(pipeline: Pipeline) -> Draw:
    def small(prompt: str, **fields: Any) -> Drawing:
        wishes = {"height": 64, "width": 64, "seed": 3, **fields}
        return drawing(pipeline, Request(prompt=prompt, **wishes))

    return small


@pytest.fixture(scope="session")
def made(draw: Draw) -> Drawing:
    return draw("a red circle and a gizmo")


@pytest.fixture(scope="session")
def story(pipeline: Pipeline, made: Drawing) -> Story:
    return tell(pipeline, made, original=made.picture.image, lineage=["k7.2 (vary)", "k9.1"])


@pytest.fixture(scope="session")
def hostile(pipeline: Pipeline, draw: Draw) -> Story:
    return tell(pipeline, draw(HOSTILE))
