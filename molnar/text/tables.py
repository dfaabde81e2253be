"""A table of meanings <-> the arrays and the JSON that a file holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TOLD = "names plurals articles aliases taught leading alike kinds key_counts".split()  # noqa: SIM905
_OPTIONAL = ("key_vectors", "weights", "biases")


def packed(meaning: Any) -> tuple[dict[str, NDArray[Any]], str]:
    """Give the arrays of a `Meaning`, and the JSON that describes them."""
    listed = "\n".join(sorted(meaning.words, key=lambda word: meaning.words[word])).encode()
    arrays = {
        "words": np.frombuffer(listed, np.uint8),
        "vectors": meaning.vectors,
        "name_vectors": meaning.name_vectors,
    }
    given = {name: getattr(meaning, name) for name in _OPTIONAL}
    arrays |= {name: array for name, array in given.items() if array is not None}
    told = {name: getattr(meaning, name) for name in _TOLD}
    told["alone"] = {word: row for word, row in meaning.kinds.items() if word in meaning.alone}
    told["kinds"] = {word: row for word, row in meaning.kinds.items() if word not in meaning.alone}
    return arrays, json.dumps(told, default=sorted)


def unpacked(arrays: Mapping[str, NDArray[Any]], described: str) -> dict[str, Any]:
    """Give the fields of a `Meaning` from both.

    Raises:
        KeyError: an array or a field is missing.
    """
    told = json.loads(described)
    fields: dict[str, Any] = {name: arrays.get(name) for name in _OPTIONAL}
    fields |= {name: tuple(told[name]) for name in ("names", "plurals", "articles", "aliases")}
    fields |= {name: frozenset(told[name]) for name in ("taught", "leading")}
    listed = arrays["words"].tobytes().decode().split("\n")
    return {
        **fields,
        "words": {word: row for row, word in enumerate(listed)},
        "vectors": arrays["vectors"],
        "name_vectors": arrays["name_vectors"],
        "alike": dict(told["alike"]),
        "kinds": {**told.get("kinds", {}), **told.get("alone", {})},
        "alone": frozenset(told.get("alone", ())),
        "key_counts": tuple(told.get("key_counts", ())),
    }
