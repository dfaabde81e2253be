"""Which words matter."""

from __future__ import annotations

import pytest

from molnar.base.errors import RequestError
from molnar.pipeline import Pipeline
from molnar.seeing.shorten import _without, shorten


def test_words_that_say_nothing_are_struck_out(shipped: Pipeline) -> None:
    prompt = "a dog face wearing a green beret on a beach, trending, masterpiece, please"
    found = shorten(shipped, prompt)
    weights = {word.text: word.weight for word in found.words}
    assert list(weights) == [
        "dog face", "green", "beret", "beach", "trending", "masterpiece", "please",
    ]  # fmt: skip
    assert max(weights.values()) == 1
    assert {word.text for word in found.words if word.useless} <= {
        "trending", "masterpiece", "please",
    }  # fmt: skip
    assert min(weights["dog face"], weights["beach"]) > weights["trending"]
    assert len(found.prompts) == 5
    lengths = [len(text) for text in found.prompts]
    assert lengths == sorted(lengths, reverse=True)


def test_it_is_a_function_of_prompt_and_seed(blind: Pipeline) -> None:
    found = shorten(blind, "a (red:1.3) circle AND two green stars :0.5", seed=4)
    assert [word.text for word in found.words] == ["red", "circle", "two", "green", "stars"]
    assert shorten(blind, "a (red:1.3) circle AND two green stars :0.5", seed=4) == found


def test_one_word_is_all_there_is(blind: Pipeline) -> None:
    found = shorten(blind, "circle")
    assert [(word.text, word.weight) for word in found.words] == [("circle", 1.0)]
    assert found.prompts == ("circle",)


@pytest.mark.parametrize(("prompt", "message"), [("...", "no words"), ("fox " * 80, "80 words")])
def test_refused(blind: Pipeline, prompt: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        shorten(blind, prompt)


@pytest.mark.parametrize(
    ("text", "gone", "left"),
    [
        ("a red star on a blue background", ["blue background"], "a red star"),
        ("a beautiful and red star", ["beautiful"], "a red star"),
        ("a red owl, detailed, 4k", ["red", "detailed"], "an owl, 4k"),
        ("a fox and a dog", ["fox"], "a dog"),
    ],
)
def test_nothing_is_left_hanging(text: str, gone: list[str], left: str) -> None:
    units = [(text.index(word), text.index(word) + len(word)) for word in gone]
    assert _without(text, units) == left
