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
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
        return Meaning.stored(arrays, file.metadata()["meaning"])
