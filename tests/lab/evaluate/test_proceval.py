"""Scores: a perfect model gets one, a blind one nothing, and half a model a half."""

import numpy as np
import pytest

from molnar.lab.evaluate import controls
from molnar.lab.evaluate.proceval import run, score
from molnar.lab.evaluate.prompts import TASKS, questions

ASKED = questions(4)
TRUTH = controls.ground_truth(ASKED)


@pytest.fixture(scope="module")
def perfect():
    return run(TRUTH, ASKED, seeds=(0, 1))


def test_ground_truth_scores_one(perfect):
    found = score(perfect)
    assert found.overall.value == found.seen.value == found.heldout.value == found.atoms == 1
    assert set(found.tasks) == set(TASKS)
    assert (found.num_prompts, found.num_pictures) == (24, 48)


def test_a_blind_model_scores_nothing():
    blank = np.full((96, 96, 3), 255, np.uint8)
    found = score(run(lambda prompt, seed: blank, ASKED, seeds=(0,)))
    assert found.overall.value == 0
    assert found.pictures.high < 0.2


def test_the_splits_are_told_apart():
    hidden = {q.prompt for q in ASKED if q.split == "heldout"}
    blank = np.full((64, 64, 3), 255, np.uint8)
    found = score(run(lambda p, s: blank if p in hidden else TRUTH(p, s), ASKED, seeds=(0,)))
    assert (found.seen.value, found.heldout.value, found.overall.value) == (1, 0, 0.5)


def test_a_seed_that_fails_counts_for_its_share():
    blank = np.full((64, 64, 3), 255, np.uint8)
    found = score(run(lambda p, s: blank if s == 0 else TRUTH(p, s), ASKED[:2], seeds=range(4)))
    assert found.tasks["single"].value == 0.75
    assert list(found.tasks) == ["single"]  # what was not asked is absent, not zero


def test_progress_is_told(perfect):
    told = []
    run(TRUTH, ASKED[:2], seeds=(0, 1), progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_scores_are_plain_data(perfect):
    plain = score(perfect[:8]).to_json()
    assert plain["overall"] == [1.0, 1.0, 1.0]
    assert plain["tasks"] == {"single": [1.0, 1.0, 1.0]}
    assert score([t for t in perfect if t.question.split == "seen"]).to_json()["heldout"] is None


def test_no_trials_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        score([])


def test_shuffled_prompts_are_near_nothing_and_move_everyone(perfect):
    moved = controls.shuffled(perfect)
    assert len(moved) == len(perfect)
    assert all(a.question is not b.question for a, b in zip(perfect, moved, strict=True))
    assert all(a.question.task == b.question.task for a, b in zip(perfect, moved, strict=True))
    assert score(moved).overall.value <= 0.1
    assert controls.shuffled(perfect[:2]) == []  # one prompt has no other to be judged against


def test_retrieval_gives_a_training_picture_with_the_nearest_caption():
    nearest = controls.retrieval(num_captions=400)
    found = score(run(nearest, ASKED, seeds=(0,)))
    assert 0 < found.seen.value < 0.9
    assert (nearest(ASKED[0].prompt, 0) == nearest(ASKED[0].prompt, 9)).all()


def test_a_lossless_codec_costs_nothing():
    class Codec:
        def encode(self, image):
            return image

        def decode(self, latent):
            return latent

        def upscale(self, image):
            return image.repeat(2, 2).repeat(2, 3)

        def finish(self, image, manner):
            assert manner.tolist() == [[0, 1]]
            return np.where([[[[1]]] * 3 + [[[0]]]], -1, image)  # black, as far as it is opaque

    through = controls.through_model(ASKED[:8], Codec())
    assert through(ASKED[0].prompt, 0).shape == (256, 256, 4)
    assert score(run(through, ASKED[:8], seeds=(0,))).overall.value == 1
    # so does sending any square picture through it, with alpha or without
    blue = np.full((40, 40, 3), (20, 60, 200), np.uint8)
    passed = controls.passing(Codec(), ("mosaic", "neon"))
    assert (passed(blue, "hat") == (20, 60, 200, 255)).all()
    assert (passed(blue, "neon") == (0, 0, 0, 255)).all(), "a look is finished"
    assert passed(blue, "hat").shape == (256, 256, 4)
    clear = np.dstack([blue, np.full((40, 40), 128, np.uint8)])
    assert abs(passed(clear, "hat").astype(int) - (20, 60, 200, 128)).max() <= 1
