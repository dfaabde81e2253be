"""Plans drawn by rule: right plans are judged right, wrong ones wrong."""

from dataclasses import replace

import pytest

from molnar.lab.data.plans import plan_of
from molnar.lab.evaluate.planned import by_rule, spec_of
from molnar.lab.evaluate.proceval import run, score
from molnar.lab.evaluate.prompts import questions
from molnar.plan.items import Item

EXAM = questions(8)
PLANS = {question.prompt: plan_of(question.spec, None) for question in EXAM}


def test_what_was_planned_right_is_judged_right():
    scores = score(run(by_rule(lambda prompt, seed: PLANS[prompt]), EXAM, seeds=(0,)))
    assert scores.overall.value == 1.0


def exchanged(plan):
    """Give the first two things each other's colours."""
    behind, one, other, *rest = plan
    return (behind, replace(one, colour=other.colour), replace(other, colour=one.colour), *rest)


def differ(one, other):
    return one.name != other.name and one.colour != other.colour


@pytest.mark.parametrize("task", ["two", "attribution", "position"])
def test_exchanged_colours_are_judged_wrong(task):
    asked = [question for question in EXAM if question.task == task]
    exam = [q for q in asked if differ(*PLANS[q.prompt][1:3])]
    assert len(exam) > 1
    source = by_rule(lambda prompt, seed: exchanged(PLANS[prompt]))
    assert score(run(source, exam, seeds=(0,))).overall.value == 0.0


def test_what_was_not_asked_does_not_vanish():
    dog = Item(name="dog face", colour=None, x=0.5, y=0.5, width=0.5, height=0.4)
    star = Item(name="star", colour="red", x=0.2, y=0.5, width=0.3, height=0.2)
    spec = spec_of((Item(name="transparent", behind=True), dog, star))
    assert [(t.name, t.colour, t.size) for t in spec.things] == [
        ("ring", "gray", 0.5),
        ("star", "red", 0.3),
    ]
    assert spec.background.transparent


@pytest.mark.parametrize(
    "spoil",
    [
        lambda behind, first, *rest: (behind, replace(first, colour=None), *rest),
        lambda behind, first, *rest: (replace(behind, name="beach"), first, *rest),
        lambda behind, first, *rest: (replace(behind, name="stripes"), first, *rest),
        lambda behind, first, *rest: (behind, first, *rest, replace(first, name="dog face", y=0.1)),
    ],
)
def test_a_spoilt_plan_is_not_forgiven(spoil):
    exam = [question for question in EXAM if question.task == "counting"]
    source = by_rule(lambda prompt, seed: spoil(*PLANS[prompt]))
    assert score(run(source, exam, seeds=(0,))).overall.value < 0.2


def test_a_planned_look_is_drawn():
    ground = PLANS[EXAM[0].prompt][0]
    heart = Item(name="heart", colour="red", width=0.6, height=0.6)
    looked = (ground, Item(name="pixel art", behind=True), heart)
    assert spec_of(looked).look == "pixel art"
    assert [thing.name for thing in spec_of(looked).things] == ["heart"]
    assert spec_of((ground, heart)).look is None
    plain, pixels = (by_rule(lambda prompt, seed, p=p: p)("", 0) for p in ((ground, heart), looked))
    assert (plain != pixels).any()
