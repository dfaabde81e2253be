"""What waits to be drawn and what is being drawn, looked up."""

from __future__ import annotations

import sqlite3

from molnar.app.job import Job
from molnar.app.jobs_schema import OPEN
from molnar.app.library import Library
from molnar.app.references import job_id


class Waiting(Library):
    """The history with a view of its queue. For one thread of one process."""

    def waiting(self) -> int:
        """Count the jobs that wait."""
        with self.database.reading() as rows:
            query = f"SELECT count(*) FROM jobs WHERE state = 'queued' AND {OPEN}"
            return int(rows.execute(query).fetchone()[0])

    def position(self, ref: str) -> int:
        """Return a job's place in the queue: 1 is next, 0 is none.

        Raises:
            RequestError: There is no such job.
        """
        with self.database.reading() as rows:
            serial = self.find(ref).serial
            query = (
                "SELECT coalesce(max(serial) = :serial, 0) * count(*) FROM jobs "
                f"WHERE state = 'queued' AND {OPEN} AND serial <= :serial"
            )
            return int(rows.execute(query, {"serial": serial}).fetchone()[0])

    def stopping(self) -> list[str]:
        """Return the ids of the jobs that run and are wanted to stop."""
        with self.database.reading() as rows:
            query = f"SELECT serial FROM jobs WHERE state = 'running' AND {OPEN} AND stopping"
            return [job_id(row[0]) for row in rows.execute(f"{query} ORDER BY serial")]

    def open_jobs(self) -> list[Job]:
        """Return the jobs that wait or run, oldest first."""
        with self.database.reading() as rows:
            return self._where(rows, OPEN)

    def _where(self, rows: sqlite3.Connection, condition: str, *values: object) -> list[Job]:
        query = f"SELECT * FROM jobs WHERE {condition} ORDER BY serial"
        return self._jobs(rows, rows.execute(query, values).fetchall())
