"""Names of looks and styles: what captions say is what plans can hold, and none is a thing."""

from __future__ import annotations

from molnar.base.looks import LOOK_WORDS, LOOKS, MANNERS, STYLES
from molnar.bundle import Bundle
from molnar.lab.data import concepts
from molnar.lab.data.captions import STYLE_WORDS
from molnar.lab.data.plans import names


def test_every_style_but_the_most_frequent_has_a_name() -> None:
    assert set(STYLES) == {word for style, word in STYLE_WORDS.items() if style != "noto"}
    assert len(MANNERS) == len(LOOKS) + len(STYLES)


def test_no_thing_is_called_like_a_look() -> None:
    planner = Bundle.load("sticker").manifest.parts["planner"]
    things = set(planner.config["names"]) - MANNERS
    called = {word for name in things for word in concepts.names_of(name)}
    assert len(called) > 1500
    said = {word for words in LOOK_WORDS.values() for word in words}
    assert not (MANNERS | said) & called
    own = [name for name in names(None) if name in MANNERS]
    assert sorted(own) == sorted(MANNERS), "each can be planned, once"
