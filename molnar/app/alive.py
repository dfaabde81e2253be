"""Which processes still live: each holds a lock on a file of its own, and loses it when it dies.

The system lets go of the lock however the process ends, also by SIGKILL; a process number could
have been given to another process meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class Worker:
    """A process that works on jobs, under a name that no other ever has.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     worker = Worker(Path(folder))
        ...     before = alive(Path(folder), worker.name)
        ...     worker.close()
        ...     print(before, alive(Path(folder), worker.name))
        True False
    """

    def __init__(self, folder: Path) -> None:
        self.name = secrets.token_hex(8)
        self._path = folder / f"{self.name}.lock"
        self._handle = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        with contextlib.suppress(OSError):  # a file system without locks: taken for alive
            _lock(self._handle)

    def close(self) -> None:
        """Stop: jobs that are not finished count as interrupted from now on."""
        os.close(self._handle)
        with contextlib.suppress(OSError):
            self._path.unlink()


def alive(folder: Path, name: str | None) -> bool:
    """Tell whether the worker of that name still lives; in doubt, it does."""
    if not name:
        return False
    try:
        handle = os.open(folder / f"{name}.lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        _lock(handle)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def bury(folder: Path) -> None:
    """Remove the lock files of the dead; the caller keeps others from starting meanwhile."""
    for path in folder.glob("*.lock"):
        if not alive(folder, path.stem):
            with contextlib.suppress(OSError):
                path.unlink()


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
