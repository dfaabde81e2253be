"""Sentences."""

from __future__ import annotations

from molnar.pipeline import Pipeline
from molnar.seeing.saying import Grammar, grounded, listed


def test_the_models_own_articles_and_plurals(shipped: Pipeline) -> None:
    grammar = Grammar.of(shipped)
    assert grammar.one("owl") == "an owl"
    assert grammar.one("glasses") == "glasses"
    assert grammar.one("owl", "red") == "a red owl"
    assert grammar.several(3, "fox") == "three foxes"


def test_a_model_without_meanings_is_read_by_rule(blind: Pipeline) -> None:
    assert blind.meaning is None
    assert Grammar.of(blind).one("owl", "orange") == "an orange owl"


def test_lists_and_grounds() -> None:
    assert listed(["a fox"]) == "a fox"
    assert grounded("a fox", "transparent") == "a fox on a transparent background"
    assert grounded("a fox", None) == "a fox"
