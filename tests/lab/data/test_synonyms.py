"""The list of what people say for names: whole, of one meaning, and never part of the exam."""

from __future__ import annotations

import re
from collections import Counter

from molnar.lab.data import concepts
from molnar.lab.data.places import PLACES
from molnar.lab.data.shapes import SHAPES
from molnar.lab.data.synonyms import everyday, nouns, synonyms
from molnar.lab.evaluate.paraphrases import paraphrases

ARTICLE = re.compile(r"^(an?|the|some) ")


def test_all_that_the_shipped_model_draws_is_said_in_other_words() -> None:
    told = synonyms()
    assert len(told) > 1_600
    for name in (*concepts.COMMON, *SHAPES, *PLACES):
        assert len(told[name]) >= 3, name


def test_a_saying_is_a_short_phrase_without_article_and_no_name() -> None:
    names = {said.lower() for name in synonyms() for said in concepts.names_of(name)}
    for name, said in synonyms().items():
        for text in said:
            assert text == text.strip().lower(), text
            assert text.isascii()
            assert not ARTICLE.match(text), text
            assert text not in names, (name, text)


def test_nothing_is_said_of_two_things() -> None:
    counts = Counter(text for said in synonyms().values() for text in said)
    assert [text for text, count in counts.items() if count > 1] == []


def test_no_paraphrase_of_the_exam_is_in_the_list() -> None:
    said = {text for texts in synonyms().values() for text in texts}
    exam = {ARTICLE.sub("", phrase.lower()) for phrase, _ in paraphrases()}
    assert said.isdisjoint(exam)


def test_everyday_words_stand_for_one_name_each_and_are_not_in_the_exam() -> None:
    words = [word for listed in everyday().values() for word in listed]
    assert len(words) > 300
    assert len(set(words)) == len(words)
    assert all(word == word.strip().lower() and word.isascii() for word in words)
    exam = {ARTICLE.sub("", phrase.lower()) for phrase, _ in paraphrases()}
    assert exam.isdisjoint(words)


def test_more_nouns_stand_for_one_name_each_and_are_not_in_the_exam() -> None:
    words = [word for listed in nouns().values() for word in listed]
    assert len(words) > 8000
    assert len(set(words)) == len(words)
    assert all(word == word.strip().lower() and word.isascii() for word in words)
    assert {word for listed in everyday().values() for word in listed}.isdisjoint(words)
    exam = {ARTICLE.sub("", phrase.lower()) for phrase, _ in paraphrases()}
    assert exam.isdisjoint(words)
