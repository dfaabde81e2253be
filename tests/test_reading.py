"""The prompt language, drawn: what weights, schedules, AND and BREAK lead to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.base.types import Item, TextEmbedding
from molnar.pipeline import Pipeline, load
from molnar.reading import Heard, emphasised, stray
from molnar.text.attention import attend, plain


@pytest.fixture(scope="module")
def pipeline(tiny: Path) -> Pipeline:
    return load(tiny, threads=1)


Draw = Callable[..., Any]


@pytest.fixture(scope="module")
def drawn(pipeline: Pipeline) -> Draw:
    """Draw a small picture: the same prompt twice is drawn once."""
    known: dict[Any, Any] = {}

    def draw(prompt: str, **changes: Any) -> Any:
        key = (prompt, *changes.items())
        if key not in known:
            known[key] = pipeline(asked(prompt, **changes))[0].image
        return known[key]

    return draw


def asked(prompt: str, **changes: Any) -> Request:
    base = Request(prompt=prompt, height=64, width=64, steps=2, seed=5, guidance=3.0)
    return replace(base, **changes)


def heard(pipeline: Pipeline, prompt: str, **changes: Any) -> Heard:
    return pipeline.heard(pipeline.resolve(asked(prompt, **changes)))


def same(one: TextEmbedding, other: TextEmbedding) -> bool:
    """Tell whether two texts say the same, whatever they are padded to."""
    here, there = (np.asarray(text.tokens)[np.asarray(text.mask)] for text in (one, other))
    return here.shape == there.shape and bool(np.allclose(here, there, atol=1e-5))


# ---------------------------------------------------------------- weights


@pytest.mark.parametrize("prompt", ["a (red:1) circle", "a (red)1.0 circle", "(a red circle:1.0)"])
def test_a_weight_of_one_is_no_weight_to_the_last_bit(drawn: Draw, prompt: str) -> None:
    np.testing.assert_array_equal(drawn(prompt), drawn("a red circle"))


@pytest.mark.parametrize("prompt", ["a (red:1.3) circle", "a [red] circle", "a red++ circle"])
def test_a_weight_changes_the_picture(drawn: Draw, prompt: str) -> None:
    assert (drawn(prompt) != drawn("a red circle")).any()


def test_a_word_of_weight_w_is_followed_w_minus_one_times_farther(pipeline: Pipeline) -> None:
    [[whole, rest]] = heard(pipeline, "a (red:1.3) circle").stages
    assert (whole.weight, rest.weight, rest.of) == (pytest.approx(1.3), pytest.approx(-0.3), 0)
    [[plain_text]] = heard(pipeline, "a red circle").stages
    [[without]] = heard(pipeline, "a circle").stages
    assert same(whole.text, plain_text.text)
    assert same(rest.text, without.text)


def test_a_word_of_weight_nothing_is_as_good_as_left_out(pipeline: Pipeline) -> None:
    [[whole, rest]] = heard(pipeline, "a (red:0) circle").stages
    [[without]] = heard(pipeline, "a circle").stages
    assert (whole.weight, rest.weight) == (0, 1)
    assert same(rest.text, without.text)


def test_each_weight_counts_by_itself(pipeline: Pipeline) -> None:
    [[whole, *less]] = heard(pipeline, "a (red:1.5) (circle:0.5) on a (beach:1.5)").stages
    assert [voice.weight for voice in (whole, *less)] == pytest.approx([1.0, -0.5, 0.5])
    for voice, words in zip(less, ["a circle on a", "a red on a beach"], strict=True):
        assert same(voice.text, heard(pipeline, words).text)


def test_what_is_left_out_is_not_planned_and_the_rest_stays_in_place(pipeline: Pipeline) -> None:
    plan = (
        Item(name="background", colour="blue", behind=True),
        Item(name="circle", colour="red", x=0.3, y=0.3, width=0.2, height=0.2),
    )
    request = pipeline.resolve(asked("a (red:1.4) circle", plan=plan))
    said = pipeline.heard(request)
    told = pipeline.lead(request, said, (16, 16))
    assert told.plan == plan
    (_, main), (_, less) = told.stages[0]
    assert main.plan is not None
    assert less.plan is None or less.plan.shape == main.plan.shape


@pytest.mark.parametrize("prompt", ["a (red:2.1) circle", "a (red:-1.1) circle", "((((a:2.5):2):2"])
def test_weights_that_lead_nowhere_are_refused_by_name(pipeline: Pipeline, prompt: str) -> None:
    with pytest.raises(RequestError, match=r"for this model|expected -20") as error:
        pipeline(asked(prompt))
    assert "\n" not in str(error.value)


def test_emphasis_is_the_text_without_the_words_of_each_weight() -> None:
    found = emphasised(attend("a (red:1.2) fox (here:0.5) (now:1.2)"))
    assert [(weight, plain(rest[0]).split()) for weight, rest in found] == [
        (1.2, ["a", "fox", "here"]),
        (0.5, ["a", "red", "fox", "now"]),
    ]


# ---------------------------------------------------------------- schedules, AND, BREAK


def test_a_schedule_begins_as_its_first_text(pipeline: Pipeline) -> None:
    def steps(prompt: str) -> list[Any]:
        return [step.x for step in pipeline.steps(asked(prompt, steps=4))]

    mixed, first, second = map(steps, ("a [red:blue:0.5] circle", "a red circle", "a blue circle"))
    for k in range(2):
        np.testing.assert_array_equal(mixed[k], first[k])
    assert (mixed[2] != first[2]).any()
    assert (mixed[3] != second[3]).any()


@pytest.mark.parametrize("sampler", ["heun", "dpmpp_2m", "euler_ancestral"])
def test_every_sampler_changes_its_text_on_time(pipeline: Pipeline, sampler: str) -> None:
    def steps(prompt: str) -> list[Any]:
        wish = asked(prompt, steps=4, sampler=sampler, schedule="karras")
        return [step.x0 for step in pipeline.steps(wish)]

    mixed, first = steps("a [red:blue:2] circle"), steps("a red circle")
    assert [bool((one == other).all()) for one, other in zip(mixed, first, strict=True)] == [
        True, True, False, False,
    ]  # fmt: skip


def test_alternating_words_take_turns(pipeline: Pipeline) -> None:
    said = heard(pipeline, "a [red|blue] circle", steps=4)
    assert said.which == (0, 1, 0, 1)
    assert same(said.stages[0][0].text, heard(pipeline, "a red circle").text)
    assert same(said.text, heard(pipeline, "a blue circle").text)


def test_a_schedule_that_never_changes_is_the_plain_prompt(drawn: Draw) -> None:
    np.testing.assert_array_equal(drawn("a [red:blue:1.0] circle"), drawn("a red circle"))


def test_a_picture_to_start_from_changes_nothing_about_the_order_of_texts(
    pipeline: Pipeline, drawn: Draw
) -> None:
    pipeline.library = lambda name: drawn("a fox")
    wish = asked("a [red:blue:1] circle", image="a.png", strength=0.5, steps=2)
    plainly = replace(wish, prompt="a red circle")
    mixed, first = ([s.x for s in pipeline.steps(one)] for one in (wish, plainly))
    np.testing.assert_array_equal(mixed[0], first[0])
    assert (mixed[1] != first[1]).any()


def test_both_sides_of_and_lead(pipeline: Pipeline, drawn: Draw) -> None:
    [voices] = heard(pipeline, "a red circle AND a blue square :0.5").stages
    assert [voice.weight for voice in voices] == [1, 0.5]
    assert [voice.of for voice in voices] == [None, None]
    both = drawn("a red circle AND a blue square")
    assert (both != drawn("a red circle")).any()
    assert (both != drawn("a blue square")).any()
    assert (both != drawn("a red circle AND a blue square :0.5")).any()


def test_midjourney_weights_are_shares(pipeline: Pipeline) -> None:
    [voices] = heard(pipeline, "a red circle::3 a blue square").stages
    assert [voice.weight for voice in voices] == [0.75, 0.25]


def test_a_break_begins_a_text_of_its_own(pipeline: Pipeline, drawn: Draw) -> None:
    [[voice]] = heard(pipeline, "a red circle BREAK a beach").stages
    text = voice.text
    parts = [heard(pipeline, words).text for words in ("a red circle", "a beach")]
    tokens = [np.asarray(part.tokens)[np.asarray(part.mask)] for part in parts]
    np.testing.assert_allclose(
        np.asarray(text.tokens)[np.asarray(text.mask)], np.concatenate(tokens), atol=1e-5
    )
    assert text.tokens.shape == parts[0].tokens.shape
    # what is planned, and what a picture is rated by, is all of it
    assert same(voice.whole, heard(pipeline, "a red circle, a beach").text)
    assert (drawn("a red circle BREAK a beach") != drawn("a red circle a beach")).any()
    assert drawn("a (red:1.2) circle BREAK a beach").shape == (64, 64, 3)
    with pytest.raises(RequestError, match=r"the parts between BREAK have .* shorten them"):
        drawn("a red circle a red circle BREAK " * 4 + "a fox")


# ---------------------------------------------------------------- words as words, and refusals


def test_literally_brackets_are_brackets(pipeline: Pipeline, drawn: Draw) -> None:
    said = heard(pipeline, "a (red:1.3) circle AND [a:b:1]", literal=True)
    assert [len(voices) for voices in said.stages] == [1]
    assert said.stages[0][0].weight == 1
    literal = drawn("a (red:1.3) circle", literal=True)
    assert (literal != drawn("a (red:1.3) circle")).any()
    np.testing.assert_array_equal(drawn("a red circle", literal=True), drawn("a red circle"))


def test_other_networks_are_refused_by_name(pipeline: Pipeline) -> None:
    with pytest.raises(RequestError, match="the lora 'ink'; this model takes none"):
        pipeline(asked("a fox <lora:ink:0.8>"))


def test_syntax_is_no_unknown_word(pipeline: Pipeline) -> None:
    [picture] = pipeline(asked("a (zebra:1.3) [red:blue:0.5] circle AND a beach :0.5", steps=1))
    assert [word.word for word in picture.unknown] == ["zebra"]
    [literal] = pipeline(asked("a (zebra:1.3) circle", literal=True, steps=1))
    assert "zebra" in [word.word for word in literal.unknown]


def test_notes_speak_of_words_and_not_of_syntax(pipeline: Pipeline) -> None:
    assert pipeline.notes(asked("a (red:1.3) circle")) == []
    assert pipeline.notes(asked("a [red:blue:0.5] circle AND a beach")) == []
    [note] = pipeline.notes(asked(f"a (fox:1.2) AND {'a red circle ' * 30}zebra"))
    assert note.startswith("the prompt is too long")
    assert note.endswith("zebra")


def test_nothing_may_be_said_at_first(pipeline: Pipeline) -> None:
    late = asked("[a red circle:1]")
    assert pipeline.notes(late) == []
    assert pipeline.texts(late.replaced(steps=2)) == ["a red circle"]
    [step, _] = pipeline.steps(late)
    assert np.isfinite(step.x).all()


def test_a_plan_of_its_own_is_drawn_and_checked(pipeline: Pipeline, drawn: Draw) -> None:
    plan = (Item(name="background", behind=True), Item(name="fox", colour="red", width=0.4))
    [picture] = pipeline(asked("a red circle", plan=plan))
    assert picture.plan == plan
    assert (picture.image != drawn("a red circle")).any()
    for wrong, said in [
        (Item(name="foxx"), "plan has 'foxx', did you mean 'fox'"),
        (Item(name="fox", colour="reddish"), "plan has colour 'reddish'; expected one of: red"),
    ]:
        with pytest.raises(RequestError) as error:
            pipeline(asked("a red circle", plan=(wrong,)))
        assert said.split(",")[0] in str(error.value)
        assert "\n" not in str(error.value)


def test_chaos_widens_doubt_and_none_is_as_before(drawn: Draw, pipeline: Pipeline) -> None:
    assert [stray(chaos) for chaos in (0, 50, 100)] == [1, 2, 3]
    np.testing.assert_array_equal(drawn("a red circle", chaos=0), drawn("a red circle"))
    text = heard(pipeline, "a red circle").text

    def spread(chaos: int) -> float:
        plans = [pipeline.plan(text, seed, chaos) for seed in range(6)]
        return float(np.std([item.x for plan in plans for item in plan if not item.behind]))

    assert spread(0) != spread(100)


def test_a_prompt_is_planned_by_its_words(pipeline: Pipeline) -> None:
    assert pipeline.planned("a (red:1.3) circle", 4) == pipeline.planned("a red circle", 4)
    assert pipeline.planned("a red circle", 4)[0].behind
