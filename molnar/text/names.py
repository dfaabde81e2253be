"""A text in, the taught names in it out, and what else of several words stands for one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from molnar.text.phrases import words_in
from molnar.text.words import NUMBERS, STOP_WORDS

#: With one of these, what stands for a place begins.
_PLACING = frozenset(["in", "on", "at", "by", "under", "beneath", "among"])
#: A colour, unless nothing follows that could have it.
_ALONE = frozenset(["an orange", "one orange"])
_MORE = "|".join(["an?", "the", *NUMBERS])
#: What may follow the fruit: the end, a place, or another thing with its article.
_PLACE = "on|in|at|with|next|under|beside|near|inside|that"
_THING = re.compile(rf"[.!?]|$|(?:,|and|or)? ?(?:{_MORE})\b|(?:{_PLACE})\b")
_ARTICLE = re.compile(r"\b(an?)(\s+)$", re.IGNORECASE)


class Span(NamedTuple):
    """A place in a text."""

    begin: int
    end: int
    named: bool  # a taught name; else a saying that only stands for one
    row: int | None  # of the name; None of a name's other names


class Names:
    """All that captions call things by.

    Example:
        >>> names = Names(("dog face",), ("dog faces",), ("dog",), {"great dane": 0})
        >>> names.spans("A Great Dane and two dog faces")
        [Span(begin=2, end=12, named=False, row=0), Span(begin=21, end=30, named=True, row=0)]
    """

    def __init__(
        self,
        names: Sequence[str],
        plurals: Sequence[str],
        aliases: Sequence[str],
        kinds: Mapping[str, int],
    ) -> None:
        """Index them once.

        Args:
            names: N, as captions say them.
            plurals: N.
            aliases: What else names are called in captions.
            kinds: Sayings -> row of `names`; those of one word are not looked for.
        """
        said: dict[str, tuple[bool, int | None]]
        said = {kind: (False, row) for kind, row in kinds.items() if " " in kind}
        said |= {alias: (True, None) for alias in aliases}
        for every in (plurals, names):
            said |= {name: (True, row) for row, name in enumerate(every)}
        self._said = {tuple(word.text for word in words_in(k)): told for k, told in said.items()}
        self._longest = max(map(len, self._said), default=0)

    def spans(self, text: str) -> list[Span]:
        """Find them, the longest at every place, in order."""
        words, found, at = list(words_in(text)), [], 0
        while at < len(words):
            for size in range(min(self._longest, len(words) - at), 0, -1):
                part = words[at : at + size]
                told = self._said.get(tuple(word.text for word in part))
                if told is not None:
                    found.append(Span(part[0].begin, part[-1].end, *told))
                    at += size - 1
                    break
            at += 1
        return found

    def replaced(self, text: str, alike: Mapping[str, str], bare: Callable[[str], bool]) -> str:
        """Replace words that mean the same whatever is around them, but no part of a name.

        What holds a name and more ("a pencil sketch") is said as a whole.

        Args:
            text: What was typed.
            alike: Words -> what they mean, both in lower case.
            bare: Whether a text begins with a name that takes no article: "a pair of glasses" is
                one thing.
        """
        lower = text.lower()
        for said, meant in sorted(alike.items(), key=lambda entry: -len(entry[0])):
            if said not in lower:
                continue
            known = [(span.begin, span.end) for span in self.spans(text) if span.named]
            for match in reversed([*re.finditer(rf"\b{re.escape(said)}\b", text, re.IGNORECASE)]):
                inner = (match.start(), match.end())
                if any(_cuts(span, inner) for span in known):
                    continue
                follows = text[match.end() :].strip().lower()
                if said.split()[0] in _PLACING and _goes_on(follows):
                    continue
                if said in _ALONE and not _THING.match(follows):
                    continue
                instead = "" if said.endswith(" of") and bare(follows) else meant
                after = match.end() + (not instead and text[match.end() : match.end() + 1] == " ")
                text = refitted(text[: match.start()], instead) + instead + text[after:]
        return text


def _cuts(name: tuple[int, int], said: tuple[int, int]) -> bool:
    """Tell whether a name reaches into what is said and is not merely a part of it."""
    apart = name[1] <= said[0] or said[1] <= name[0]
    inside = said[0] <= name[0] and name[1] <= said[1] and name != said
    return not apart and not inside


def _goes_on(follows: str) -> bool:
    """Tell whether what stands after a place still belongs to it: "in space | suit"."""
    word = re.match(r"[a-z]+", follows)
    return word is not None and word.group() not in STOP_WORDS


def refitted(before: str, word: str) -> str:
    """Make the article at the end of a text fit the next word: "an emerald" becomes "a green".

    Example:
        >>> refitted("An ", "green"), refitted("seen at a ", "inn"), refitted("two ", "inns")
        ('A ', 'seen at an ', 'two ')
    """
    found = _ARTICLE.search(before)
    if found is None or not word:
        return before
    return before[: found.start()] + found[1][0] + article(word)[1:] + found[2]


def article(word: str) -> str:
    """Give "a" or "an" for a word, by its first letter."""
    return "an" if word[0].lower() in "aeiou" else "a"
