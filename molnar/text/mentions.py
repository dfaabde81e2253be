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

from molnar.text.words import singulars

_WORD = re.compile(r"[^\W_]+")
#: Drawn by their faces, and said without them.
_BY_FACE = frozenset(["cat", "cow", "dog", "horse", "monkey", "mouse", "pig", "rabbit", "tiger"])
_IRREGULAR = {"mice": "mouse", "geese": "goose", "people": "person",
              "children": "child", "feet": "foot", "teeth": "tooth"}  # fmt: skip

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
    words = tuple(_WORD.findall(text.lower()))
    found: set[int] = set()
    for begin in range(len(words)):
        for end in range(begin + 1, min(len(words), begin + longest) + 1):
            *before, last = words[begin:end]
            man = f"{last[:-3]}man" if last.endswith("men") else last
            for one in {last, man, _IRREGULAR.get(last, last), *singulars(last)}:
                found.update(known.get((*before, one), ()))
    return tuple(sorted(found))


@lru_cache(maxsize=4)
def _index(names: Sequence[str]) -> tuple[dict[Spoken, list[int]], int]:
    known: dict[Spoken, list[int]] = {}
    for number, name in enumerate(names):
        words = tuple(_WORD.findall(name.lower()))
        known.setdefault(words, []).append(number)
        if words[1:] == ("face",) and words[0] in _BY_FACE:
            known.setdefault(words[:1], []).append(number)
    return known, max(map(len, known), default=0)
