"""Blends and image prompts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.pipeline import Pipeline
from molnar.seeing.blend import blend, prompted
from molnar.starting import name_of
from molnar.text.grammar import parse
from molnar.verbs import Parent, Wish


def plain(colour: tuple[int, ...], size: tuple[int, int] = (64, 64)) -> NDArray[np.uint8]:
    return np.full((*size, len(colour)), colour, np.uint8)


def known(prompt: str, colour: tuple[int, ...]) -> Parent:
    return Parent(pixels=plain(colour), request=Request(prompt=prompt, seed=1))


PAIR = (known("a fox", (200, 0, 0)), known("a circle", (0, 0, 100)))


def terms(wish: Wish) -> list[tuple[str, float]]:
    return [(term.text, term.weight) for term in parse(wish.request.prompt, 1).distinct[0]]


def test_texts_and_pixels_are_mixed_by_weight(blind: Pipeline) -> None:
    wish = blend(blind, PAIR, [3, 1], seed=5)
    assert terms(wish) == [("a fox", 0.75), ("a circle", 0.25)]
    pixels = wish.inputs[wish.request.image]
    assert tuple(pixels[0, 0]) == (150, 0, 25, 255)
    assert (wish.request.height, wish.request.width, wish.request.seed) == (64, 64, 5)
    assert blend(blind, PAIR, [3, 1], seed=5).request == wish.request


def test_what_is_transparent_has_no_colour_to_mix(blind: Pipeline) -> None:
    clear = replace(PAIR[0], pixels=plain((255, 255, 255, 0)))
    wish = blend(blind, (clear, PAIR[1]), seed=5, size=(64, 128))
    pixels = wish.inputs[wish.request.image]
    assert pixels.shape == (64, 128, 4)
    assert tuple(pixels[0, 0]) == (0, 0, 100, 128)


def test_a_picture_that_says_nothing_is_described(blind: Pipeline) -> None:
    bare = Parent(pixels=plain((36, 82, 214)))
    wish = blend(blind, (bare, PAIR[1]), prompts=["", "a star"], seed=0)
    assert [text for text, _ in terms(wish)] == ["a blue background", "a star"]


@pytest.mark.parametrize(
    ("parents", "options", "message"),
    [
        (PAIR[:1], {}, "2 to 5"),
        (PAIR * 3, {}, "2 to 5"),
        (PAIR, {"weights": [1.0]}, "one for each"),
        (PAIR, {"weights": [1.0, 0.0]}, "above 0"),
        (PAIR, {"weights": [1.0, float("nan")]}, "above 0"),
        (PAIR, {"prompts": ["a"]}, "one for each"),
    ],
)
def test_refused(blind: Pipeline, parents: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        blend(blind, parents, seed=0, **options)


def test_a_blend_can_be_drawn(blind: Pipeline) -> None:
    wish = blend(blind, PAIR, seed=5)
    drawer = Pipeline(blind.bundle, blind.parts, library=lambda name: wish.inputs[name])
    [picture] = drawer(wish.request)
    assert picture.image.shape[:2] == (64, 64)


def test_an_image_prompt_of_weight_0_changes_nothing(blind: Pipeline) -> None:
    request = Request(prompt="a star", seed=2)
    assert prompted(blind, request, plain((36, 82, 214)), 0) == Wish(request=request)


def test_an_image_prompt_speaks_louder_with_its_weight(blind: Pipeline) -> None:
    request = Request(prompt="a star AND a fox :0.5", seed=2, height=64, width=96)
    found = [prompted(blind, request, plain((36, 82, 214)), weight) for weight in (0.5, 1, 3)]
    shares = [terms(wish)[-1][1] for wish in found]
    assert shares == [0.2, 0.333, 0.6]
    assert all(
        sum(weight for _, weight in terms(wish)) == pytest.approx(1, abs=2e-3) for wish in found
    )
    strengths = [wish.request.strength or 0.0 for wish in found]
    assert strengths == sorted(strengths, reverse=True)
    pixels = found[0].inputs[found[0].request.image]
    assert pixels.shape == (64, 96, 4)
    assert np.abs(pixels[..., :3].astype(int) - (36, 82, 214)).max() <= 1


def test_image_prompts_refused(blind: Pipeline) -> None:
    picture = plain((1, 2, 3))
    with pytest.raises(RequestError, match="0 to 3"):
        prompted(blind, Request(prompt="a"), picture, 4)
    with pytest.raises(RequestError, match="already"):
        prompted(blind, Request(prompt="a", image=name_of(picture)), picture)
