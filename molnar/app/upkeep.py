"""The history, kept in order: rows and files never disagree, and what is not needed goes.

A file is written before the row that names it, and a row goes before its file: it leaves an entry
in the table `trash`, which is emptied afterwards, now or, after a crash, by who comes next. Files
go only while the writer's lock is held, under which a writer looks once more whether its files are
still there. What the history knows nothing about (the files of a database that was moved away) is
never touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from molnar.app import searching
from molnar.app.alive import alive, bury
from molnar.app.blame import settled
from molnar.app.inputs import now
from molnar.app.jobs_schema import OPEN, Database
from molnar.app.references import Reference, job_id, parse
from molnar.base.errors import RequestError
from molnar.base.files import sync_folder

GRACE = timedelta(hours=1)  # between putting an input and beginning the job that needs it
_FREE = f"NOT {OPEN}"


@dataclass(frozen=True)
class Freed:
    """What was removed.

    Example:
        >>> Freed(jobs=1, files=2, bytes=300) + Freed(files=1, bytes=20)
        Freed(jobs=1, files=3, bytes=320)
    """

    jobs: int = 0
    files: int = 0
    bytes: int = 0

    def __add__(self, other: Freed) -> Freed:
        return Freed(self.jobs + other.jobs, self.files + other.files, self.bytes + other.bytes)


@dataclass(frozen=True)
class Checked:
    """What a check found."""

    problems: tuple[str, ...]  # rows and files that disagree; empty is well
    notes: tuple[str, ...]  # files that the history knows nothing about
    freed: Freed  # what interrupted runs had left behind


def recover(database: Database, blame: bool = False) -> list[int]:
    """Finish what dead processes left unfinished; costs next to nothing where there is nothing.

    A job that came from the queue goes back to it, at its old place, unless it has ended the worker
    too often; others have failed. Those that were wanted to stop are cancelled.

    A job is blamed for the end of a worker that drew nothing beside it. Of several none is: they
    are drawn alone from then on (`Queue.claim`), and the next end tells whose it was.

    Args:
        database: What to look at.
        blame: The worker ended by itself. False: it may have ended with all else, by a power cut.

    Returns:
        The serial numbers of the jobs whose state changed.
    """
    serials: list[int] = []
    with database.reading() as rows:
        trash = rows.execute("SELECT 1 FROM trash LIMIT 1").fetchone() is not None
        dead = _dead(rows, database)
    if dead:
        with database.writing() as connection:
            dead = _dead(connection, database)
            beside = Counter(row["worker"] for row in dead)
            for row in dead:
                deaths = row["deaths"] + int(blame and beside[row["worker"]] == 1)
                query = "UPDATE jobs SET deaths = ? WHERE serial = ?"
                connection.execute(query, (deaths, row["serial"]))
                end(connection, database, row["serial"], *settled(row, deaths))
                serials.append(row["serial"])
            bury(database.workers)
    if trash:
        empty_trash(database)
    return serials


def end(
    connection: sqlite3.Connection,
    database: Database,
    serial: int,
    state: str,
    error: str | None = None,
) -> None:
    """Let a job be running no longer, without pictures; to be called in a write.

    Args:
        connection: In a write.
        database: Where the job is kept.
        serial: A job that is running.
        state: "queued", "failed" or "cancelled".
        error: Why it failed, in one line.
    """
    waits = state == "queued"  # nobody's, so that whoever had it cannot end it any more
    connection.execute(
        "UPDATE jobs SET state = ?, error = ?, finished = ?, "
        "worker = CASE WHEN ? THEN NULL ELSE worker END WHERE serial = ?",
        (state, error, None if waits else now(), waits, serial),
    )
    remove_leftovers(connection, database, serial)


def discard(connection: sqlite3.Connection, found: Reference) -> None:
    """Remove a job that is there, or one picture of it; its files go with the trash. In a write.

    Raises:
        RequestError: The job is not finished.
    """
    query = f"SELECT 1 FROM jobs WHERE serial = ? AND {OPEN}"
    if connection.execute(query, (found.serial,)).fetchone():
        raise RequestError(f"{found.job} is not finished; wait for it, or stop it first")
    if found.number is None:
        _discard(connection, [found.serial])
        return
    where, values = "WHERE job = ? AND number = ?", (found.serial, found.number)
    connection.execute(
        f"INSERT OR REPLACE INTO trash SELECT file, bytes FROM pictures {where}", values
    )
    connection.execute(f"DELETE FROM pictures {where}", values)


def prune(
    database: Database, older_than: timedelta | None, keep: int | None, keep_favourites: bool
) -> Freed:
    """Remove old jobs, inputs that no job needs any more, and what interrupted runs left.

    Args:
        database: What to prune.
        older_than: Jobs younger than this stay.
        keep: The newest so many stay.
        keep_favourites: Jobs with a favourite picture stay.
    """
    terms, values = [_FREE], list[object]()
    if older_than is not None:
        terms.append("created < ?")
        values.append(_ago(older_than))
    if keep is not None:
        terms.append("serial NOT IN (SELECT serial FROM jobs ORDER BY serial DESC LIMIT ?)")
        values.append(max(0, keep))
    if keep_favourites:
        terms.append("serial NOT IN (SELECT job FROM pictures WHERE favourite)")
    serials: list[int] = []
    with database.writing() as connection:
        if older_than is not None or keep is not None:
            query = f"SELECT serial FROM jobs WHERE {' AND '.join(terms)}"
            serials = [row[0] for row in connection.execute(query, values)]
            _discard(connection, serials)
        unneeded = (
            "FROM inputs WHERE used < ? AND pixels_sha256 NOT IN "
            "(SELECT pixels_sha256 FROM job_inputs)"
        )
        since = _ago(GRACE)
        connection.execute(f"INSERT OR REPLACE INTO trash SELECT file, bytes {unneeded}", (since,))
        connection.execute(f"DELETE {unneeded}", (since,))
    return Freed(jobs=len(serials)) + empty_trash(database) + tidy(database)


def check(database: Database, deep: bool) -> Checked:
    """Compare rows and files, and remove what interrupted runs left behind.

    Args:
        database: What to look at.
        deep: Read every file and compare its sha256; otherwise its size alone.
    """
    recover(database)
    with database.reading() as rows:
        lines = [row[0] for row in rows.execute("PRAGMA integrity_check")]
        problems = [f"database: {line}" for line in lines if line != "ok"]
        broken = rows.execute("PRAGMA foreign_key_check").fetchall()
        problems += [f"database: a row of {row[0]} points nowhere" for row in broken]
        for table in ("pictures", "inputs"):
            # One moment for rows and files alike: files go only after their rows have.
            for row in rows.execute(f"SELECT file, bytes, sha256 FROM {table}").fetchall():
                wrong = _wrong(database.folder / row["file"], row["bytes"], row["sha256"], deep)
                if wrong:
                    problems.append(f"{row['file']} {wrong}")
    gone = _gone_since(database, problems)
    problems = [problem for problem in problems if problem.partition(" ")[0] not in gone]
    return Checked(tuple(problems), tuple(_strangers(database)), tidy(database))


def tidy(database: Database) -> Freed:
    """Remove the files that interrupted runs left in the folders of finished jobs."""
    freed = Freed()
    with database.writing() as connection:
        for folder in _folders(database.folder / "pictures"):
            serial = _serial(folder)
            query = f"SELECT 1 FROM jobs WHERE serial = ? AND {_FREE}"
            if serial and connection.execute(query, (serial,)).fetchone():
                freed += remove_leftovers(connection, database, serial)
        for path in (database.folder / "inputs").glob("*/.molnar-*.part"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > GRACE.total_seconds():
                    freed += _unlink(path)
        bury(database.workers)
    return freed


def remove_leftovers(connection: sqlite3.Connection, database: Database, serial: int) -> Freed:
    """Remove the files in a job's folder that no row names; to be called in a write."""
    folder, freed = database.pictures(serial), Freed()
    if not folder.is_dir():
        return freed
    query = "SELECT file FROM pictures WHERE job = ?"
    named = {row[0].rpartition("/")[2] for row in connection.execute(query, (serial,))}
    for path in folder.iterdir():
        if path.name not in named and path.is_file():
            freed += _unlink(path)
    if not named:
        with contextlib.suppress(OSError):
            folder.rmdir()
    return freed


def empty_trash(database: Database) -> Freed:
    """Remove the files whose rows are gone; what cannot be removed now stays listed."""
    freed = Freed()
    with database.writing() as connection:
        for row in connection.execute("SELECT file FROM trash").fetchall():
            path = database.folder / row["file"]
            try:
                freed += _unlink(path)
            except OSError:
                continue
            connection.execute("DELETE FROM trash WHERE file = ?", (row["file"],))
            with contextlib.suppress(OSError):
                path.parent.rmdir()  # only an empty one goes
        # The names must be off the disk before the list is.
        sync_folder(database.folder / "pictures")
        sync_folder(database.folder / "inputs")
    return freed


def _dead(rows: sqlite3.Connection, database: Database) -> list[sqlite3.Row]:
    """The jobs that were running when their process ended."""
    query = (
        "SELECT serial, worker, attempts, deaths, batch, stopping FROM jobs "
        f"WHERE state = 'running' AND {OPEN}"
    )
    found = rows.execute(query).fetchall()
    living = {name: alive(database.workers, name) for name in {row["worker"] for row in found}}
    return [row for row in found if not living[row["worker"]]]


def _discard(connection: sqlite3.Connection, serials: Iterable[int]) -> None:
    for serial in serials:
        connection.execute(
            "INSERT OR REPLACE INTO trash SELECT file, bytes FROM pictures WHERE job = ?",
            (serial,),
        )
        connection.execute("DELETE FROM jobs WHERE serial = ?", (serial,))
    searching.forget(connection)


def _unlink(path: Path) -> Freed:
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return Freed()
    return Freed(files=1, bytes=size)


def _wrong(path: Path, size: int, sha: str, deep: bool) -> str | None:
    try:
        found = path.stat().st_size
        if found != size:
            return f"has {found} bytes; expected {size}"
        if deep and hashlib.sha256(path.read_bytes()).hexdigest() != sha:
            return "was altered: its sha256 is another"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _gone_since(database: Database, problems: Iterable[str]) -> set[str]:
    """Of the files with problems, those that no row names any more: removed during the check."""
    gone = set()
    with database.reading() as rows:
        for file in {problem.partition(" ")[0] for problem in problems}:
            named = (
                rows.execute(f"SELECT 1 FROM {table} WHERE file = ?", (file,)).fetchone()
                for table in ("pictures", "inputs")
            )
            if "/" in file and not any(named):
                gone.add(file)
    return gone


def _strangers(database: Database) -> Iterator[str]:
    # Files first, then rows: what is being added meanwhile is no stranger.
    folders = [path for path in _folders(database.folder / "pictures") if any(path.iterdir())]
    files = sorted((database.folder / "inputs").glob("*/*.png"))
    with database.reading() as rows:
        jobs = {job_id(row[0]) for row in rows.execute("SELECT serial FROM jobs")}
        query = "SELECT file FROM inputs UNION ALL SELECT file FROM trash"
        known = {row[0] for row in rows.execute(query)}
    names = [f"pictures/{path.name}" for path in folders if path.name not in jobs]
    named = [path.relative_to(database.folder).as_posix() for path in files]
    for name in (*names, *(file for file in named if file not in known)):
        yield f"{name} belongs to no job of this history; kept"


def _folders(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.iterdir() if path.is_dir())


def _serial(folder: Path) -> int | None:
    found = parse(folder.name)
    return found.serial if found is not None and found.job == folder.name else None


def _ago(span: timedelta) -> str:
    return (datetime.now(timezone.utc) - span).isoformat(timespec="microseconds")
