"""Things, colours and grounds in, a sentence out, as in the captions that the model learned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from molnar.pipeline import Pipeline

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PLACES = {
    "beach": "on a beach",
    "kitchen": "in a kitchen",
    "bar": "in a bar",
    "night sky": "in the night sky",
    "snow": "in the snow",
    "forest": "in a forest",
    "desert": "in a desert",
    "mountains": "in the mountains",
    "city": "in a city",
    "underwater": "underwater",
    "meadow": "in a meadow",
    "living room": "in a living room",
}
WORN = (
    "beret", "top hat", "party hat", "cap", "crown", "bow", "glasses", "sunglasses", "bow tie",
    "scarf",
)  # fmt: skip
_MASS = re.compile(r"(?:[^s]s|fire|popcorn|bread|thumbs (?:up|down)|high voltage|star-struck)$")


@dataclass(frozen=True)
class Grammar:
    """What goes before names, and what several of them are called."""

    articles: dict[str, str]  # "a", "an" or "" by name
    plurals: dict[str, str]

    @classmethod
    def of(cls, pipeline: Pipeline) -> Grammar:
        """Read it from what the model knows of words; by rule for what it does not say."""
        meaning = pipeline.meaning
        if meaning is None:
            return cls({}, {})
        return cls(
            dict(zip(meaning.names, meaning.articles, strict=True)),
            dict(zip(meaning.names, meaning.plurals, strict=True)),
        )

    def one(self, name: str, colour: str | None = None) -> str:
        """Say one thing.

        Example:
            >>> Grammar({}, {}).one("owl"), Grammar({}, {}).one("star", "red")
            ('an owl', 'a red star')
        """
        article = self.articles.get(name, "" if _MASS.search(name) else _article(name))
        words = name if colour is None else f"{colour} {name}"
        if article and colour is not None:
            article = _article(colour)
        return f"{article} {words}".strip()

    def several(self, count: int, name: str, colour: str | None = None) -> str:
        """Say several of one kind.

        Example:
            >>> Grammar({}, {}).several(2, "star", "red")
            'two red stars'
        """
        number = NUMBERS[count] if count < len(NUMBERS) else str(count)
        plural = self.plurals.get(name, name if name.endswith("s") else f"{name}s")
        return " ".join(word for word in (number, colour, plural) if word)


def listed(parts: Sequence[str]) -> str:
    """Join what there is.

    Example:
        >>> listed(["a fox", "an owl", "a star"])
        'a fox, an owl and a star'
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def grounded(text: str, ground: str | None) -> str:
    """Add what lies behind: a colour, a place, or "transparent"; white goes without saying.

    Example:
        >>> grounded("a fox", "orange"), grounded("a fox", "beach"), grounded("a fox", "white")
        ('a fox on an orange background', 'a fox on a beach', 'a fox')
        >>> grounded("", "orange")
        'an orange background'
    """
    if not text:
        if ground in PLACES:
            return PLACES[ground].partition(" ")[2] or PLACES[ground]
        return f"{_article(ground or 'white')} {ground or 'white'} background"
    if ground is None or ground == "white":
        return text
    if ground in PLACES:
        return f"{text} {PLACES[ground]}"
    return f"{text} on {_article(ground)} {ground} background"


def _article(word: str) -> str:
    return "an" if word[0].lower() in "aeiou" and not re.match("uni|ufo|eu", word) else "a"
