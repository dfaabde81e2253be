"""A text and all names that a plan can hold in -> which of them the text says, word for word.

A planner reads a text through its embedding, where rare names lie close together: it may write
"flatbread" for "crutch". What the text says by name is known without it, and leads.

Source: See et al. 2017, arXiv 1704.04368, section 2.2 (words of the input may be copied), with a
fixed lead in place of a learned one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
#: (ending of a plural, what stands there in the singular), the longest first.
_PLURALS = (("ches", "ch"), ("shes", "sh"), ("ies", "y"), ("ves", "f"), ("ses", "s"), ("xes", "x"))
_SHORT = 3  # letters of words that are taken for no plural: "bus", "gas"

Spoken = tuple[str, ...]


def said_of(text: str, names: tuple[str, ...]) -> tuple[int, ...]:
    """List the names that a text says, by their numbers; in the plural, too.

    Args:
        text: As the model reads it.
        names: All that a plan can hold.

    Example:
        >>> said_of("two foxes on a hot-air balloon", ("fox", "balloon", "hot air", "dog"))
        (0, 1, 2)
    """
    known, longest = _index(names)
    words = _words(text)
    found: set[int] = set()
    for begin in range(len(words)):
        for end in range(begin + 1, min(len(words), begin + longest) + 1):
            found.update(known.get(words[begin:end], ()))
    return tuple(sorted(found))


@lru_cache(maxsize=4)
def _index(names: Sequence[str]) -> tuple[dict[Spoken, list[int]], int]:
    known: dict[Spoken, list[int]] = {}
    for number, name in enumerate(names):
        known.setdefault(_words(name), []).append(number)
    return known, max(map(len, known), default=0)


def _words(text: str) -> Spoken:
    return tuple(_singular(word) for word in _WORD.findall(text.lower()))


def _singular(word: str) -> str:
    for ending, instead in _PLURALS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word.removesuffix(ending) + instead
    plural = word.endswith("s") and not word.endswith("ss") and len(word) > _SHORT
    return word[:-1] if plural else word
