"""What the user points at (`k7.2`, or a file) in, the picture and all that is known of it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from molnar.app.job import Parent as Ancestor
from molnar.app.jobs import Store
from molnar.app.references import is_reference
from molnar.base import metadata
from molnar.base.config import from_json
from molnar.base.errors import DataError, MolnarError, RequestError, one_line
from molnar.base.images import open_picture
from molnar.base.request import request_from
from molnar.base.types import Item, Plan
from molnar.base.wishes import wishes
from molnar.verbs import Parent


@dataclass(frozen=True)
class Found:
    """A picture that was pointed at."""

    parent: Parent
    path: Path
    ancestor: Ancestor | None = None  # its place in the history, if it has one


def find(text: str) -> Parent:
    """Read the picture that a text points at.

    Args:
        text: A reference into the history (`k7.2`, or `k7` if it has one picture), or a file.

    Raises:
        RequestError: There is no such job or picture.
        DataError: The file cannot be read.
    """
    with Store.open() as store:
        return found(text, store).parent


def found(text: str, store: Store, role: str = "init") -> Found:
    """As `find`, with the path and its place in the history.

    Args:
        text: As typed.
        store: The history.
        role: What the picture is to what comes from it.
    """
    if not is_reference(text):
        if not Path(text).is_file():
            raise RequestError(
                f"no picture {one_line(text)!r}; expected a file, or a picture of the history "
                "such as k7.2: `molnar history` lists them"
            )
        return Found(read(text), Path(text))
    reference = store.one_picture(text)
    stored = store.picture(str(reference))
    ancestor = Ancestor(stored.job, stored.number, role)
    return Found(read(stored.path), stored.path, ancestor)


def read(path: str | Path) -> Parent:
    """Read a picture file: its pixels, and what our record in it says.

    Raises:
        DataError: It is no picture.
    """
    pixels = np.asarray(open_picture(path))
    try:
        known = metadata.read(path)
        if known.record is None or "request" not in known.record:
            said = wishes(known).get("prompt")
            return Parent(pixels=pixels, prompt=said[:2000] if said else None)
        return Parent(pixels=pixels, request=request_from(known), plan=plan_of(known.record))
    except DataError:  # a record that cannot be used makes no difference to the pixels
        return Parent(pixels=pixels)


def plan_of(record: Mapping[str, Any]) -> Plan:
    """Read the plan of a picture from its record; () if it has none."""
    try:
        return tuple(from_json(Item, item) for item in record.get("plan", ()))
    except (MolnarError, TypeError):
        return ()
