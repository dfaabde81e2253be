"""A phrase and the kinds of things with names in -> what it is a kind of, and where it says so.

The end of a phrase says of what kind a thing is: "an old fishing boat" is a boat; unless it says
what the thing does ("a poodle running"), or what is in it ("a chest full of gold").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from itertools import pairwise

from molnar.text.phrases import MANNER, TAKING, words_in
from molnar.text.words import singulars

_DOING = re.compile(r"(?:ing|ed)$")
#: Deeds that are things, too.
_DEEDS = TAKING | {
    "knitting", "sewing", "painting", "drawing", "fishing", "camping", "running", "writing",
}  # fmt: skip
#: Things that end as deeds do.
_THINGS = frozenset({
    "building", "ceiling", "clothing", "dressing", "dumpling", "earring", "evening", "lightning",
    "morning", "painting", "drawing", "pudding", "railing", "spring", "string", "wedding", "wing",
})  # fmt: skip
_FULL = frozenset({"full", "made", "out"})


def of_kind(
    words: Sequence[str], kinds: Mapping[str, int], alone: Set[str] = frozenset()
) -> tuple[int, int] | None:
    """Find the kind that a phrase ends with.

    Args:
        words: Of the phrase, lower case.
        kinds: What is said -> the row of a name.
        alone: Those of them that hold where nothing else is said but how nice it is.

    Returns:
        The row, and how many words of the phrase it takes the place of: all but what the thing
        does. None if it is of no kind.

    Example:
        >>> kinds = {"poodle": 0, "chest": 1}
        >>> of_kind(["old", "poodle", "running"], kinds), of_kind(["chest", "of", "gold"], kinds)
        ((0, 2), (1, 3))
        >>> of_kind(["old", "man", "cooking"], {"man": 0, "man cooking": 1})
        (1, 3)
    """
    end = len(words)
    if end > 1 and (doing := _ending(words, kinds, alone, least=2)) is not None:
        return doing, end  # "a man cooking" is listed as a whole
    while end > 1 and _DOING.search(words[end - 1]) and _done(words[end - 1], kinds):
        end -= 1
    row = _ending(words[:end], kinds, alone)
    if row is None and words[-1] in kinds and words[-1] not in alone:  # "someone knitting" is yarn
        row, end = kinds[words[-1]], len(words)
    if row is None and "of" in words[1:end]:
        head = list(words[: words.index("of", 1)])
        while len(head) > 1 and head[-1] in _FULL:
            head.pop()
        row = _ending(head, kinds, alone)
    return None if row is None else (row, end)


def taken(text: str, kinds: Mapping[str, int]) -> list[tuple[int, int]]:
    """Find what stands for a name right after what is done with it: where it begins and ends.

    Example:
        >>> taken("a pirate drinking rum", {"rum": 0})
        [(18, 21)]
    """
    words = list(words_in(text))
    return [
        (word.begin, word.end)
        for before, word in pairwise(words)
        if before.text in TAKING and not {word.text, *singulars(word.text)}.isdisjoint(kinds)
    ]


def deed_at(words: Sequence[str], kinds: Mapping[str, int]) -> int:
    """Tell where what a thing does begins at the end of a phrase; the phrase's length if nowhere.

    Example:
        >>> deed_at(["old", "hound", "running"], {}), deed_at(["running"], {})
        (2, 1)
    """
    end = len(words)
    while end > 1 and re.fullmatch(r"\w{2,}ing", words[end - 1]) and _done(words[end - 1], kinds):
        if words[end - 1] in _THINGS:
            break
        end -= 1
    return end


def _done(word: str, kinds: Mapping[str, int]) -> bool:
    """Tell whether a word that ends like a deed is one: a king is not."""
    return word not in kinds or word in _DEEDS


def _ending(
    words: Sequence[str], kinds: Mapping[str, int], alone: Set[str], least: int = 1
) -> int | None:
    """Give the row of the longest end of a phrase that is a kind, in the singular or plural.

    Args:
        words: Of the phrase.
        kinds: What is said -> the row of a name.
        alone: Those of them that nothing but moods may stand before.
        least: Words of such an end.
    """
    for begin in range(len(words) - least + 1):
        *before, last = words[begin:]
        said = (" ".join([*before, ending]) for ending in (last, *sorted(singulars(last))))
        bare = MANNER.issuperset(words[:begin])
        found = next((kinds[t] for t in said if t in kinds and (bare or t not in alone)), None)
        if found is not None:
            return found
    return None
