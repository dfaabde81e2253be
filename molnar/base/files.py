"""Bytes -> a file that is either whole or absent, and that never replaces another by accident."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from molnar.base.errors import RequestError


def write_bytes(path: str | os.PathLike[str], data: bytes, force: bool = False) -> Path:
    """Write `data` to `path` at once; an interrupted write leaves what was there before.

    Args:
        path: Where to write; missing folders are made.
        data: The whole content.
        force: Replace a file that exists.

    Raises:
        RequestError: If the file exists and `force` is False.
    """
    with writing(path, force=force) as file:
        file.write(data)
    return Path(path)


@contextlib.contextmanager
def writing(path: str | os.PathLike[str], force: bool = False) -> Iterator[BinaryIO]:
    """Open a file beside `path` for writing; put it in place when the block ends well.

    Raises:
        RequestError: If `path` exists and `force` is False.
    """
    target = Path(path)
    if target.exists() and not force:
        raise _exists(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The same folder, so that the rename stays on one file system; O_EXCL keeps the user's umask.
    temporary = target.with_name(f".molnar-{secrets.token_hex(6)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _put(temporary, target, force)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def _put(temporary: Path, target: Path, force: bool) -> None:
    if force:
        temporary.replace(target)
        return
    try:
        # A hard link fails if the name was taken meanwhile, which a rename would not notice.
        os.link(temporary, target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError:  # a file system without hard links
        if target.exists():
            raise _exists(target) from None
        temporary.replace(target)


def _exists(target: Path) -> RequestError:
    return RequestError(f"{target} exists already; choose another name, or --force to replace it")


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder: a new name must reach the disk too, where a system allows it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
