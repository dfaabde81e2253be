"""Words that were never taught -> the taught name that is meant: "a pooch" reads as "a dog face".

A phrase that ends with a kind of a name ("a sloop") is that name. Any other is the weighted mean of
its words' vectors, and the nearest name stands in for it (`nearest.py`). Names that were taught are
found first and never touched; of the rest, only a phrase with an unknown word in it is changed, and
its number, colours and styles stay.

Source: Arora et al. 2017, "A simple but tough-to-beat baseline for sentence embeddings" (weighted
means of word vectors); the vectors are those of a sentence encoder for words and for their
definitions, reduced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import BundleError, WeightsError
from molnar.base.weights import load, read_metadata, save
from molnar.text.nearest import Nearest
from molnar.text.phrases import ARTICLES, Word, phrases, words_in
from molnar.text.words import STOP_WORDS, singulars, stems

LEAST = 0.4  # cosine from which a name stands in for a phrase; below, words stay as typed
_ARTICLE = re.compile(r"\b(an?)(\s+)$", re.IGNORECASE)
_DOING = re.compile(r"(?:ing|ed)$")
_EMPTY = """
someone somebody something anyone anybody anything person people thing things kind sort type look
whose making symbol sign emoji
"""
#: Words that say of a thing no more than that it is one: "someone crying" is crying.
_FILLERS = frozenset(_EMPTY.split())
_ONE = ARTICLES | {"one", "1"}
_MANY = "two three four five six seven eight nine ten many several some few dozen"
_NUMBERS = frozenset(_MANY.split())


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
    key_vectors: NDArray[np.int8] | None = None  # M K, of what goes with names, name after name
    key_counts: tuple[int, ...] = ()  # N, rows of `key_vectors` of each name
    weights: NDArray[Any] | None = None  # N K of a classifier of phrases
    biases: NDArray[Any] | None = None  # N

    def __post_init__(self) -> None:
        """Check that the parts fit, and index the names once; raises ValueError."""
        count = len(self.names)
        if {len(self.plurals), len(self.articles), len(self.name_vectors)} != {count}:
            raise ValueError(f"plurals, articles or vectors are not those of {count} names")
        if not all(isinstance(row, int) and 0 <= row < count for row in self.kinds.values()):
            raise ValueError(f"a kind is of none of the {count} names")
        places = Nearest(
            self.name_vectors, self.key_vectors, self.key_counts, self.weights, self.biases
        )
        object.__setattr__(self, "_places", places)
        names = (*self.names, *self.plurals, *self.aliases)
        several = (kind for kind in self.kinds if " " in kind)
        said = {tuple(word.text for word in words_in(kind)): False for kind in several}
        said |= {tuple(word.text for word in words_in(name)): True for name in names}
        object.__setattr__(self, "_said", said)
        object.__setattr__(self, "_longest", max(map(len, said), default=0))

    def read(self, text: str) -> str:
        """Put taught names in the place of phrases that hold an unknown word."""
        text = self._alike(text)
        spans = self._spans(text)
        known = [(begin, end) for begin, end, named in spans if named]
        changes = [
            change
            for phrase in phrases(text, [(begin, end) for begin, end, _ in spans])
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
        """Find taught names: (begin, end) in the text."""
        return [(begin, end) for begin, end, named in self._spans(text) if named]

    def _spans(self, text: str) -> list[tuple[int, int, bool]]:
        """Find taught names and what else of several words stands for one.

        Returns:
            (begin, end, whether it is a name), the longest at every place.
        """
        said: dict[tuple[str, ...], bool] = self.__dict__["_said"]
        longest: int = self.__dict__["_longest"]
        words, spans, at = list(words_in(text)), [], 0
        while at < len(words):
            for size in range(min(longest, len(words) - at), 0, -1):
                part = words[at : at + size]
                named = said.get(tuple(word.text for word in part))
                if named is not None:
                    spans.append((part[0].begin, part[-1].end, named))
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
        kept = [w.text for w in core if w.text in self.leading and w.text not in ARTICLES]
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
        return any(one in self.words or one in self.kinds for one in singulars(last))

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

        The end of a phrase says of what kind a thing is: "an old fishing boat" is a boat; unless it
        says what the thing does: "a poodle running".
        """
        end = len(words)
        while end > 1 and _DOING.search(words[end - 1]) and words[end - 1] not in self.kinds:
            end -= 1
        for begin in range(end):
            row = self._kind(words[begin:end])
            if row is not None:
                return row
        row, cosine = self._row(words)
        return row if cosine >= LEAST else None

    def _kind(self, words: Sequence[str]) -> int | None:
        *before, last = words
        said = (" ".join([*before, ending]) for ending in (last, *sorted(singulars(last))))
        return next((self.kinds[text] for text in said if text in self.kinds), None)

    def _row(self, words: Sequence[str]) -> tuple[int | None, float]:
        meant = self._vector_of(words)
        if meant is None or not len(self.names):
            return None, 0.0
        best = int(self._nearest.rank(meant).argmax())
        return best, float(self._nearest.near(meant)[best])

    def cosine(self, phrase: str, name: str) -> float | None:
        """Say how near a phrase is to a name; None if none of its words is known."""
        meant = self._vector_of([word.text for word in words_in(phrase)])
        return None if meant is None else float(self._nearest.near(meant)[self.names.index(name)])

    def _vector_of(self, words: Sequence[str]) -> NDArray[np.float32] | None:
        """Add up what words mean, float32 K; None if nothing is known of any."""
        parts = [part for word in words for part in re.split(r"['\u2019-]", word)]
        rows = [row for part in parts if (row := self._vector(part)) is not None]
        return self.vectors[rows].astype(np.float32).sum(axis=0) if rows else None

    @property
    def _nearest(self) -> Nearest:
        places: Nearest = self.__dict__["_places"]
        return places

    def _vector(self, word: str) -> int | None:
        if word in STOP_WORDS or word in _FILLERS:
            return None
        return next((self.words[w] for w in (word, *sorted(stems(word))) if w in self.words), None)

    @classmethod
    def load(cls, path: str | Path) -> Meaning:
        """Read a meaning.safetensors.

        Raises:
            BundleError: The file is missing, no such file, or damaged.
        """
        try:
            arrays = load(Path(path), mapped=True)  # most prompts need no vector at all
            return cls.stored(arrays, read_metadata(Path(path))["meaning"])
        except (OSError, ValueError, KeyError, TypeError, WeightsError) as error:
            raise BundleError(
                f"{path}: no table of meanings ({error!r}); export it again"
            ) from error

    @classmethod
    def stored(cls, arrays: Mapping[str, NDArray[Any]], described: str) -> Meaning:
        """Put together what a file holds: its arrays, and the JSON that describes them."""
        told = json.loads(described)
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
            key_vectors=arrays.get("key_vectors"),
            key_counts=tuple(told.get("key_counts", ())),
            weights=arrays.get("weights"),
            biases=arrays.get("biases"),
        )

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
            "key_counts": self.key_counts,
        }
        listed = "\n".join(sorted(self.words, key=lambda word: self.words[word])).encode()
        arrays: dict[str, Any] = {
            "words": np.frombuffer(listed, np.uint8),
            "vectors": self.vectors,
            "name_vectors": self.name_vectors,
        }
        for name in ("key_vectors", "weights", "biases"):
            if getattr(self, name) is not None:
                arrays[name] = getattr(self, name)
        save(Path(path), arrays, {"meaning": json.dumps(told)})


def _fitting(article: re.Match[str], word: str) -> str:
    """Make the article at the end of a text fit the next word: "an emerald" becomes "a green"."""
    if not word:
        return article.group()
    return article.group(1)[0] + _article(word)[1:] + article.group(2)


def _article(word: str) -> str:
    return "an" if word[0].lower() in "aeiou" else "a"
