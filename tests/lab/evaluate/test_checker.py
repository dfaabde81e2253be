"""The judge: what it accepts, what it refuses, and why it says it does."""

import numpy as np
import pytest

from molnar.lab.data.world import World, WorldConfig
from molnar.lab.evaluate.checker import Ask, Asked, ask_of, describe, judge, look

RED, BLUE = Asked(shape="circle", colour="red"), Asked(shape="square", colour="blue")


@pytest.fixture(scope="module")
def pair(paint):
    return paint([("circle", "red", 36, 60, 20), ("square", "blue", 92, 68, 20)])


def test_both_objects_are_there(pair):
    verdict = judge(pair, Ask(things=(RED, BLUE)))
    assert verdict.correct
    assert verdict.reason == ""
    assert verdict.atom_score == 1
    assert verdict.seen == ("red circle", "blue square") or verdict.seen == (
        "blue square",
        "red circle",
    )


def test_colours_must_sit_on_their_own_shapes(pair):
    crossed = (Asked(shape="circle", colour="blue"), Asked(shape="square", colour="red"))
    verdict = judge(pair, Ask(things=crossed))
    assert not verdict.correct
    assert "not met: blue circle; red square" in verdict.reason
    assert "saw" in verdict.reason


def test_bystanders_are_tolerated_but_not_when_counting(pair):
    assert judge(pair, Ask(things=(RED,))).correct
    assert not judge(pair, Ask(things=(RED,), only=True)).correct


def test_a_second_object_of_an_asked_shape_must_not_have_another_colour(paint):
    two = paint([("circle", "red", 36, 64, 20), ("circle", "green", 92, 64, 20)])
    verdict = judge(two, Ask(things=(RED,)))
    assert not verdict.correct
    assert "no green circle" in verdict.reason


@pytest.mark.parametrize("shown", [2, 3, 4])
def test_counts_are_exact(paint, shown):
    image = paint([("star", "cyan", 20 + 29 * k, 64, 13) for k in range(shown)], "black")
    for asked in (2, 3, 4):
        ask = Ask(things=(Asked(shape="star", colour="cyan", count=asked),), only=True)
        assert judge(image, ask).correct == (asked == shown)


@pytest.mark.parametrize(
    ("relation", "true"),
    [("left of", True), ("right of", False), ("above", False), ("below", False), ("inside", False)],
)
def test_relations(pair, relation, true):
    assert judge(pair, Ask(things=(RED, BLUE), relation=(0, relation, 1))).correct == true


def test_a_relation_needs_a_margin(paint):
    near = paint([("circle", "red", 60, 30, 16), ("square", "blue", 66, 100, 16)])
    assert judge(near, Ask(things=(RED, BLUE), relation=(0, "above", 1))).correct
    assert not judge(near, Ask(things=(RED, BLUE), relation=(0, "left of", 1))).correct


def test_inside_needs_the_whole_object_within(paint):
    within = paint([("square", "blue", 64, 64, 50), ("circle", "red", 64, 60, 20)])
    ask = Ask(things=(RED, BLUE), relation=(0, "inside", 1))
    assert judge(within, ask).correct
    half_out = paint([("square", "blue", 70, 64, 40), ("circle", "red", 34, 64, 18)])
    assert not judge(half_out, ask).correct


def test_background(paint):
    image = paint([("circle", "red", 64, 64, 30)], "yellow")
    assert judge(image, Ask(things=(RED,), background="yellow")).correct
    assert not judge(image, Ask(things=(RED,), background="white")).correct
    assert judge(image, Ask(things=(RED,))).correct


def test_a_white_object_is_seen_where_there_is_alpha(paint):
    alpha = (paint([("heart", "white", 64, 64, 30)], "black")[..., :1] > 127) * np.uint8(255)
    image = np.concatenate([np.full((128, 128, 3), 255, np.uint8), alpha], -1)
    ask = Ask(things=(Asked(shape="heart", colour="white"),), background="transparent")
    assert judge(image, ask).correct
    assert not judge(image, Ask(things=ask.things)).correct  # on white, nothing is seen


def test_an_empty_picture_fails_everything():
    blank = np.full((128, 128, 3), 255, np.uint8)
    verdict = judge(blank, Ask(things=(RED, BLUE), relation=(0, "left of", 1)))
    assert not verdict.correct
    assert verdict.atom_score == 0
    assert "saw nothing on white" in verdict.reason


def test_unknown_relations_are_refused(pair):
    with pytest.raises(ValueError, match="expected one of left of"):
        judge(pair, Ask(things=(RED, BLUE), relation=(0, "near", 1)))


def test_specs_become_asks():
    world = World(WorldConfig(seed=5))
    counted = ask_of(
        next(s for s in (world.spec(k, "counting") for k in range(50)) if len(s.things) == 4)
    )
    assert counted.only
    assert [thing.count for thing in counted.things] == [4]
    nested = world.spec(0, "nested")
    ask = ask_of(nested)
    assert ask.relation is not None
    assert ask.relation[1] == "inside"
    assert ask.things[ask.relation[0]].shape == nested.things[1].name
    with pytest.raises(ValueError, match="plain shapes"):
        ask_of(
            next(
                s
                for s in (world.spec(k, "homage") for k in range(99))
                if s.things[0].kind == "mark"
            )
        )


def test_what_was_seen_is_plain_data(pair):
    _, seen = look(pair)
    rows = describe(seen)
    assert {row["shape"] for row in rows} == {"circle", "square"}
    assert all(0.8 < row["score"] <= 1 for row in rows)
