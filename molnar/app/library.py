"""The history, read: a reference -> its job or picture; words -> jobs; a job -> its relatives."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from molnar.app import searching
from molnar.app.job import Job, Lineage, Link, Parent, StoredPicture
from molnar.app.jobs_schema import Database
from molnar.app.references import GRID, Reference, job_id, parse, picture_name
from molnar.app.searching import Filter
from molnar.base.errors import DataError, NotThereError, RequestError, one_line

PORTION = 500  # jobs
STATES = ("queued", "running", "done", "failed", "cancelled")
_ANCESTORS = """
    WITH RECURSIVE line (relative, number, role, generations, position) AS (
        SELECT parent, number, role, 1, position FROM parents WHERE job = ?
        UNION
        SELECT up.parent, up.number, up.role, line.generations + 1, up.position
        FROM parents up JOIN line ON up.job = line.relative
    )
    SELECT relative, number, role, min(generations) AS generations, serial IS NOT NULL AS there
    FROM line LEFT JOIN jobs ON serial = relative
    GROUP BY relative, number, role ORDER BY generations, min(position), relative DESC
"""
_CHILDREN = """
    WITH RECURSIVE line (relative, number, role, generations) AS (
        SELECT job, number, role, 1 FROM parents
        WHERE parent = :job AND (:number IS NULL OR number IS NULL OR number = :number)
        UNION
        SELECT down.job, down.number, down.role, line.generations + 1
        FROM parents down JOIN line ON down.parent = line.relative
    )
    SELECT relative, number, role, min(generations) AS generations, 1 AS there
    FROM line GROUP BY relative, number, role ORDER BY generations, relative
"""


class Library:
    """Everything that was made, to be looked up. For one thread of one process.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     database = Database(Path(folder))
        ...     print(Library(database).search("fox"))
        ...     database.close()
        []
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def find(self, text: str) -> Reference:
        """Read a reference to a job or picture that exists.

        Raises:
            RequestError: It is no reference, or there is no such job or picture.
        """
        found = parse(text)
        if found is None:
            raise RequestError(
                f"{one_line(text, 60)!r} is neither a job nor a picture; expected e.g. k7, k7.2 "
                "or k7.grid: `molnar history` lists them"
            )
        with self.database.reading() as rows:
            exists = "SELECT 1 FROM jobs WHERE serial = ?"
            if rows.execute(exists, (found.serial,)).fetchone() is None:
                raise NotThereError(_unknown(rows, found))
            query = "SELECT number FROM pictures WHERE job = ? ORDER BY number"
            numbers = [row[0] for row in rows.execute(query, (found.serial,))]
        if found.number is not None and found.number not in numbers:
            raise NotThereError(_without(found, numbers))
        return found

    def job(self, ref: str) -> Job:
        """Return a job; of a picture's reference, the job it belongs to.

        Raises:
            RequestError: There is no such job.
        """
        with self.database.reading() as rows:
            query = "SELECT * FROM jobs WHERE serial = ?"
            [job] = self._jobs(rows, rows.execute(query, (self.find(ref).serial,)).fetchall())
        return job

    def picture(self, ref: str) -> StoredPicture:
        """Return a picture; a job's reference will do where it has only one.

        Raises:
            RequestError: There is no such picture, or the job has several.
            DataError: Its file is gone.
        """
        with self.database.reading() as rows:
            found = self.one_picture(ref)
            query = "SELECT * FROM pictures WHERE job = ? AND number = ?"
            row = rows.execute(query, (found.serial, found.number)).fetchone()
            job = rows.execute("SELECT * FROM jobs WHERE serial = ?", (found.serial,)).fetchone()
        picture = self._picture(row, job)
        if not picture.path.is_file():
            raise DataError(
                f"the file of {picture.reference} is gone: {picture.path}; "
                f"`molnar again {picture.job}` draws it anew"
            )
        return picture

    def one_picture(self, ref: str) -> Reference:
        """Read a reference that means exactly one picture.

        Raises:
            RequestError: There is no such picture, or the job has several.
        """
        found = self.find(ref)
        if found.number is not None:
            return found
        with self.database.reading() as rows:
            query = "SELECT number FROM pictures WHERE job = ? AND number > 0 ORDER BY number"
            numbers = [row[0] for row in rows.execute(query, (found.serial,))]
        if len(numbers) == 1:
            return Reference(found.serial, numbers[0])
        raise RequestError(_without(found, numbers))

    def search(
        self,
        words: str = "",
        favourites: bool = False,
        verb: str | None = None,
        limit: int = 20,
        offset: int = 0,
        *,
        state: str | None = None,
        before: str | None = None,
    ) -> list[Job]:
        """List jobs, newest first.

        Args:
            words: Beginnings of words of the prompt, all of which must be there.
            favourites: Only jobs with a favourite picture.
            verb: Only jobs of this verb.
            limit: At most so many.
            offset: Leave out the first so many.
            state: Only jobs in this state: "queued", "running", "done", "failed", "cancelled".
            before: Only jobs older than this one, which may be gone since.

        Raises:
            RequestError: There is no such state, or `before` is no reference.
        """
        wanted = Filter(words, favourites, verb, _state(state), _before(before))
        self._bring_index_up_to_date(wanted)
        with self.database.reading() as rows:
            where, values = searching.condition(wanted, searching.is_indexed(rows))
            query = f"SELECT * FROM jobs WHERE {where} ORDER BY serial DESC LIMIT ? OFFSET ?"
            found = rows.execute(query, (*values, max(0, limit), max(0, offset))).fetchall()
            return self._jobs(rows, found)

    def count(
        self,
        words: str = "",
        favourites: bool = False,
        verb: str | None = None,
        *,
        state: str | None = None,
    ) -> int:
        """Count the jobs that `search` would list without a limit.

        Raises:
            RequestError: There is no such state.
        """
        wanted = Filter(words, favourites, verb, _state(state))
        self._bring_index_up_to_date(wanted)
        with self.database.reading() as rows:
            where, values = searching.condition(wanted, searching.is_indexed(rows))
            return int(
                rows.execute(f"SELECT count(*) FROM jobs WHERE {where}", values).fetchone()[0]
            )

    def lineage(self, ref: str) -> Lineage:
        """Return what a job came from, and what came from it, or from that picture of it.

        Raises:
            RequestError: There is no such job or picture.
        """
        with self.database.reading() as rows:
            found = self.find(ref)
            above = rows.execute(_ANCESTORS, (found.serial,)).fetchall()
            below = rows.execute(
                _CHILDREN, {"job": found.serial, "number": found.number}
            ).fetchall()
        return Lineage(_links(above), _links(below))

    def _bring_index_up_to_date(self, wanted: Filter) -> None:
        if not searching.needs_index(wanted.words):
            return
        with self.database.reading() as rows:
            if searching.is_indexed(rows):
                return
        with self.database.writing() as connection:
            searching.update_index(connection)

    def _jobs(self, rows: sqlite3.Connection, found: Sequence[sqlite3.Row]) -> list[Job]:
        # In portions: SQLite takes only so many values at once.
        portions = (found[k : k + PORTION] for k in range(0, len(found), PORTION))
        return [job for portion in portions for job in self._portion(rows, portion)]

    def _portion(self, rows: sqlite3.Connection, found: Sequence[sqlite3.Row]) -> list[Job]:
        marks = ",".join("?" * len(found))
        serials = [job["serial"] for job in found]
        by_job: dict[int, list[sqlite3.Row]] = {serial: [] for serial in serials}
        query = f"SELECT * FROM pictures WHERE job IN ({marks}) ORDER BY job, number"
        for row in rows.execute(query, serials):
            by_job[row["job"]].append(row)
        parents: dict[int, list[Parent]] = {serial: [] for serial in serials}
        query = f"SELECT * FROM parents WHERE job IN ({marks}) ORDER BY job, position"
        for row in rows.execute(query, serials):
            parent = Parent(job_id(row["parent"]), row["number"], row["role"])
            parents[row["job"]].append(parent)
        return [self._job(job, by_job[job["serial"]], parents[job["serial"]]) for job in found]

    def _job(
        self, row: sqlite3.Row, pictures: Sequence[sqlite3.Row], parents: Sequence[Parent]
    ) -> Job:
        same = ("verb", "state", "prompt", "created", "finished", "error", "version")
        kept = [self._picture(picture, row) for picture in pictures]
        return Job(
            id=job_id(row["serial"]),
            **{name: row[name] for name in (*same, "model", "model_hash")},
            request=json.loads(row["request"]),
            extra=json.loads(row["extra"]),
            parents=tuple(parents),
            pictures=tuple(picture for picture in kept if picture.number != GRID),
            grid=next((picture for picture in kept if picture.number == GRID), None),
            attempts=row["attempts"],
            stopping=row["state"] == "running" and bool(row["stopping"]),
        )

    def _picture(self, row: sqlite3.Row, job: sqlite3.Row) -> StoredPicture:
        same = ("number", "seed", "bytes", "sha256", "pixels_sha256", "width", "height")
        return StoredPicture(
            job=job_id(row["job"]),
            **{name: row[name] for name in same},
            path=self.database.folder / row["file"],
            favourite=bool(row["favourite"]),
            record=json.loads(row["record"]),
            request=json.loads(job["request"]),
            prompt=job["prompt"],
            verb=job["verb"],
        )


def _links(rows: Sequence[sqlite3.Row]) -> tuple[Link, ...]:
    return tuple(
        Link(
            job_id(row["relative"]),
            row["number"],
            row["role"],
            row["generations"],
            bool(row["there"]),
        )
        for row in rows
    )


def _state(name: str | None) -> str | None:
    if name is not None and name not in STATES:
        raise RequestError(f"got state {one_line(name, 60)!r}; expected one of {', '.join(STATES)}")
    return name


def _before(text: str | None) -> int | None:
    if text is None:
        return None
    found = parse(text)
    if found is None:
        raise RequestError(f"got before {one_line(text, 60)!r}; expected a job's id, e.g. k7")
    return found.serial


def _unknown(rows: sqlite3.Connection, found: Reference) -> str:
    newest = rows.execute("SELECT max(serial) FROM jobs").fetchone()[0]
    if newest is None:
        return f"no job {found.job!r}: the history is empty; `molnar make PROMPT` begins it"
    if found.serial > newest:
        return f"no job {found.job!r}: the newest is {job_id(newest)}; `molnar history` lists them"
    # Ids are given out without gaps, so it was there once; its neighbours may be what was meant.
    query = "SELECT serial FROM jobs ORDER BY abs(serial - ?), serial LIMIT 2"
    near = sorted(row[0] for row in rows.execute(query, (found.serial,)))
    ids = " and ".join(job_id(serial) for serial in near)
    return f"no job {found.job!r} any more: near it are {ids}; `molnar history` lists them"


def _without(found: Reference, numbers: Sequence[int]) -> str:
    singles = [number for number in numbers if number != GRID]
    what = "a grid" if found.number == GRID else f"a picture {found.number}"
    if not singles:
        return f"{found.job} has no pictures; `molnar show {found.job}` tells why"
    have = f"{len(singles)} picture{'s' if len(singles) > 1 else ''}"
    names = [picture_name(found.job, number) for number in singles]
    span = f"{names[0]} to {names[-1]}" if len(names) > 2 else " and ".join(names)
    if found.number is None:
        return f"{found.job} has {have}; say which: {span}"
    return f"{found.job} has {have}, not {what}; expected {span}"
