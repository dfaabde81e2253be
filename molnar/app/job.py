"""A job, its pictures and where it came from, as the history gives them: frozen, and plain JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molnar.app.references import picture_name
from molnar.base.errors import DataError

if TYPE_CHECKING:
    from molnar.base.request import Picture

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Parent:
    """What a job started from: another job, or one of its pictures.

    Example:
        >>> Parent("k7", 2, "init").reference
        'k7.2'
    """

    job: str
    number: int | None = None
    role: str = "init"  # e.g. "init", "vary", "style", "blend"

    @property
    def reference(self) -> str:
        """The parent as people type it."""
        return self.job if self.number is None else picture_name(self.job, self.number)


@dataclass(frozen=True)
class Link:
    """A relative of a job, some generations away."""

    job: str  # of the relative
    number: int | None  # the picture through which they are related: always the parent's
    role: str
    generations: int  # from 1
    exists: bool  # False once it was deleted


@dataclass(frozen=True)
class Lineage:
    """Where a job or picture came from, nearest first, and what came out of it."""

    ancestors: tuple[Link, ...] = ()
    children: tuple[Link, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StoredPicture:
    """A picture of a job; its file is the history's own copy and is never changed."""

    job: str
    number: int  # from 1 in reading order; 0 is the grid
    seed: int | None
    path: Path
    bytes: int
    sha256: str  # of the file
    pixels_sha256: str | None
    width: int
    height: int
    favourite: bool
    record: Mapping[str, Any]
    request: Mapping[str, Any]  # the job's
    prompt: str
    verb: str

    @property
    def reference(self) -> str:
        """The picture as people type it."""
        return picture_name(self.job, self.number)

    def to_json(self) -> dict[str, Any]:
        """Return what a machine may want to know."""
        names = ("number", "seed", "bytes", "sha256", "pixels_sha256", "width", "height")
        return {
            "reference": self.reference,
            "job": self.job,
            **{name: getattr(self, name) for name in names},
            "path": str(self.path),
            "favourite": self.favourite,
            "record": dict(self.record),
        }


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a verb: what was asked, how it ended, what came out."""

    id: str
    verb: str
    state: str  # queued, running, done, failed or cancelled
    prompt: str
    request: Mapping[str, Any]  # resolved
    extra: Mapping[str, Any]  # the verb's own arguments
    created: str  # UTC, ISO 8601
    finished: str | None = None
    error: str | None = None
    version: str = ""  # of molnar
    model: str = ""
    model_hash: str = ""
    parents: tuple[Parent, ...] = ()
    pictures: tuple[StoredPicture, ...] = ()  # without the grid
    grid: StoredPicture | None = None
    attempts: int = 0  # how often somebody began to draw it
    stopping: bool = False  # it runs, and is wanted to stop

    @property
    def favourite(self) -> bool:
        """Whether one of its pictures is a favourite."""
        return any(picture.favourite for picture in self.pictures)

    def to_json(self) -> dict[str, Any]:
        """Return what a machine may want to know."""
        names = ("id", "verb", "state", "prompt", "created", "finished", "error")
        made = ("version", "model", "model_hash")
        return {
            **{name: getattr(self, name) for name in (*names, *made)},
            "request": dict(self.request),
            "extra": dict(self.extra),
            "parents": [
                {"reference": parent.reference, "role": parent.role} for parent in self.parents
            ],
            "pictures": [picture.to_json() for picture in self.pictures],
            "grid": self.grid.to_json() if self.grid else None,
        }


@dataclass(frozen=True)
class NewPicture:
    """A picture to be kept: the bytes of its PNG file and what is known of it."""

    png: bytes
    seed: int | None = None
    pixels_sha256: str | None = None
    record: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, picture: Picture, png: bytes | None = None) -> NewPicture:
        """Take over what the pipeline drew; `png` are its encoded bytes, where they are at hand."""
        record = picture.record()
        return cls(png or picture.encoded(), picture.seed, record["pixels_sha256"], record)

    @property
    def sha256(self) -> str:
        """The sha256 of the file."""
        return hashlib.sha256(self.png).hexdigest()

    def size(self) -> tuple[int, int]:
        """Return width and height, from the header: its first chunk is always IHDR.

        Raises:
            DataError: It is no PNG.
        """
        if not self.png.startswith(PNG) or self.png[12:16] != b"IHDR":
            start = self.png[:8].hex(" ") or "nothing"
            raise DataError(
                f"a picture for the history begins with {start}; expected PNG: encode it as .png"
            )
        return int.from_bytes(self.png[16:20], "big"), int.from_bytes(self.png[20:24], "big")
