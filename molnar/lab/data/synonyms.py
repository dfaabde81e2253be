"""What people say in the place of a drawing's name: "beagle", "man's best friend" for a dog.

Written for all concepts of the sticker pack, for the shapes, for what is worn and for
places. Text encoders and the table of meanings learn from them; captions never hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

FILE, EVERYDAY, NOUNS = "synonyms.txt", "everyday.txt", "nouns.txt"


@cache
def synonyms() -> Mapping[str, tuple[str, ...]]:
    """Read the list: a name as in `index.json`, or of a shape, what else it is called.

    Example:
        >>> "beagle" in synonyms()["dog face"]
        True
    """
    return _read(FILE)


@cache
def everyday() -> Mapping[str, tuple[str, ...]]:
    """Read common words for things: a name as captions say it, what stands for it.

    Example:
        >>> "witch" in everyday()["mage"]
        True
    """
    return _read(EVERYDAY)


@cache
def nouns() -> Mapping[str, tuple[str, ...]]:
    """Read more words for things, which stand for a name where nothing more is said of it.

    Example:
        >>> "hiking shoe" in nouns()["hiking boot"]
        True
    """
    return _read(NOUNS)


def _read(file: str) -> Mapping[str, tuple[str, ...]]:
    text = resources.files("molnar.lab.data").joinpath(file).read_text("utf-8")
    rows = [line.rpartition(": ") for line in text.splitlines() if not line.startswith("#")]
    return MappingProxyType({name: tuple(said.split("; ")) for name, _, said in rows})
