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

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import BundleError, WeightsError
from molnar.base.weights import load, read_metadata, save
from molnar.text.kinds import deed_at, of_kind, taken
from molnar.text.names import Names, Span, article
from molnar.text.nearest import Nearest
from molnar.text.phrases import (
    ARTICLES,
    FILLERS,
    SOFT,
    SOMEONE,
    Word,
    acts,
    clauses,
    feature_end,
    is_manner,
    takes,
    thing_at,
    without_looks,
    words_in,
)
from molnar.text.tables import packed, unpacked
from molnar.text.words import NUMBERS, SOME, STOP_WORDS, singulars, stems

LEAST = 0.4  # cosine from which a name stands in for a phrase; below, words stay as typed
SURE = 0.6  # the same of a whole clause, where its parts mean something else
AHEAD = 0.05  # by how much it must be nearer than the names of its parts
CLEAR = 0.15  # the same where a part is a taught name
_ONE = ARTICLES | {"one", "1"}
_NUMBERS = SOME | set(NUMBERS) - _ONE

Phrase = Sequence[Word]
Places = Sequence[tuple[int, int]]


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
    alone: Set[str] = frozenset()  # kinds that hold where no more is said of a thing
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
        names = Names(self.names, self.plurals, self.aliases, self.kinds)
        object.__setattr__(self, "_known", names)

    def read(self, text: str) -> str:
        """Put taught names in the place of phrases that hold an unknown word."""
        text = self._names.replaced(text, self.alike, self._bare)
        spans = self._names.spans(text)
        changes = [
            change
            for clause in clauses(text, [(s.begin, s.end) for s in spans] + taken(text, self.kinds))
            for change in self._changes(text, clause, [span for span in spans if span.named])
        ]
        for begin, end, instead in reversed(changes):
            text = text[:begin] + instead + text[end:]
        return text

    def _changes(
        self, text: str, clause: Sequence[Sequence[Word]], known: Sequence[Span]
    ) -> list[tuple[int, int, str]]:
        """Give (begin, end, what to say instead) of what in a clause is not to stay."""
        if all(self._stands(word.text) for phrase in clause for word in phrase):
            return []  # most prompts: no vector is read
        clause = [phrase for phrase in clause if not is_manner(text, phrase)]
        if not clause:
            return []
        begin, end = clause[0][0].begin, clause[-1][-1].end
        known = [span for span in known if span.begin < end and begin < span.end]
        # a taught thing, and what it is with or on: phrase by phrase
        units = [[phrase] for phrase in clause] if known else [clause]
        changes: list[tuple[int, int, str]] = []
        seen: set[int] = set()
        for unit in units:
            words = [word for phrase in unit for word in phrase]
            named = [s for s in known if s.begin < words[-1].end and words[0].begin < s.end]
            meant = [(phrase, None if named else self._row_of(phrase)) for phrase in unit]
            rows: list[int | None] = [row for _, row in meant if row is not None]
            rows += [self._row_at(text, span) for span in named]
            firm = any(acts(words, s.end) for s in named) if named else any(map(self._firm, unit))
            whole = None if firm else self._whole([w.text for w in words], rows, bool(named))
            for phrase, row in meant if whole is None else [(words, whole)]:
                before = max((p[-1].end for p in clause if p[-1].end < phrase[0].begin), default=0)
                joint = text[before : phrase[0].begin].strip().lower()
                places = [(span.begin, span.end) for span in named]
                past = self._idle(phrase, row, joint, seen, places) if before else None
                if past is not None:
                    changes.append((before, past, ""))
                elif row is not None:
                    changes.append(self._say(text, phrase, row))
                    seen.add(row)
            seen.update(row for row in rows if row is not None)
        return changes

    def _whole(self, words: Sequence[str], rows: Sequence[int | None], named: bool) -> int | None:
        """Give the row of the name that a clause tells of as a whole, and none of its parts does.

        Whoever says a taught name means it, unless all of the phrase points clearly elsewhere.
        """
        words = without_looks(words)
        telling = [word for word in words if not self._leads(word)]
        heard_of = sum(self._vector(word) is not None for word in telling)
        if heard_of < 2 or all(self._stands(word) for word in telling):
            return None
        meant = self._vector_of(words)
        if meant is None or not len(self.names):
            return None
        near, best = self._nearest.near(meant), int(self._nearest.rank(meant).argmax())
        rest = CLEAR if named else AHEAD
        ahead = all(row is not None and near[best] - near[row] >= rest for row in rows)
        return best if near[best] >= SURE and best not in rows and ahead else None

    def _firm(self, phrase: Phrase) -> bool:
        """Tell whether a phrase is of one kind, but for what is done: a wizard casting no wand."""
        words = [word.text for word in phrase[self._first(phrase)[1] :]]
        kind = of_kind(words, self.kinds, self.alone) if words else None
        done = kind is not None and kind[1] < len(words)
        return done or (len(words) > 1 and " ".join(words) in self.kinds)

    def _idle(
        self, phrase: Phrase, row: int | None, joint: str, seen: Set[int], named: Places
    ) -> int | None:
        """Tell where a phrase ends that brings no other thing than the one before it.

        It is that thing again, what it has of itself, nothing known, or only near to a name:
        "a hound with a gateau" is two things, "a hound with streams down its cheeks" is one.
        """
        if joint not in SOFT:
            return None
        own = feature_end(phrase, named, loose=joint == "with")
        if own is not None:
            return own
        if row is None:
            idle = not named and not all(self._stands(word.text) for word in phrase)
        elif row in seen and joint == "with":
            idle = True
        else:
            words = [word.text for word in phrase]
            meant = None if of_kind(words, self.kinds, self.alone) else self._vector_of(words)
            idle = meant is not None and float(self._nearest.near(meant)[row]) < SURE
        return phrase[-1].end if idle else None

    def _bare(self, text: str) -> bool:
        """Tell whether a text begins with a name that takes no article."""
        return any(
            re.match(rf"{re.escape(name.lower())}\b", text)
            for name, lead in zip(self.names, self.articles, strict=True)
            if not lead
        )

    def _row_at(self, text: str, span: Span) -> int | None:
        """Give the row of a taught name in a text; of another name for it, the nearest one."""
        if span.row is not None:
            return span.row
        return self._row([word.text for word in words_in(text[span.begin : span.end])])[0]

    def _row_of(self, phrase: Sequence[Word]) -> int | None:
        """Give the row of the name that stands in for a phrase, or None if it stays."""
        start, first = self._first(phrase)
        words = [word.text for word in phrase[first:]]
        if all(map(self._stands, words)):
            return None
        if any(word.text in _NUMBERS or word.text.isdigit() for word in phrase[start:first]):
            one = (word for word in sorted(singulars(words[-1])) if word in self.words)
            words[-1] = next(one, words[-1])  # "hounds" may lie elsewhere than "hound"
        return self._meant(words)

    def _say(self, text: str, phrase: Sequence[Word], row: int) -> tuple[int, int, str]:
        """Give (begin, end, what to say instead) of a phrase: a name for its thing."""
        start, first = self._first(phrase)
        core = phrase[first:]
        kind = of_kind([word.text for word in core], self.kinds, self.alone)
        last = kind[1] if kind and kind[0] == row else len(core) - takes([w.text for w in core])
        core = core[:last]  # what it does is still said
        before = [word.text for word in phrase[start:first]]
        many = SOMEONE.isdisjoint(w.text for w in core) and self._many(before, core[-1].text)
        name = self.plurals[row] if many else self.names[row]
        kept = [w.text for w in core if w.text in self.leading and w.text not in ARTICLES]
        instead = " ".join([*kept, name])
        begin = core[0].begin
        if before and before[-1] in ("a", "an"):
            begin = phrase[first - 1].begin
            lead = self.articles[row] if not kept else article(kept[0])
            instead = f"{lead} {instead}".strip()
            if text[begin].isupper():
                instead = instead[0].upper() + instead[1:]
        return begin, core[-1].end, instead

    def _first(self, phrase: Sequence[Word]) -> tuple[int, int]:
        """Find where a thing is spoken of, and its first word that does not merely lead to it.

        In "pixel art of two odd dogs": "two" and "odd"; a look says nothing of the thing.
        """
        start = 0
        for at, word in enumerate(phrase):
            if word.text == "of" and all(self._stands(other.text) for other in phrase[:at]):
                start = at + 1
        return start, thing_at([word.text for word in phrase], start, self._leads)

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
        """Give the row of the name they are a kind of or nearest to, with what it does or not."""
        if (kind := of_kind(words, self.kinds, self.alone)) is not None:
            return kind[0]
        who = words[: deed_at(words, self.kinds)]
        found = self._row(who), self._row(words)
        if found[0][0] is None and not FILLERS.issuperset(who):
            return None  # nothing is known of it, whatever it does
        row, cosine = max(found, key=lambda one: one[1])
        return row if cosine >= LEAST else None

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
    def _names(self) -> Names:
        known: Names = self.__dict__["_known"]
        return known

    @property
    def _nearest(self) -> Nearest:
        places: Nearest = self.__dict__["_places"]
        return places

    def _vector(self, word: str) -> int | None:
        if word in STOP_WORDS or word in FILLERS:
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
        return cls(**unpacked(arrays, described))

    def save(self, path: str | Path) -> None:
        """Write a meaning.safetensors, replacing what is there."""
        arrays, told = packed(self)
        save(Path(path), arrays, {"meaning": told})
