"""A word that is not known -> the known ones nearest to it, for messages that help."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

CUTOFF = 0.6  # similarity in [0, 1] below which a suggestion would mislead


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice most alike `word`, or None when nothing is alike.

    Example:
        >>> nearest("eular", ["euler", "heun"])
        'euler'
    """
    found = nearest_words(word, choices, 1)
    return found[0] if found else None


def nearest_words(word: str, choices: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` choices alike `word`, most alike first; letter case is ignored."""
    by_lower: dict[str, str] = {}
    for choice in choices:
        by_lower.setdefault(choice.lower(), choice)
    close = difflib.get_close_matches(word.lower(), list(by_lower), n=count, cutoff=CUTOFF)
    return [by_lower[lower] for lower in close]


def hint(word: str, choices: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)", or an empty string when nothing is alike."""
    found = nearest(word, choices)
    return f" (did you mean {found!r}?)" if found else ""
