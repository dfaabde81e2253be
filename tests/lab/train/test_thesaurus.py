"""A WordNet of eleven senses: what stands for what."""

import numpy as np
import pytest

from molnar.lab.train.thesaurus import Nouns, described, kinds, read_nouns, tied

DATA = """\
  1 the licence, as WordNet's files begin
00000001 03 n 01 entity 0 000 | what there is
00000002 05 n 01 animal 0 001 @ 00000001 n 0000 | a living thing that moves
00000003 05 n 01 marsupial 0 001 @ 00000002 n 0000 | an animal with a pouch
00000004 05 n 01 koala 0 001 @ 00000003 n 0000 | an animal that sleeps in trees
00000005 05 n 02 dog 0 domestic_dog 0 001 @ 00000002 n 0000 | an animal that barks; "the dog barked"
00000006 05 n 01 beagle 0 001 @ 00000005 n 0000 | a dog for hunting
00000007 05 n 01 Basset 0 001 @ 00000006 n 0000 | a beagle with short legs
00000008 06 n 01 dog 1 001 @ 00000001 n 0000 | an iron that holds logs
00000009 06 n 01 firedog 0 001 @ 00000008 n 0000 | an iron for a fire
00000010 05 n 01 cat 0 001 @ 00000002 n 0000 | an animal that purrs
00000011 18 n 01 beagle 1 001 @ 00000001 n 0000 | something else
"""
INDEX = """\
  1 the licence
animal n 1 1 @ 1 0 00000002
basset n 1 1 @ 1 0 00000007
cat n 1 1 @ 1 0 00000010
dog n 2 1 @ 2 1 00000008 00000005
domestic_dog n 1 1 @ 1 0 00000005
koala n 1 1 @ 1 0 00000004
entity n 1 1 @ 1 0 00000001
firedog n 1 1 @ 1 0 00000009
beagle n 2 1 @ 2 0 00000011 00000006
marsupial n 1 1 @ 1 0 00000003
"""
KEYS = {"dog face": ("dog face", "dog", "animal barks"), "koala": ("koala",), "cat": ("cat",)}

CALLED = {"dog face": ("dog face", "dog"), "koala": ("koala",), "cat": ("cat",)}


@pytest.fixture
def nouns(tmp_path) -> Nouns:
    (tmp_path / "data.noun").write_text(DATA)
    (tmp_path / "index.noun").write_text(INDEX)
    return read_nouns(tmp_path)


def teacher(texts):
    """Embed by the words that are said."""
    words = [set(text.lower().replace(":", " ").replace(",", " ").split()) for text in texts]
    known = sorted({"animal", "barks", "trees", "purrs", "iron", "koala", "cat", "dog"})
    rows = np.array([[float(word in said) for word in known] for said in words], np.float32)
    return rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9)


def test_definitions_are_read_without_their_examples(nouns):
    assert nouns.senses[5].words == ("dog", "domestic dog")
    assert nouns.senses[5].gloss == "an animal that barks"
    assert nouns.of["dog"] == (8, 5)
    assert nouns.above(7, 2) == {7: 0, 6: 1, 5: 2}


def test_synonyms_kinds_and_what_only_one_name_is_a_kind_of(nouns):
    assert kinds(nouns, KEYS, tied(nouns, CALLED, KEYS, teacher)) == {
        "domestic dog": "dog face",  # not the iron: the keywords speak of barking
        "beagle": "dog face",  # by its second sense
        "basset": "dog face",
        "marsupial": "koala",
    }


def test_a_name_is_described_by_its_sense_and_what_it_is_a_kind_of(nouns):
    found = described(nouns, tied(nouns, CALLED, KEYS, teacher))
    assert found["dog face"] == "an animal that barks dog domestic dog animal"
    assert set(found) == {"dog face", "koala", "cat"}
