"""A name -> where the checkpoint lies: by path, in the folders that are searched, or pulled."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from molnar.base.errors import CheckpointError
from molnar.base.weights import PICKLE_SUFFIXES
from molnar.bridge.hashing import checkpoint_hash
from molnar.bridge.recognising import INDEX, Found, recognise

__all__ = ["checkpoint_hash", "checkpoints", "is_checkpoint", "locate"]

BUNDLE = "bundle.json"  # a folder with this one is a bundle of molnar's own
SUFFIXES = (".safetensors", ".gguf")


def locate(name: str, search: Sequence[Path] = ()) -> Path | None:
    """Find a checkpoint.

    Args:
        name: A path; or the name of a folder or file in one of the `search` folders, without its
            ending; or `org/name` as it was pulled; or that name alone where it is the only one.
        search: Folders with checkpoints, first come first served; those that are not there are
            passed over.

    Returns:
        A folder with `model_index.json`, or a file of weights; None where there is none, or where
        the name is that of a bundle.
    """
    path = Path(name).expanduser()
    if is_checkpoint(path):
        return path
    if not name or Path(name).is_absolute() or ".." in Path(name).parts:
        return None
    for parent in search:
        for ending in ("", *SUFFIXES):
            there = parent / f"{name}{ending}"
            if is_checkpoint(there):
                return there
    if len(path.parts) == 1:
        below = [place for parent in search for place in _below(parent) if _called(place, name)]
        if len({place.resolve() for place in below}) == 1:
            return below[0]
    return None


def is_checkpoint(path: Path) -> bool:
    """Whether a path looks like a checkpoint: by its name and its index, without reading it."""
    with contextlib.suppress(OSError):
        if path.is_dir():
            return (path / INDEX).is_file()
        # A pickle is found too, so that it is refused by name and not said to be missing.
        return path.suffix.lower() in (*SUFFIXES, *PICKLE_SUFFIXES) and path.is_file()
    return False


def checkpoints(search: Sequence[Path] = ()) -> tuple[list[Found], list[str]]:
    """List what can be opened in the searched folders, and say what cannot and why.

    Looks two levels deep, as `org/name` lies; a bundle's own files are no checkpoints.
    """
    found: list[Found] = []
    refused: list[str] = []
    seen: set[Path] = set()
    for parent in search:
        for path in _below(parent):
            if path.resolve() in seen:
                continue
            seen.add(path.resolve())
            try:
                found.append(recognise(path))
            except CheckpointError as error:
                refused.append(str(error))
    return found, refused


def _below(parent: Path) -> Iterator[Path]:
    for path in _listed(parent):
        if is_checkpoint(path):
            yield path
        elif path.is_dir() and not path.name.startswith("."):
            inside = _listed(path)
            if not any(p.name in (BUNDLE, "config.json") for p in inside):
                yield from (p for p in inside if is_checkpoint(p))


def _listed(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _called(place: Path, name: str) -> bool:
    return name in ((place.name,) if place.is_dir() else (place.name, place.stem))
