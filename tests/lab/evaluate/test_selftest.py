"""The judge is itself on trial: its error rates on fresh ground truth."""

import numpy as np
import pytest

from molnar.lab.evaluate import selftest
from molnar.lab.evaluate.checker import Ask, Asked
from molnar.lab.evaluate.selftest import KINDS, checker_self_test, lies


@pytest.fixture(scope="module")
def card():
    return checker_self_test(84, every=3)


def test_true_renders_are_accepted(card):
    assert card.true.shown == 84
    assert card.true.accepted == 84, card.true.surprises


def test_one_thing_wrong_is_refused(card):
    assert set(card.wrong) == {"colour", "shape", "count", "binding", "relation", "background"}
    assert sum(tally.shown for tally in card.wrong.values()) > 380
    for tally in card.wrong.values():
        assert tally.accepted == 0, tally.surprises


def test_blur_jpeg_and_noise_are_stood(card):
    assert all(tally.shown == 28 for tally in card.degraded.values())
    accepted = sum(tally.accepted for tally in card.degraded.values())
    # pooled: 28 pictures of each are too few for a share of each; the full test gives those
    assert accepted >= 0.97 * 84, [tally.surprises for tally in card.degraded.values()]


def test_the_card_can_be_read(card):
    text = "\n".join(card.lines())
    assert "one thing wrong" in text
    assert "n=84" in text
    assert card.to_json()["num_true"] == 84


def test_a_bad_judge_fails_its_test(monkeypatch):
    monkeypatch.setattr("molnar.lab.evaluate.segments.AREA_FLOOR", 0.2)  # blind to anything small
    assert not checker_self_test(len(KINDS), every=3).passed


def test_degradations_change_pictures_without_moving_them():
    image = np.zeros((64, 64, 3), np.uint8)
    image[16:48, 16:48] = (250, 20, 20)
    for degrade in selftest.DEGRADED.values():
        found = degrade(image, np.random.default_rng(0))
        assert found.dtype == np.uint8
        assert found.shape == image.shape
        assert (found != image).any()
        assert abs(found.astype(int) - image)[20:44, 20:44].mean() < 13


def test_lies_differ_from_the_truth_in_one_respect():
    truth = Ask(
        things=(Asked(shape="circle", colour="red"), Asked(shape="star", colour="blue")),
        relation=(0, "left of", 1),
        background="yellow",
    )
    told = list(lies(truth, np.random.default_rng(0)))
    assert all(lie != truth for _, lie in told)
    kinds = [name for name, _ in told]
    assert kinds.count("relation") == 3
    assert {"colour", "shape", "count", "binding", "background"} < set(kinds)
