"""Words that were never taught -> the taught name that is meant: "a pooch" reads as "a dog".

A phrase is the weighted mean of its words' vectors, and the nearest name stands in for it. Only the
phrase around an unknown word is changed; everything else is read as it was typed.

Source: Arora et al. 2017, "A simple but tough-to-beat baseline for sentence embeddings" (weighted
means of word vectors); the vectors are those of a sentence encoder for single words, reduced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import BundleError, WeightsError
from molnar.base.weights import load, read_metadata, save
from molnar.text.words import STOP_WORDS, stems

LEAST = 0.42  # cosine from which a name stands in for a phrase; below, words stay as typed
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
#: What ends a phrase: what follows tells of another thing, or of where it is.
_CUT = re.compile(
    r"(\s*[,;.:!?]\s*|\s+(?:and|wearing|with|on|in|at|under|over|above|below|beneath|behind|beside"
    r"|inside|near|next to|on top of|(?:to the |on the )?(?:left|right) of)\s+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """Vectors of words, and the names they can stand for.

    Example:
        >>> vectors = np.array([[100, 0], [0, 100]], np.int8)
        >>> meaning = Meaning(
        ...     words={"pooch": 0, "kiwi": 1}, vectors=vectors, names=("dog", "fruit"),
        ...     plurals=("dogs", "fruits"), name_vectors=vectors, taught=frozenset({"red", "dog"}),
        ...     leading=frozenset({"a", "red", "two"}), alike={"a pair of": "two"},
        ... )
        >>> meaning.read("a red pooch and a pair of pooches on a red dog")
        'a red dog and two dogs on a red dog'
    """

    words: Mapping[str, int]  # lower case -> row of `vectors`
    vectors: NDArray[np.int8]  # W K, longer where a word says more
    names: tuple[str, ...]  # N, as captions say them
    plurals: tuple[str, ...]  # N
    name_vectors: NDArray[np.int8]  # N K
    aliases: tuple[str, ...] = ()  # what else names are called in captions
    taught: frozenset[str] = frozenset()  # words of captions: they stand as they are
    leading: frozenset[str] = frozenset()  # articles, numbers, colours, sizes, styles
    alike: Mapping[str, str] = field(default_factory=dict)  # words -> others, whatever is around

    def read(self, text: str) -> str:
        """Put taught names in the place of phrases that hold an unknown word."""
        for said, meant in self.alike.items():
            text = re.sub(rf"\b{re.escape(said)}\b", meant, text, flags=re.IGNORECASE)
        pieces = _CUT.split(text)  # phrase, what cut it, phrase ...
        pieces[::2] = [self._phrase(piece) for piece in pieces[::2]]
        return "".join(pieces)

    def nearest(self, phrase: str) -> tuple[str, float]:
        """Give the name nearest to a phrase, singular, and its cosine; ("", 0) if nothing is known.

        Example:
            >>> nothing = np.zeros((0, 1), np.int8)
            >>> Meaning({}, nothing, (), (), nothing).nearest("x")
            ('', 0.0)
        """
        row, cosine = self._row(_WORD.findall(phrase.lower()))
        return ("", 0.0) if row is None else (self.names[row], cosine)

    def _phrase(self, phrase: str) -> str:
        found = list(_WORD.finditer(phrase))
        words = [match.group().lower() for match in found]
        first = 0
        while first < len(words) and words[first] in self.leading:
            first += 1
        core = words[first:]
        if all(self._stands(word) for word in core) or self._named(core):
            return phrase
        row, cosine = self._row(core)
        if row is None or cosine < LEAST:
            return phrase
        # In "a spook of a ghost town" only the head counts; in plurals the last word tells.
        many = core[-1].endswith("s") and not core[-1].endswith("ss") and first > 0
        several = many and words[first - 1] not in ("a", "an", "one", "1")
        name = self.plurals[row] if several else self.names[row]
        begin, end = found[first].start(), found[-1].end()
        return f"{_article(phrase[:begin], name)}{name}{phrase[end:]}"

    def _stands(self, word: str) -> bool:
        return (
            word in self.taught
            or word in STOP_WORDS
            or word.isdigit()
            or not word.isascii()
            or not self.taught.isdisjoint(stems(word))
        )

    def _named(self, core: Sequence[str]) -> bool:
        """Tell whether a phrase says a taught name as it is."""
        said = f" {' '.join(core)} "
        return any(
            f" {name.lower()} " in said for name in (*self.names, *self.plurals, *self.aliases)
        )

    def _row(self, words: Sequence[str]) -> tuple[int | None, float]:
        rows = [row for word in words if (row := self._known(word)) is not None]
        if not rows or not len(self.names):
            return None, 0.0
        meant = _unit(self.vectors[rows].astype(np.float32).sum(axis=0, keepdims=True))
        cosines = (meant @ _unit(self.name_vectors.astype(np.float32)).T)[0]
        best = int(cosines.argmax())
        return best, float(cosines[best])

    def _known(self, word: str) -> int | None:
        if word in STOP_WORDS:
            return None
        options = (word, *sorted(stems(word)))
        return next((self.words[form] for form in options if form in self.words), None)

    @classmethod
    def load(cls, path: str | Path) -> Meaning:
        """Read a meaning.safetensors.

        Raises:
            BundleError: The file is missing or no such file.
        """
        try:
            arrays = load(Path(path))
            told = json.loads(read_metadata(Path(path))["meaning"])
            listed = arrays["words"].tobytes().decode().split("\n")
            return cls(
                words={word: row for row, word in enumerate(listed)},
                vectors=arrays["vectors"],
                names=tuple(told["names"]),
                plurals=tuple(told["plurals"]),
                name_vectors=arrays["name_vectors"],
                aliases=tuple(told["aliases"]),
                taught=frozenset(told["taught"]),
                leading=frozenset(told["leading"]),
                alike=dict(told["alike"]),
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
            "aliases": self.aliases,
            "taught": sorted(self.taught),
            "leading": sorted(self.leading),
            "alike": dict(self.alike),
        }
        listed = "\n".join(sorted(self.words, key=lambda word: self.words[word])).encode()
        arrays: dict[str, Any] = {
            "words": np.frombuffer(listed, np.uint8),
            "vectors": self.vectors,
            "name_vectors": self.name_vectors,
        }
        save(Path(path), arrays, {"meaning": json.dumps(told)})


def _article(before: str, name: str) -> str:
    """Make the article before a name fit it: "a orca" becomes "an"."""
    match = re.search(r"\b(an?)(\s+)$", before, re.IGNORECASE)
    if match is None:
        return before
    letter, space = match.group(1)[0], match.group(2)  # as it was typed: "A" stays large
    return before[: match.start(1)] + letter + ("n" if name[0] in "aeiouAEIOU" else "") + space


def _unit(rows: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))
