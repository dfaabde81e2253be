"""A prompt in, the words the model never learned out, each with the nearest words it did learn.

`words.json` of a bundle holds the words of the training captions and of the drawings' names and
keywords; the emoji it can draw; for common English words it never saw, related ones that it did
("sofa": "couch"); and one small vector per word, so that any other word finds its neighbours
through the text encoder.
"""

from __future__ import annotations

import base64
import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from molnar.base.errors import BundleError
from molnar.base.files import write_bytes
from molnar.base.request import UnknownWord

Array = Any
Embed = Callable[[Sequence[str]], Array]  # texts -> pooled vectors N P, unit length

COUNT = 3  # neighbours given per unknown word
MISSPELT = 0.75  # spelling similarity in [0, 1] from which a word is rather a slip of the pen
# Cosine from which our encoder's neighbours make sense, read off the shipped one: "doggy" is .94
# from "dog", "ocean" .81 from "boat"; nonsense words reach .77.
NEAR = 0.78

_STOP_WORDS = """
a an the and or of in on at to by for with without from into onto over under above below behind
beside between near next beneath inside outside around top bottom left right is are was be being
been am it its he she they them his her their this that these those some any no not very please i
me my we you your who which what where there here as than then so but if while also just only all
both each every other another more most lots lot many much few several wearing wears holding has
have having made like looks looking showing shows draw drawing drawn picture image photo
illustration painting art style
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
_COUNTED = "one two three four five six seven eight nine ten"
NUMBERS = {word: count for count, word in enumerate(_COUNTED.split(), start=1)}
SOME = frozenset({"many", "several", "some", "few", "dozen"})  # more than one, not said how many
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
# (ending, what stands there in the base form)
_PLURALS = (("ies", "y"), ("ves", "f"), ("ves", "fe"), ("es", ""), ("s", ""))
_ENDINGS = (*_PLURALS, ("ing", ""), ("ing", "e"), ("ed", ""), ("ed", "e"))
# Captions say "gray"; half the world writes it otherwise.
_GREY = re.compile(r"\b(gr)e(y)\b", re.IGNORECASE)
# Ask for a text or a colour form of an emoji, or for a skin tone: the same drawing.
_JOINER = "\u200d"
_SIGN = re.compile(r"\S(?:\u200d\S)*")
_MODIFIER = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The words a model was taught.

    Example:
        >>> lexicon = Lexicon(words=("red", "circle", "dog"), emoji={"\U0001f436": "dog"})
        >>> [(u.word, u.nearest) for u in lexicon.unknown("red circles and a dogg")]
        [('dogg', ['dog'])]
        >>> lexicon.read("a red \U0001f436")
        'a red dog'
    """

    words: tuple[str, ...]  # lower case; those worth suggesting first
    emoji: Mapping[str, str] = field(default_factory=dict)  # character(s) -> name
    related: Mapping[str, Sequence[int]] = field(default_factory=dict)  # word -> rows of `words`
    vectors: Array | None = None  # int8 N K, of the first N words, each row a direction
    projection: Array | None = None  # int8 P K, from pooled vectors to those K numbers

    def __post_init__(self) -> None:
        """Index the words once."""
        object.__setattr__(self, "_known", frozenset(self.words))
        object.__setattr__(self, "_longest", max((len(key) for key in self.emoji), default=0))

    @classmethod
    def load(cls, path: str | Path) -> Lexicon:
        """Read a words.json; all but `words` may be absent.

        Raises:
            BundleError: The file is missing or not a lexicon.
        """
        try:
            stored = json.loads(Path(path).read_text(encoding="utf-8"))
            lexicon = cls(
                words=tuple(map(str, stored["words"])),
                emoji=dict(stored.get("emoji", {})),
                related=dict(stored.get("related", {})),
                vectors=_unpack(stored.get("vectors")),
                projection=_unpack(stored.get("projection")),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"{path}: not a lexicon ({error!r}); expected words.json") from error
        last = max((row for rows in lexicon.related.values() for row in rows), default=-1)
        if last >= len(lexicon.words):
            raise BundleError(
                f"{path}: refers to word {last} of {len(lexicon.words)}; export it again"
            )
        return lexicon

    def save(self, path: str | Path) -> None:
        """Write a words.json, replacing what is there."""
        stored = {
            "format": 1,
            "words": list(self.words),
            "emoji": dict(self.emoji),
            "related": {word: list(map(int, rows)) for word, rows in self.related.items()},
            "vectors": _pack(self.vectors),
            "projection": _pack(self.projection),
        }
        text = json.dumps(stored, ensure_ascii=False, separators=(",", ":"))
        write_bytes(Path(path), text.encode(), force=True)

    def knows(self, word: str) -> bool:
        """Say whether a word, its singular, its stem, or all parts of a compound were taught."""
        word = word.lower().replace("\u2019", "'").removesuffix("'s").removesuffix("'")
        if self._has(word):
            return True
        parts = re.split(r"['-]", word)
        return len(parts) > 1 and all(self._has(part) for part in parts if part)

    def read(self, text: str) -> str:
        """Replace the emoji that can be drawn by their names, and "grey" by the taught spelling."""
        text = _GREY.sub(r"\1a\2", text)
        pieces = [f" {name} " if name else piece for piece, name in self._emoji_in(text)]
        return " ".join("".join(pieces).split()) if self.emoji else text

    def unknown(self, prompt: str, embed: Embed | None = None) -> list[UnknownWord]:
        """List the words and emoji of a prompt that were never taught, in order, each once.

        Args:
            prompt: As typed.
            embed: The text encoder, to find neighbours by meaning; without it by spelling alone.
        """
        prompt = _GREY.sub(r"\1a\2", prompt)
        plain = "".join(f" {name} " if name else piece for piece, name in self._emoji_in(prompt))
        words = [word for word in _WORD.findall(plain) if not self.knows(word)]
        signs = dict.fromkeys(sign for sign in _SIGN.findall(plain) if _is_pictograph(sign[0]))
        words = list(dict.fromkeys([word.lower() for word in words]))
        # Bytes are all that our encoder sees of other scripts: it would guess.
        asked = [word for word in words if word.isascii() and word not in self.related]
        meant = self._by_meaning(asked, embed)
        found = [UnknownWord(word, self.nearest(word, meant.get(word, []))) for word in words]
        return found + [UnknownWord(sign, self._named(sign)) for sign in signs]

    def nearest(self, word: str, meant: Sequence[str] = ()) -> list[str]:
        """Give the taught words nearest to one that was not.

        Args:
            word: Lower case.
            meant: Neighbours by meaning, nearest first.
        """
        if word in self.related:
            return [self.words[row] for row in self.related[word]][:COUNT]
        drawn = self.words if self.vectors is None else self.words[: len(self.vectors)]
        slips = difflib.get_close_matches(word, drawn, n=COUNT, cutoff=MISSPELT)
        return slips or list(meant)[:COUNT]

    def _named(self, sign: str) -> list[str]:
        """List the taught words of an emoji's Unicode name."""
        words = " ".join(unicodedata.name(letter, "") for letter in sign).lower().split()
        return [word for word in words if word in self.__dict__["_known"]][:COUNT]

    def _has(self, word: str) -> bool:
        known: frozenset[str] = self.__dict__["_known"]
        if word in known or word in STOP_WORDS or (len(word) == 1 and word.isascii()):
            return True
        return not known.isdisjoint(stems(word))

    def _emoji_in(self, text: str) -> Iterator[tuple[str, str | None]]:
        """Cut a text into (piece, name of the emoji it is, or None), longest emoji first."""
        text = _MODIFIER.sub("", text) if self.emoji else text
        longest: int = self.__dict__["_longest"]
        begin = 0
        while begin < len(text):
            for size in range(min(longest, len(text) - begin), 0, -1):
                name = self.emoji.get(text[begin : begin + size])
                around = text[max(begin - 1, 0) : begin] + text[begin + size : begin + size + 1]
                # A part of a joined emoji is another picture: an astronaut is no rocket.
                if name is not None and _JOINER not in around:
                    break
            else:
                size, name = 1, None
            yield text[begin : begin + size], name
            begin += size

    def _by_meaning(self, words: Sequence[str], embed: Embed | None) -> dict[str, list[str]]:
        if not words or embed is None or self.vectors is None or self.projection is None:
            return {}
        asked = np.asarray(embed(words), np.float32) @ self.projection.astype(np.float32)
        cosines = _unit(asked) @ _unit(self.vectors.astype(np.float32)).T
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :COUNT]
        return {
            word: [self.words[i] for i in order if row[i] >= NEAR]
            for word, row, order in zip(words, cosines, best, strict=True)
        }


def singulars(word: str) -> set[str]:
    """List what an English noun may be the plural of.

    Example:
        >>> sorted(singulars("foxes")), singulars("running")
        (['fox', 'foxe'], set())
    """
    return {
        word.removesuffix(ending) + instead
        for ending, instead in _PLURALS
        if word.endswith(ending) and len(word) >= len(ending) + 3
    }


def stems(word: str) -> set[str]:
    """List what an English word may be an inflection of.

    Example:
        >>> sorted(stems("dogs")), "run" in stems("running"), "berry" in stems("berries")
        (['dog'], True, True)
    """
    found = set()
    for ending, instead in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 3:
            found.add(stem + instead)
            if stem[-1] == stem[-2]:
                found.add(stem[:-1])
    return found


def _is_pictograph(letter: str) -> bool:
    return unicodedata.category(letter) == "So"


def _unit(rows: Array) -> Array:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _pack(array: Array | None) -> dict[str, Any] | None:
    if array is None:
        return None
    return {
        "shape": list(array.shape),
        "int8": base64.b64encode(np.ascontiguousarray(array, np.int8).tobytes()).decode(),
    }


def _unpack(stored: Mapping[str, Any] | None) -> Array | None:
    if stored is None:
        return None
    flat = np.frombuffer(base64.b64decode(stored["int8"]), np.int8)
    return flat.reshape(stored["shape"])
