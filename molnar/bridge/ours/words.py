"""A text as typed in, the same in words that the model was taught out: data, and no network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open

from molnar.text.meaning import Meaning
from molnar.text.words import Lexicon

WORDS, MEANING = "words.json", "meaning.safetensors"


class MolnarWords:
    """Reads emoji by their names, and words that were never taught as the names they mean."""

    def __init__(self, lexicon: Lexicon, meaning: Meaning | None = None) -> None:
        self.lexicon = lexicon
        self.meaning = meaning

    @classmethod
    def from_pretrained(cls, folder: str, **unused: Any) -> MolnarWords:
        """Read a folder with `words.json` and, maybe, `meaning.safetensors`."""
        stored = json.loads((Path(folder) / WORDS).read_text(encoding="utf-8"))
        lexicon = Lexicon(words=tuple(stored["words"]), emoji=stored.get("emoji", {}))
        path = Path(folder) / MEANING
        return cls(lexicon, meaning_of(path) if path.is_file() else None)

    def read(self, text: str) -> str:
        """Text as typed -> in words that the model was taught, as far as they are known."""
        text = self.lexicon.read(text)
        return text if self.meaning is None else self.meaning.read(text)

    def read_negative(self, text: str) -> str:
        """What to keep away from, which is read as it is, but for emoji."""
        return self.lexicon.read(text)


def meaning_of(path: Path) -> Meaning:
    """Read a table of meanings."""
    with safe_open(str(path), framework="np") as file:
        told = json.loads(file.metadata()["meaning"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    listed = arrays["words"].tobytes().decode().split("\n")
    return Meaning(
        words={word: row for row, word in enumerate(listed)},
        vectors=arrays["vectors"],
        names=tuple(told["names"]),
        plurals=tuple(told["plurals"]),
        articles=tuple(told["articles"]),
        name_vectors=arrays["name_vectors"],
        aliases=tuple(told["aliases"]),
        taught=frozenset(told["taught"]),
        leading=frozenset(told["leading"]),
        alike=told["alike"],
        kinds=told.get("kinds", {}),
        key_vectors=arrays.get("key_vectors"),
        key_counts=tuple(told.get("key_counts", ())),
    )
