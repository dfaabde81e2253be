"""The history's tables, and a connection to them that says every trouble in one line.

One SQLite file in the data folder, shared by all processes. It is in WAL mode, so that who reads
never waits for who writes, and `synchronous` is FULL: a job's id has been told to somebody, and a
file is removed only after the row that named it; neither may come back after a power cut. A write
takes the lock at its start (BEGIN IMMEDIATE), so that two writers wait for each other instead of
failing half-way.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from molnar.app.references import job_id
from molnar.base.errors import DataError, one_line

NAME = "history.sqlite3"
WAIT_SECONDS = 30.0  # for another process's write to end
FOLDERS = ("pictures", "inputs", "workers")
# Said in every query for unfinished jobs: word for word what the index `jobs_open` is limited to.
OPEN = "state IN ('queued', 'running')"

# Entry k takes a database from version k to k + 1; entries are added and never changed.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE jobs (
            serial INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of creation; the id follows from it
            verb TEXT NOT NULL,
            state TEXT NOT NULL
                CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
            prompt TEXT NOT NULL,
            request TEXT NOT NULL,  -- JSON, resolved
            extra TEXT NOT NULL,  -- JSON, the verb's own arguments
            created TEXT NOT NULL,  -- UTC; never earlier than that of the job before
            finished TEXT,
            error TEXT,
            version TEXT NOT NULL,  -- of molnar
            model TEXT NOT NULL,
            model_hash TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            worker TEXT,  -- see molnar/app/alive.py
            idempotency_key TEXT UNIQUE
        )
        """,
        "CREATE INDEX jobs_open ON jobs (state) WHERE state IN ('queued', 'running')",
        """
        CREATE TABLE parents (
            job INTEGER NOT NULL REFERENCES jobs (serial) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            parent INTEGER NOT NULL CHECK (parent < job),  -- stays when the parent is deleted
            number INTEGER,  -- of the parent's picture
            role TEXT NOT NULL,
            PRIMARY KEY (job, position)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX parents_children ON parents (parent)",
        """
        CREATE TABLE pictures (
            job INTEGER NOT NULL REFERENCES jobs (serial) ON DELETE CASCADE,
            number INTEGER NOT NULL,  -- from 1 in reading order; 0 is the grid
            seed INTEGER,
            file TEXT NOT NULL,  -- inside the data folder, with /
            bytes INTEGER NOT NULL,
            sha256 TEXT NOT NULL,  -- of the file
            pixels_sha256 TEXT,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            favourite INTEGER NOT NULL DEFAULT 0,
            record TEXT NOT NULL,  -- JSON
            PRIMARY KEY (job, number)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX pictures_pixels ON pictures (pixels_sha256)",
        "CREATE INDEX pictures_favourite ON pictures (job) WHERE favourite",
        """
        CREATE TABLE inputs (
            pixels_sha256 TEXT PRIMARY KEY,
            file TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            used TEXT NOT NULL  -- UTC, when it was last put
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE job_inputs (
            job INTEGER NOT NULL REFERENCES jobs (serial) ON DELETE CASCADE,
            pixels_sha256 TEXT NOT NULL REFERENCES inputs (pixels_sha256),
            PRIMARY KEY (job, pixels_sha256)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX job_inputs_input ON job_inputs (pixels_sha256)",
        # Files whose rows are gone and that have yet to go themselves.
        "CREATE TABLE trash (file TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID",
    ),
    (
        # The serial number of the first of the jobs queued with this one; NULL: it never waited.
        "ALTER TABLE jobs ADD COLUMN batch INTEGER",
        "CREATE INDEX jobs_batch ON jobs (batch) WHERE batch IS NOT NULL",
        # sha256 of what its idempotency key stands for.
        "ALTER TABLE jobs ADD COLUMN asked TEXT",
        # Whether it is wanted to stop, while it runs.
        "ALTER TABLE jobs ADD COLUMN stopping INTEGER NOT NULL DEFAULT 0",
    ),
    (
        # How often its worker ended while it was the only one drawn.
        "ALTER TABLE jobs ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0",
    ),
)


class Database:
    """The data folder and one connection to its history: for one thread of one process.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     database = Database(Path(folder))
        ...     with database.reading() as rows:
        ...         print(rows.execute("SELECT count(*) FROM jobs").fetchone()[0])
        ...     database.close()
        0
    """

    def __init__(self, folder: Path, name: str = NAME) -> None:
        self.folder = folder
        with explained(folder):
            self._connection = _connect(folder, name)

    def close(self) -> None:
        """Close the connection; the last one to do so tidies the WAL away."""
        self._connection.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read in a block: all of it sees the same moment.

        Raises:
            DataError: The database cannot be read.
        """
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write in a block: all of it or, when it raises, nothing; no other writes meanwhile.

        Raises:
            DataError: The database cannot be written.
        """
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        if self._connection.in_transaction:  # a block inside a block is part of it
            yield self._connection
            return
        with explained(self.folder):
            self._connection.execute(begin)
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def pictures(self, serial: int) -> Path:
        """The folder of a job's pictures."""
        return self.folder / "pictures" / job_id(serial)

    @property
    def workers(self) -> Path:
        """The folder of lock files."""
        return self.folder / "workers"


def data_folder() -> Path:
    """Return $MOLNAR_HOME, or the folder where this system keeps a program's data."""
    if home := os.environ.get("MOLNAR_HOME"):
        return Path(home).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "molnar"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "molnar"
    share = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(share) if Path(share).is_absolute() else Path.home() / ".local" / "share"
    return base / "molnar"


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the file system into one line that says what to do.

    Raises:
        DataError: Instead of them.
    """
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
        raise  # a bug, not a state of the disk
    except sqlite3.OperationalError as error:
        raise DataError(_operational(folder, str(error))) from None
    except sqlite3.DatabaseError as error:
        raise DataError(
            f"{folder / NAME} is damaged ({one_line(error)}); move it away and a new history is "
            f"begun; the pictures stay in {folder / 'pictures'}"
        ) from None
    except OSError as error:
        raise DataError(
            f"the history in {folder} cannot be kept: {one_line(error.strerror or error)}; "
            "make room or give access, name another folder by MOLNAR_HOME, or MOLNAR_HISTORY=off"
        ) from None


def _operational(folder: Path, text: str) -> str:
    where = folder / NAME
    if "locked" in text or "busy" in text:
        return f"{where} is in use by another process ({text}); wait for it to end, then try again"
    if "readonly" in text or "unable to open" in text:
        return (
            f"{where} cannot be written ({text}); give access, name another folder by MOLNAR_HOME, "
            "or MOLNAR_HISTORY=off"
        )
    if "full" in text:
        return f"the disk of {where} is full; make room (`molnar history --prune --older-than 30d`)"
    return (
        f"{where} cannot be used ({one_line(text)}); `molnar history --check` looks at it, and if "
        "it is damaged, move it away: the pictures stay"
    )


def _connect(folder: Path, name: str) -> sqlite3.Connection:
    path: str | Path = name
    new = False
    if name != ":memory:":
        # A folder that was there before keeps its permissions; what we make is for its owner.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for inside in FOLDERS:
            (folder / inside).mkdir(mode=0o700, exist_ok=True)
        path = folder / name
        new = not path.exists()
    # isolation_level None: transactions begin and end where this file says.
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        if new and name != ":memory:":
            Path(path).chmod(0o600)  # before the WAL, which takes over the permissions
        _write_ahead(connection)
        _migrate(connection, folder)
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to WAL, once in a file's life; SQLite does not wait by itself here."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            [mode] = connection.execute("PRAGMA journal_mode").fetchone()
            if mode not in ("wal", "memory"):
                connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _migrate(connection: sqlite3.Connection, folder: Path) -> None:
    if _version(connection, folder) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    # Again, now that nobody else can: another process may have been faster.
    for statements in MIGRATIONS[_version(connection, folder) :]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, folder: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise DataError(
            f"{folder / NAME} has version {version}; expected at most {len(MIGRATIONS)}: it is "
            "from a newer molnar: update, or name another folder by MOLNAR_HOME"
        )
    return version
