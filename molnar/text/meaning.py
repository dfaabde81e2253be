"""Words that were never taught -> the taught name that is meant: "a pooch" reads as "a dog face".

A phrase is the weighted mean of its words' vectors, and the nearest name stands in for it. Names
that were taught are found first and never touched; of the rest, only a phrase with an unknown word
in it is changed, and its number, colours and styles stay.

Source: Arora et al. 2017, "A simple but tough-to-beat baseline for sentence embeddings" (weighted
means of word vectors); the vectors are those of a sentence encoder for single words, reduced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import BundleError, WeightsError
from molnar.base.weights import load, read_metadata, save
from molnar.text.words import STOP_WORDS, stems

LEAST = 0.34  # cosine from which a name stands in for a phrase; below, words stay as typed
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
#: What ends a phrase: what follows tells of another thing, or of where it is. Longest first.
_CUTS = sorted(
    """
    and|wearing|with|on|in|at|under|over|above|below|beneath|behind|beside|inside|inside of|near
    |between|next to|on top of|in front of|in the middle of|to the left of|to the right of
    |on the left of|on the right of|left of|right of|on the left|on the right|at the top
    |at the bottom
    """.replace("\n", "").replace("    ", "").split("|"),
    key=len,
    reverse=True,
)  # fmt: skip
_CUT = re.compile(rf"[,;.:!?]+|\b(?:{'|'.join(_CUTS)})\b", re.IGNORECASE)
_ARTICLES = frozenset({"a", "an", "the"})
_ARTICLE = re.compile(r"\b(an?)(\s+)$", re.IGNORECASE)
_ONE = _ARTICLES | {"one", "1"}
_MANY = "two three four five six seven eight nine ten many several some few dozen"
_NUMBERS = frozenset(_MANY.split())
#: After these an article goes on with the same phrase: "the bones of a head".
_JOINTS = frozenset({"of", "for", "from", "by", "to", "until", "like"})


class Word(NamedTuple):
    """A word of a text and where it stands."""

    text: str  # lower case
    begin: int
    end: int


@dataclass(frozen=True, eq=False)
class Meaning:
    """Vectors of words, and the names they can stand for.

    Example:
        >>> vectors = np.array([[100, 0], [0, 100]], np.int8)
        >>> meaning = Meaning(
        ...     words={"pooch": 0, "kiwi": 1}, vectors=vectors, names=("dog", "fruit"),
        ...     plurals=("dogs", "fruits"), articles=("a", ""), name_vectors=vectors,
        ...     leading=frozenset({"a", "red", "two"}), alike={"a pair of": "two"},
        ... )
        >>> meaning.read("a red pooch and a pair of pooches on a red dog")
        'a red dog and two dogs on a red dog'
    """

    words: Mapping[str, int]  # lower case -> row of `vectors`
    vectors: NDArray[np.int8]  # W K, longer where a word says more
    names: tuple[str, ...]  # N, as captions say them
    plurals: tuple[str, ...]  # N
    articles: tuple[str, ...]  # N: "a", "an", or "" for names that take none
    name_vectors: NDArray[np.int8]  # N K
    aliases: tuple[str, ...] = ()  # what else names are called in captions
    taught: frozenset[str] = frozenset()  # words of captions: they stand as they are
    leading: frozenset[str] = frozenset()  # articles, numbers, colours, sizes, styles
    alike: Mapping[str, str] = field(default_factory=dict)  # words -> others, outside of names
    kinds: Mapping[str, int] = field(default_factory=dict)  # "sloop" -> row of `names`

    def __post_init__(self) -> None:
        """Index the names once."""
        names = (*self.names, *self.plurals, *self.aliases)
        said = {tuple(word.text for word in _words(name)) for name in names}
        object.__setattr__(self, "_said", said)
        object.__setattr__(self, "_longest", max(map(len, said), default=0))

    def read(self, text: str) -> str:
        """Put taught names in the place of phrases that hold an unknown word."""
        text = self._alike(text)
        known = self._known_spans(text)
        changes = [
            change
            for phrase in _phrases(text, known)
            if not any(begin < phrase[-1].end and phrase[0].begin < end for begin, end in known)
            if (change := self._change(text, phrase)) is not None
        ]
        for begin, end, instead in reversed(changes):
            text = text[:begin] + instead + text[end:]
        return text

    def _alike(self, text: str) -> str:
        """Replace words that mean the same whatever is around them, but never within a name."""
        lower = text.lower()
        for said, meant in self.alike.items():
            if said not in lower:
                continue
            known = self._known_spans(text)
            for match in reversed([*re.finditer(rf"\b{re.escape(said)}\b", text, re.IGNORECASE)]):
                if any(begin <= match.start() < end for begin, end in known):
                    continue
                follows = text[match.end() :].strip().lower()
                # "a pair of glasses" is one thing
                instead = "" if said.endswith(" of") and self._bare(follows) else meant
                after = match.end() + (not instead and text[match.end() : match.end() + 1] == " ")
                before = _ARTICLE.sub(partial(_fitting, word=instead), text[: match.start()])
                text = before + instead + text[after:]
        return text

    def _bare(self, text: str) -> bool:
        """Tell whether a text begins with a name that takes no article."""
        return any(
            re.match(rf"{re.escape(name.lower())}\b", text)
            for name, article in zip(self.names, self.articles, strict=True)
            if not article
        )

    def _known_spans(self, text: str) -> list[tuple[int, int]]:
        """Find taught names, the longest at every place: (begin, end) in the text."""
        said: set[tuple[str, ...]] = self.__dict__["_said"]
        longest: int = self.__dict__["_longest"]
        words, spans, at = list(_words(text)), [], 0
        while at < len(words):
            for size in range(min(longest, len(words) - at), 0, -1):
                part = words[at : at + size]
                if tuple(word.text for word in part) in said:
                    spans.append((part[0].begin, part[-1].end))
                    at += size - 1
                    break
            at += 1
        return spans

    def _change(self, text: str, phrase: Sequence[Word]) -> tuple[int, int, str] | None:
        """Give (begin, end, what to say instead) of a phrase, or None if it stays."""
        start, first = self._first(phrase)
        core = phrase[first:]
        if all(self._stands(word.text) for word in core):
            return None
        row = self._meant([word.text for word in core])
        if row is None:
            return None
        before = [word.text for word in phrase[start:first]]
        name = self.plurals[row] if self._many(before, core[-1].text) else self.names[row]
        kept = [w.text for w in core if w.text in self.leading and w.text not in _ARTICLES]
        instead = " ".join([*kept, name])
        begin = core[0].begin
        if before and before[-1] in ("a", "an"):
            begin = phrase[first - 1].begin
            article = self.articles[row] if not kept else _article(kept[0])
            instead = f"{article} {instead}".strip()
            if text[begin].isupper():
                instead = instead[0].upper() + instead[1:]
        return begin, core[-1].end, instead

    def _first(self, phrase: Sequence[Word]) -> tuple[int, int]:
        """Find where a thing is spoken of, and its first word that does not merely lead to it.

        In "pixel art of two odd dogs": "two" and "odd".
        """
        start = 0
        for at, word in enumerate(phrase):
            if word.text == "of" and all(self._stands(other.text) for other in phrase[:at]):
                start = at + 1
        first = start
        while first < len(phrase) and self._leads(phrase[first].text):
            first += 1
        return start, first

    def _leads(self, word: str) -> bool:
        return word in self.leading or word.isdigit()

    def _many(self, before: Sequence[str], last: str) -> bool:
        """Tell whether a phrase is about several: by its number, or by its last word."""
        if any(word in _ONE for word in before):
            return False
        if any(word in _NUMBERS or word.isdigit() for word in before):
            return True
        return last.endswith("s") and any(stem in self.words for stem in stems(last))

    def _stands(self, word: str) -> bool:
        """Tell whether a word needs no explaining; a joined one if each part needs none."""
        parts = re.split(r"['\u2019-]", word)
        if len(parts) > 1:
            return all(self._stands(part) for part in parts if part)
        return (
            word in self.taught
            or word in self.leading
            or word in STOP_WORDS
            or word.isdigit()
            or not word.isascii()
            or not self.taught.isdisjoint(stems(word))
        )

    def _meant(self, words: Sequence[str]) -> int | None:
        """Give the row of the name that words stand for: a kind of it, or the nearest to them.

        The end of a phrase says of what kind a thing is: "an old fishing boat" is a boat.
        """
        for begin in range(len(words)):
            *before, last = words[begin:]
            for ending in (last, *sorted(stems(last))):
                row = self.kinds.get(" ".join([*before, ending]))
                if row is not None:
                    return row
        row, cosine = self._row(words)
        return row if cosine >= LEAST else None

    def nearest(self, phrase: str) -> tuple[str, float]:
        """Give the name nearest to a phrase, singular, and its cosine; ("", 0) if none is known."""
        row, cosine = self._row([word.text for word in _words(phrase)])
        return ("", 0.0) if row is None else (self.names[row], cosine)

    def _row(self, words: Sequence[str]) -> tuple[int | None, float]:
        parts = [part for word in words for part in re.split(r"['\u2019-]", word)]
        rows = [row for part in parts if (row := self._vector(part)) is not None]
        if not rows or not len(self.names):
            return None, 0.0
        meant = _unit(self.vectors[rows].astype(np.float32).sum(axis=0, keepdims=True))
        cosines = (meant @ _unit(self.name_vectors.astype(np.float32)).T)[0]
        best = int(cosines.argmax())
        return best, float(cosines[best])

    def _vector(self, word: str) -> int | None:
        if word in STOP_WORDS:
            return None
        return next((self.words[w] for w in (word, *sorted(stems(word))) if w in self.words), None)

    @classmethod
    def load(cls, path: str | Path) -> Meaning:
        """Read a meaning.safetensors.

        Raises:
            BundleError: The file is missing or no such file.
        """
        try:
            arrays = load(Path(path), mapped=True)  # most prompts need no vector at all
            told = json.loads(read_metadata(Path(path))["meaning"])
            listed = arrays["words"].tobytes().decode().split("\n")
            return cls(
                words={word: row for row, word in enumerate(listed)},
                vectors=arrays["vectors"],
                names=tuple(told["names"]),
                plurals=tuple(told["plurals"]),
                articles=tuple(told["articles"]),
                name_vectors=arrays["name_vectors"],
                aliases=tuple(told["aliases"]),
                taught=frozenset(told["taught"]),
                leading=frozenset(told["leading"]),
                alike=dict(told["alike"]),
                kinds=dict(told.get("kinds", {})),
            )
        except (OSError, ValueError, KeyError, TypeError, WeightsError) as error:
            raise BundleError(
                f"{path}: no table of meanings ({error!r}); export it again"
            ) from error

    def save(self, path: str | Path) -> None:
        """Write a meaning.safetensors, replacing what is there."""
        told = {
            "names": self.names,
            "plurals": self.plurals,
            "articles": self.articles,
            "aliases": self.aliases,
            "taught": sorted(self.taught),
            "leading": sorted(self.leading),
            "alike": dict(self.alike),
            "kinds": dict(self.kinds),
        }
        listed = "\n".join(sorted(self.words, key=lambda word: self.words[word])).encode()
        arrays: dict[str, Any] = {
            "words": np.frombuffer(listed, np.uint8),
            "vectors": self.vectors,
            "name_vectors": self.name_vectors,
        }
        save(Path(path), arrays, {"meaning": json.dumps(told)})


def _words(text: str) -> Iterator[Word]:
    for match in _WORD.finditer(text):
        yield Word(match.group().lower().replace("\u2019", "'"), match.start(), match.end())


def _phrases(text: str, known: Sequence[tuple[int, int]]) -> Iterator[list[Word]]:
    """Cut a text into phrases, each of one thing; never within a known name.

    "the bones of a head" is one phrase, and so is "a picture of a spook" (`Meaning._first` finds
    where its thing begins); "a pooch chasing a lorry" is two: its second article begins another.
    """
    cuts = [
        (match.start(), match.end())
        for match in _CUT.finditer(text)
        if not any(begin <= match.start() < end for begin, end in known)
    ]
    phrase: list[Word] = []
    for word in _words(text):
        cut = any(begin <= word.begin < end for begin, end in cuts)
        after = bool(phrase) and any(phrase[-1].end <= begin < word.begin for begin, _ in cuts)
        other = bool(phrase) and word.text in _ARTICLES and phrase[-1].text not in _JOINTS
        if phrase and (cut or after or other):
            yield phrase
            phrase = []
        if not cut:
            phrase.append(word)
    if phrase:
        yield phrase


def _fitting(article: re.Match[str], word: str) -> str:
    """Make the article at the end of a text fit the next word: "an emerald" becomes "a green"."""
    if not word:
        return article.group()
    return article.group(1)[0] + _article(word)[1:] + article.group(2)


def _article(word: str) -> str:
    return "an" if word[0].lower() in "aeiou" else "a"


def _unit(rows: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))
