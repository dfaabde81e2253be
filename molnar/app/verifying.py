"""A picture with our record in, whether it comes out the same again: the proof of a promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molnar.app.session import laid_out, library
from molnar.base import metadata
from molnar.base.adapters import adapters_of, replaced
from molnar.base.config import from_json
from molnar.base.errors import DataError, MolnarError, one_line
from molnar.base.images import open_picture
from molnar.base.request import Picture, Request, machine, pixels_sha256, request_from
from molnar.base.version import VERSION

if TYPE_CHECKING:
    from molnar.app.jobs import Store
    from molnar.drawers import Drawer

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What redrawing a picture showed."""

    identical: bool
    largest: int  # difference of any value, 0 to 255
    mean: float  # difference of all values
    altered: bool  # the file's pixels are not those that were recorded
    differs: tuple[str, ...]  # what is not as when it was drawn: weights, version, engine, ...
    redrawn: Pixels
    replaced: tuple[str, ...] = ()  # adapters whose file is another one by now

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as plain JSON."""
        names = ("identical", "largest", "mean", "altered")
        listed = {"differs": list(self.differs), "replaced": list(self.replaced)}
        return {name: getattr(self, name) for name in names} | listed


def verify(path: str | Path, drawer: Drawer, store: Store) -> Verdict:
    """Redraw a picture as its record says, and compare.

    Args:
        path: A PNG, JPEG or WebP with our record.
        drawer: The model that the record names.
        store: Where the pictures that it started from are kept.

    Raises:
        DataError: It has no record of ours, or what it started from is not at hand.
    """
    found = metadata.read(path)
    if found.record is None:
        raise DataError(
            f"{one_line(path)} has no molnar record; expected a picture that molnar drew, "
            "with its metadata"
        )
    pixels = np.asarray(open_picture(path))
    drawer.library = library(store, {})
    try:
        pictures = again(found, drawer)
    except MolnarError as error:
        raise DataError(f"{one_line(path)} cannot be drawn again: {error}") from error
    recorded = found.record.get("pixels_sha256")
    grid = bool(found.record.get("grid"))
    redrawn = np.asarray(open_picture(laid_out(pictures))) if grid else pictures[0].image
    same = pixels.shape == redrawn.shape
    gap = np.abs(pixels.astype(np.int16) - redrawn) if same else np.full(1, 255)
    lossy = Path(path).suffix.lower() in (".jpg", ".jpeg")
    exact = recorded == pixels_sha256(redrawn) if lossy else bool((gap == 0).all())
    return Verdict(
        identical=exact,
        largest=int(gap.max()),
        mean=float(gap.mean()),
        altered=not grid and not lossy and recorded != pixels_sha256(pixels),
        differs=tuple(differences(found.record, drawer)),
        redrawn=redrawn,
        replaced=tuple(
            replaced(adapters_of(found.record), [a for one in pictures for a in one.adapters])
        ),
    )


def again(found: metadata.Metadata, drawer: Drawer) -> list[Picture]:
    """Redraw what a record says: one picture, or all of a job that a sheet shows."""
    record = found.record or {}
    if not record.get("grid"):
        return drawer(request_from(found))
    wishes = record.get("requests")
    return [
        picture
        for wish in (wishes if isinstance(wishes, list) else [record.get("request", {})])
        for picture in drawer(from_json(Request, wish))
    ]


def differences(record: Mapping[str, Any], drawer: Drawer) -> list[str]:
    """Say what is not as when the picture was drawn."""
    now = {
        "weights": drawer.hash,
        "version": VERSION,
        "engine": drawer.engine,
        **machine(),
    }
    then = {
        "weights": record.get("model_hash"),
        "version": record.get("version"),
        "engine": record.get("engine"),
        **record.get("machine", {}),
    }
    return [
        f"{name}: {one_line(then[name], 40)} then, {one_line(now.get(name), 40)} now"
        for name in then
        if then[name] != now.get(name)
    ]
