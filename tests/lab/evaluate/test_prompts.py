"""The exam: fixed, balanced, and never what training saw."""

import re

import pytest

from molnar.lab.data.concepts import COMMON
from molnar.lab.data.heldout import is_held_out
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.evaluate import prompts
from molnar.lab.evaluate.prompts import STICKER_PROMPTS, TASKS, fingerprint, phrase, questions


def test_the_exam_is_the_published_one():
    # another hash is another exam: raise prompts.VERSION, and say so in the changelog
    assert (prompts.VERSION, fingerprint(questions(100))) == (1, "34c2f4f497bf2ffe")


def test_a_short_exam_is_the_beginning_of_a_long_one():
    assert [q.prompt for q in questions(6, ("two",))] == [
        q.prompt for q in questions(12, ("two",))
    ][:6]


def test_every_task_has_as_many_seen_as_held_out_prompts_and_none_twice():
    asked = questions(20)
    for task in TASKS:
        own = [q for q in asked if q.task == task]
        assert len({q.prompt for q in own}) == 20
        assert [q.split for q in own] == ["seen", "heldout"] * 10


def test_splits_are_what_they_say():
    for question in questions(10):
        assert is_held_out(question.spec) == (question.split == "heldout")


def test_questions_do_not_come_from_the_training_world():
    assert WorldConfig().seed != prompts.SEED
    training = {World(WorldConfig()).spec(k) for k in range(300)}
    assert not training & {question.spec for question in questions(10)}


def test_prompts_say_what_is_asked():
    for question in questions(10):
        for thing in question.ask.things:
            assert thing.colour in question.prompt
            assert re.search(rf"\b{thing.shape[:-1]}", question.prompt)
        ground = question.ask.background
        assert (
            (f"{ground} background" in question.prompt)
            if ground
            else "background" not in question.prompt
        )
    relations = {q.ask.relation[1] for q in questions(40) if q.ask.relation}
    assert relations == {"left of", "right of", "above", "below", "inside"}


def test_phrases_are_english():
    for question in questions(20):
        assert not re.search(r"\ba [aeo]|\ban [^aeo]", question.prompt), question.prompt
        assert "None" not in question.prompt
    clear = World(WorldConfig(transparent_p=1.0, coloured_p=0.0)).spec(3, "two")
    assert phrase(clear).endswith("on a transparent background")


def test_sticker_prompts_name_concepts_of_the_model():
    assert len(STICKER_PROMPTS) == len({name for _, name in STICKER_PROMPTS}) == 50
    assert {name for _, name in STICKER_PROMPTS} <= set(COMMON)


@pytest.mark.parametrize(("count", "tasks"), [(0, TASKS), (3, ("juggling",))])
def test_impossible_exams_are_refused(count, tasks):
    with pytest.raises(ValueError, match="expected 1 or more of single"):
        questions(count, tasks)
