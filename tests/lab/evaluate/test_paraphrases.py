"""Paraphrases: a test set that training never says, and a share that means what it says."""

import numpy as np

from molnar.lab.data import concepts
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.evaluate.paraphrases import paraphrases, understand
from molnar.lab.evaluate.stickers import Gallery, Near


class Named(Gallery):
    """A gallery that reads a concept's number from a picture's first pixel."""

    def __init__(self, names):
        self.names = names

    def nearest(self, image, num=5, without=None):
        return [Near(self.names[int(image[0, 0, 0])], "noto", 1.0)] * num


def test_the_set_is_large_and_each_phrase_means_one_taught_concept():
    asked = paraphrases()
    assert len(asked) >= 300
    assert len({phrase for phrase, _ in asked}) == len(asked)
    assert {name for _, name in asked} <= set(concepts.COMMON)
    assert len({name for _, name in asked}) > 150


def test_no_phrase_is_what_training_calls_the_concept():
    for phrase, name in paraphrases():
        bare = phrase.removeprefix("a ").removeprefix("an ").removeprefix("the ").lower()
        taught = {other.lower() for other in concepts.names_of(name)}
        assert bare not in taught | {concepts.plural(other) for other in taught}, phrase
    captions = " | ".join(World(WorldConfig()).text(k) for k in range(200))
    assert not [phrase for phrase, _ in paraphrases() if phrase in captions]


def test_only_concepts_that_work_are_asked_for_in_other_words():
    names = ["dog face", "pizza", "fox"]
    asked = [
        ("a hound", "dog face"),
        ("a pooch", "dog face"),
        ("a pie", "pizza"),
        ("a vixen", "fox"),
    ]
    drawn = {"a dog face": 0, "a pizza": 1, "a fox": 0, "a hound": 0, "a pooch": 1, "a pie": 1}

    def source(prompt, seed):
        assert prompt != "a vixen", "a fox does not work, so it is not asked for"
        return np.full((8, 8, 3), drawn[prompt], np.uint8)

    told = []
    found = understand(source, Named(names), asked, (0, 1), lambda *step: told.append(step))
    assert (found.num_concepts, found.working) == (3, ("dog face", "pizza"))
    assert abs(found.share.value - 2 / 3) < 1e-9
    assert len(found.sightings) == 6
    assert told[-1] == ("drawing paraphrases", 6, 6)


def test_plain_names_are_asked_for_as_people_do():
    assert [concepts.asked(n) for n in ("owl", "fire", "grapes")] == ["an owl", "fire", "grapes"]
