"""Folders of models that were pulled: `models/org/name`, whole or absent, and what is half there.

Half files lie in `models/.pulling/org--name`, each by the hash of its whole content.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from molnar.base.errors import NotThereError, PullError
from molnar.base.files import sync_folder
from molnar.bridge.taking import MANIFEST

FORMAT = 1  # of the manifest
HALF = ".pulling"  # beside the models: what is not whole yet


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what `molnar.json` says of a folder; empty if it is not there or not ours."""
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}
    whole = isinstance(found, dict) and found.get("format") == FORMAT
    return found if whole and isinstance(found.get("files"), dict) else {}


def check_own(folder: Path, repo: str) -> None:
    """Refuse a folder that somebody else filled."""
    if folder.exists() and any(folder.iterdir()) and read_manifest(folder).get("repo") != repo:
        raise PullError(
            f"{folder} is there and was not pulled by molnar; expected nothing there: move it away"
        )


def half_of(models: Path, repo: str) -> Path:
    """Return the folder of what is half there of a repository."""
    return models / HALF / repo.replace("/", "--")


@contextlib.contextmanager
def alone(half: Path, repo: str) -> Iterator[None]:
    """Keep a second pull of the same repository away; a process that died holds no lock."""
    from filelock import FileLock, Timeout

    half.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{half}.lock", timeout=0):
            yield
    except Timeout:
        raise PullError(f"{repo} is being pulled already; wait for that, or end it") from None


def others(folder: Path, entries: dict[str, Any]) -> list[str]:
    """Name the files in a model's folder that no pull brought: they are somebody's, and stay."""
    found = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    return [path for path in found if path not in entries and path != MANIFEST]


def place(source: Path, target: Path) -> None:
    """Give a content a second name; it is copied where a file system knows no hard links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def swap(half: Path, tree: Path, folder: Path) -> None:
    """Put a tree where the model's folder is, or was not."""
    old = half / "old"
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        folder.rename(old)
    tree.rename(folder)
    sync_folder(folder.parent)


def recover(half: Path, folder: Path) -> None:
    """Take back the old folder, if a swap was cut off between its two renames."""
    old = half / "old"
    if old.exists() and not folder.exists():
        old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def remove(models: Path, repo: str) -> int:
    """Delete a model that was pulled, and what is half there of it; return the bytes.

    Args:
        models: The folder of models.
        repo: "org/name". Files in its folder that no pull brought stay.

    Raises:
        NotThereError: Nothing of that name was pulled.
    """
    folder, half = models / repo, half_of(models, repo)
    entries = read_manifest(folder).get("files", {})
    if not entries and not half.exists():
        raise NotThereError(f"no model {repo!r} was pulled; `molnar models` lists what is there")
    freed = 0
    with alone(half, repo):
        recover(half, folder)
        for path in half.rglob("*") if half.exists() else ():
            freed += path.stat().st_size if path.is_file() else 0
        shutil.rmtree(half, ignore_errors=True)
        for path in [folder / path for path in (*entries, MANIFEST)]:
            # A manifest from elsewhere must not lead out of its folder.
            if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
                freed += path.stat().st_size
                path.unlink()
        for inner in sorted(folder.rglob("*"), reverse=True):
            _drop_empty(inner)
        _drop_empty(folder)
        _drop_empty(folder.parent)
    return freed


def _drop_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
