from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from molnar.explain.record import to_json
from molnar.explain.scene import Drawing
from molnar.explain.story import Story, difference, tell
from molnar.pipeline import Pipeline

Draw = Callable[..., Drawing]


def test_a_story_has_every_part(story: Story, made: Drawing) -> None:
    assert story.identical is True
    assert story.texts == ("a red circle and a gizmo",)
    [pieces] = story.pieces
    assert "".join(piece.text for piece in pieces).replace(" ", "") == "aredcircleandagizmo"
    assert all(piece.read for piece in pieces)
    assert [one.word for one in story.readings] == ["a", "red", "circle", "and", "a", "gizmo"]
    assert [one.known for one in story.readings] == [True, True, True, True, True, False]
    assert [one.function for one in story.readings] == [True, False, False, True, True, False]
    assert len(story.moments) == len(made.steps) == 3
    assert story.moments[-1].t == 0
    for moment in story.moments:
        assert moment.latent.shape == (4, 16, 16)
        assert moment.estimate.shape == (128, 128, 3)
        assert moment.preview is None or moment.preview.shape == (16, 16, 4)
    assert [one.word.text for one in story.without] == [one.word for one in story.words]
    assert all(0 < one.difference < 1 for one in story.without)
    assert story.guided is not None
    assert story.guided.scale == 2
    assert story.guided.change.shape == (128, 128)
    assert story.guided.change.max() > 0
    assert story.nearest is None
    assert story.window == (0, 0, 1, 1)


def test_a_redrawn_picture_is_what_the_shorter_prompt_gives(story: Story, draw: Draw) -> None:
    shorter = draw("a circle and a gizmo").picture.image
    image = story.without[1].image
    assert image is not None
    assert (image == shorter).all()


def test_the_same_picture_has_the_same_story(story: Story, pipeline: Pipeline, draw: Draw) -> None:
    made = draw("a red circle and a gizmo")
    again = tell(pipeline, made, original=made.picture.image, lineage=story.lineage)
    one, other = to_json(story), to_json(again)
    for name in ("seconds", "told_in_seconds"):
        del one[name], other[name]
    assert one == other


def test_json_holds_the_arrays(story: Story) -> None:
    found = json.loads(json.dumps(to_json(story), allow_nan=False))
    maps = np.array([word["map"] for word in found["words"]])
    assert maps.shape == (6, 128, 128)
    assert maps == pytest.approx(np.stack([one.map for one in story.words]), abs=1e-4)
    assert np.array(found["steps"][0]["latent"]).shape == (4, 16, 16)
    assert found["image"].startswith("data:image/png;base64,")
    assert found["seed"] == 3
    assert found["lineage"] == ["k7.2 (vary)", "k9.1"]


def test_one_word_cannot_be_missed(pipeline: Pipeline, draw: Draw) -> None:
    story = tell(pipeline, draw("fox", guidance=1.0))
    [only] = story.without
    assert (only.image, only.difference) == (None, 1.0)
    assert story.guided is None
    assert story.identical is None
    json.dumps(to_json(story), allow_nan=False)


def test_other_pixels_are_told(pipeline: Pipeline, made: Drawing) -> None:
    other = made.picture.image.copy()
    other[0, 0] ^= 1
    assert tell(pipeline, made, original=other).identical is False


def test_transparent_and_wide(pipeline: Pipeline, draw: Draw) -> None:
    story = tell(pipeline, draw("a fox", transparent=True, height=64, width=128))
    assert story.moments[0].estimate.shape == (64, 128, 4)
    assert story.window[2:] == (1, 0.5)


def test_differences_are_seen_on_white() -> None:
    clear = np.zeros((2, 2, 4), np.uint8)
    white = np.full((2, 2, 3), 255, np.uint8)
    black = np.zeros((2, 2, 3), np.uint8)
    assert difference(clear, white) == 0
    assert difference(clear, black) == 1
