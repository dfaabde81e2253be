"""A text and all names that a plan can hold in -> which of them the text says, word for word.

A planner reads a text through its embedding, where rare names lie close together: it may write
"flatbread" for "crutch". What the text says by name is known without it, and leads. A name inside
a longer one is not said: a growing heart is no heart. A colour and a shape are two words, although
there is a drawing called "red square".

Source: See et al. 2017, arXiv 1704.04368, section 2.2 (words of the input may be copied), with a
fixed lead in place of a learned one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from molnar.base.cielab import PALETTE
from molnar.base.types import SHAPES
from molnar.text.words import singulars

_WORD = re.compile(r"[^\W_]+")
#: Drawn by their faces, and said without them.
_BY_FACE = frozenset(["cat", "cow", "dog", "horse", "monkey", "mouse", "pig", "rabbit", "tiger"])
_IRREGULAR = {"mice": "mouse", "geese": "goose", "people": "person",
              "children": "child", "feet": "foot", "teeth": "tooth"}  # fmt: skip

Spoken = tuple[str, ...]


def said_of(text: str, names: tuple[str, ...]) -> tuple[int, ...]:
    """List the names that a text says, by their numbers; the longest that fit, in the plural, too.

    Args:
        text: As the model reads it.
        names: All that a plan can hold.

    Example:
        >>> said_of("two foxes on a hot-air balloon", ("fox", "balloon", "hot air", "dog"))
        (0, 1, 2)
    """
    known, longest = _index(names)
    words = tuple(_WORD.findall(text.lower()))
    spans = [
        (begin, end, numbers)
        for begin in range(len(words))
        for end in range(begin + 1, min(len(words), begin + longest) + 1)
        if (numbers := _called(words[begin:end], known))
    ]
    found: set[int] = set()
    taken: set[int] = set()
    for begin, end, numbers in sorted(spans, key=lambda span: span[0] - span[1]):
        if not taken.issuperset(range(begin, end)):
            found |= numbers
            taken.update(range(begin, end))
    return tuple(sorted(found))


def _called(words: Spoken, known: dict[Spoken, list[int]]) -> set[int]:
    """List the names that these words are, all of them together."""
    *before, last = words
    man = f"{last[:-3]}man" if last.endswith("men") else last
    forms = {last, man, _IRREGULAR.get(last, last), *singulars(last)}
    return {number for form in forms for number in known.get((*before, form), ())}


@lru_cache(maxsize=4)
def _index(names: Sequence[str]) -> tuple[dict[Spoken, list[int]], int]:
    known: dict[Spoken, list[int]] = {}
    for number, name in enumerate(names):
        words = tuple(_WORD.findall(name.lower()))
        if set(words) & set(PALETTE) and set(words) & SHAPES:
            continue
        known.setdefault(words, []).append(number)
        if words[1:] == ("face",) and words[0] in _BY_FACE:
            known.setdefault(words[:1], []).append(number)
    return known, max(map(len, known), default=0)
