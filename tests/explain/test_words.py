from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import molnar
from molnar.base.errors import RequestError
from molnar.base.request import Request, Variation
from molnar.base.types import Item
from molnar.explain.scene import Drawing, drawing
from molnar.explain.spoken import words_of
from molnar.explain.words import WordMap, blurred, chances, word_maps
from molnar.pipeline import Pipeline, load
from molnar.plan.items import COLOURS

SHIPPED = Path(molnar.__file__).parent / "models" / "sticker"
Draw = Callable[..., Drawing]


def check(maps: tuple[WordMap, ...]) -> None:
    assert all(one.map.dtype == np.float32 for one in maps)
    assert all(0 <= one.map.min() <= one.map.max() <= 1 + 1e-6 for one in maps)
    assert max(float(one.map.max()) for one in maps) == pytest.approx(1)


def test_each_word_has_a_map(pipeline: Pipeline, made: Drawing) -> None:
    maps = word_maps(pipeline, made.request, made)
    check(maps)
    assert [one.word for one in maps] == ["a", "red", "circle", "and", "a", "gizmo"]
    assert {one.map.shape for one in maps} == {(128, 128)}
    for one in maps:
        assert made.request.prompt[one.begin :].startswith(one.word)
        assert len(one.names) == len(one.colours) == len(made.picture.plan)
        assert all(0 <= share <= 1 for share in (*one.names, *one.colours))


def test_maps_are_the_same_each_time(pipeline: Pipeline, made: Drawing) -> None:
    first = word_maps(pipeline, made.request, made)
    again = word_maps(pipeline, made.request)
    assert all((one.map == other.map).all() for one, other in zip(first, again, strict=True))


def test_some_words_alone(pipeline: Pipeline, made: Drawing) -> None:
    words = [word for word in words_of(made.request.prompt) if word.text == "circle"]
    [one] = word_maps(pipeline, made.request, made, words)
    assert one.word == "circle"
    assert float(one.map.max()) == pytest.approx(1)


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "fox"},
        {"prompt": "a (red:1.4) circle"},
        {"prompt": "a red circle AND a blue square"},
        {"prompt": "a [red:blue:0.5] circle"},
        {"prompt": "a red circle", "steps": 1},
        {"prompt": "a red circle", "guidance": 1.0},
        {"prompt": "a red circle", "transparent": True},
        {"prompt": "a red circle", "tile": True},
        {"prompt": "a red circle", "variations": (Variation(seed=4, strength=0.3),)},
        {"prompt": "a star and a star", "plan": (Item(name="star", x=0.3, width=0.4),)},
    ],
)
def test_whatever_a_request_may_say(
    pipeline: Pipeline, draw: Draw, fields: dict[str, object]
) -> None:
    made = draw(**fields)
    check(word_maps(pipeline, made.request, made))


def test_other_shapes_are_cut_as_the_picture_is(pipeline: Pipeline, draw: Draw) -> None:
    made = draw("a red circle", height=64, width=128)
    assert {one.map.shape for one in word_maps(pipeline, made.request, made)} == {(64, 128)}


def test_a_picture_that_started_from_another_changes_only_where_it_was_drawn(
    pipeline: Pipeline, draw: Draw, tmp_path: Path
) -> None:
    from PIL import Image

    Image.new("RGB", (128, 128), "white").save(tmp_path / "old.png")
    mask = np.zeros((128, 128, 3), np.uint8)
    mask[:, 96:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    made = draw(
        "a red circle", height=128, width=128, image=str(tmp_path / "old.png"),
        mask=str(tmp_path / "mask.png"), strength=1.0,
    )  # fmt: skip
    maps = word_maps(pipeline, made.request, made)
    assert max(float(one.map[:, 80:].max()) for one in maps) == pytest.approx(1)
    # eight cells away, farther than a decoder mixes
    assert max(float(one.map[:, :32].max()) for one in maps) < 0.05


def test_a_picture_that_was_not_drawn_has_no_story(pipeline: Pipeline, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "old.png")
    request = Request(
        prompt="a red circle", height=64, width=64, image=str(tmp_path / "old.png"), strength=0.0
    )
    with pytest.raises(RequestError, match="only enlarged"):
        drawing(pipeline, request)


def test_chances_are_those_the_planner_draws_by(pipeline: Pipeline) -> None:
    assert pipeline.names is not None
    names = tuple(pipeline.names)
    text, _ = pipeline.embed(Request(prompt="a red circle"))
    things = (Item(name="circle", colour="red", width=0.4), Item(name="star", width=0.2))
    behind = Item(name="background", colour="white", behind=True)
    found = chances(pipeline.parts, names, (behind, *things), text)
    assert found.shape == (3, 2)
    assert ((found > 0) & (found <= 1)).all()
    every = [
        chances(pipeline.parts, names, (replace(behind, name=name),), text)[0, 0] for name in names
    ]
    assert sum(every) == pytest.approx(1, abs=1e-6)  # something always lies behind
    every = [
        chances(pipeline.parts, names, (replace(behind, colour=colour),), text)[0, 1]
        for colour in (*COLOURS, None)
    ]
    assert sum(every) == pytest.approx(1, abs=1e-6)


def test_a_blur_keeps_what_is_even() -> None:
    even = np.full((9, 7), 0.25, np.float32)
    assert blurred(even) == pytest.approx(even)
    spot = np.zeros((9, 9), np.float32)
    spot[4, 4] = 1
    assert blurred(spot, 1)[3:6, 3:6] == pytest.approx(np.full((3, 3), 1 / 9))


@pytest.mark.slow
def test_nouns_of_the_shipped_model_point_at_their_boxes() -> None:
    pipeline = load(SHIPPED, threads=1)
    prompts = {
        "a red circle to the left of a blue square": ("circle", "square"),
        "a yellow star and a green heart": ("star", "heart"),
        "a blue star above a pink star": ("star", "star"),
    }
    for prompt, nouns in prompts.items():
        made = drawing(pipeline, Request(prompt=prompt, seed=7))
        words = [word for word in words_of(prompt) if word.text in nouns]
        maps = word_maps(pipeline, made.request, made, words)
        things = [item for item in made.picture.plan if not item.behind]
        things.sort(key=lambda item: nouns.index(item.name))  # of one name, as the text has them
        for one, item in zip(maps, things, strict=True):
            rows, columns = one.map.shape
            row, column = one.largest
            assert item.name == one.word
            assert abs(column / columns - item.x) <= item.width / 2 + 0.03, (prompt, one.word)
            assert abs(row / rows - item.y) <= item.height / 2 + 0.03, (prompt, one.word)
    each = word_maps(pipeline, Request(prompt="a red circle", seed=1))
    known = {one.word: float(one.map.max()) for one in each}
    assert known["a"] < 0.5 < known["circle"]
