from __future__ import annotations

from molnar.base.words import hint, nearest, nearest_words


def test_the_nearest_word_is_found_whatever_its_case():
    assert nearest("Eular", ["heun", "euler", "lcm"]) == "euler"
    assert nearest("lcm", ["LCM"]) == "LCM"


def test_nothing_alike_gives_nothing():
    assert nearest("zebra", ["euler", "heun"]) is None
    assert nearest("zebra", []) is None
    assert hint("zebra", ["euler"]) == ""


def test_several_come_best_first():
    assert nearest_words("cats", ["dog", "cast", "cat", "cots"], 2) == ["cat", "cots"]
    assert hint("eulr", ["euler"]) == " (did you mean 'euler'?)"
