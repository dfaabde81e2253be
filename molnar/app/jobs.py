"""Every job and every picture that was made, shared by the command line, the server and the studio.

    with Store.open() as store:
        job = store.begin("make", request, prompt)                  # has its id, is running
        store.finish(job.id, [NewPicture.of(p) for p in pictures])  # has its pictures, is done

Rows are in SQLite (`jobs_schema.py`), files in `pictures/<job>/<number>.png` beside it: copies of
the user's files, not links, for a link would change along with them. Files and rows never disagree,
whenever a process is killed (`upkeep.py`). A store is for one thread of one process: open another
one in a thread, and after a fork; any number of them may be open at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molnar.app import inputs, upkeep
from molnar.app.job import Job, Lineage, Link, NewPicture, Parent, StoredPicture
from molnar.app.jobs_schema import Database, data_folder, explained
from molnar.app.library import Library
from molnar.app.queue import Queue, Queued, QueueFull
from molnar.app.recording import insert_job, insert_pictures, writable
from molnar.app.references import GRID, Reference, is_reference
from molnar.app.upkeep import Checked, Freed
from molnar.base.errors import RequestError, one_line
from molnar.base.files import sync_folder, write_bytes
from molnar.base.version import VERSION

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Checked",
    "Freed",
    "Job",
    "Lineage",
    "Link",
    "NewPicture",
    "Parent",
    "QueueFull",
    "Queued",
    "Store",
    "StoredPicture",
    "data_folder",
    "is_reference",
]

SWITCH = "MOLNAR_HISTORY"
OFF = ("off", "0", "no", "false")


class Store(Queue):
    """The history, open for reading and writing."""

    enabled = True

    @classmethod
    def open(cls, folder: Path | None = None) -> Store:
        """Open the history; jobs whose process died are settled, as `recover` does.

        Args:
            folder: Where it is; the user's data folder if absent.

        Returns:
            The store; with MOLNAR_HISTORY=off one that is empty and keeps nothing.

        Raises:
            DataError: It cannot be read or written, is damaged, or from a newer molnar.
        """
        where = data_folder() if folder is None else folder
        if os.environ.get(SWITCH, "").lower() in OFF:
            return NoStore(Database(where, ":memory:"))
        database = Database(where)
        try:
            upkeep.recover(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close; jobs of this store that are still running count as interrupted."""
        self.database.close()
        self._retire()

    def begin(
        self,
        verb: str,
        request: Mapping[str, Any],
        prompt: str,
        parents: Sequence[Parent] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> Job:
        """Record a job that starts now.

        Inputs whose sha256 stands anywhere in `request` or `extra` are kept as long as the job is.

        Args:
            verb: "make", "vary", "upscale", ...
            request: Resolved, as JSON.
            prompt: What `search` looks in.
            parents: Jobs or pictures it starts from.
            extra: The verb's own arguments, as JSON.

        Raises:
            RequestError: A parent is unknown.
            DataError: The history cannot be written.
        """
        documents = {"request": request, "extra": extra or {}}
        with self.database.writing() as connection:
            lineage = [(self.find(parent.reference), parent.role) for parent in parents]
            job = {"verb": verb, "prompt": writable(prompt), "state": "running", "attempts": 1}
            row = {**job, "worker": self._worker_name()}
            found = insert_job(connection, self.database, row, documents, lineage)
            return self.job(found.job)

    def finish(self, job_id: str, pictures: Sequence[NewPicture], grid: bytes | None = None) -> Job:
        """Record that a job is done; its pictures are on the disk before the first row is.

        Args:
            job_id: A running job.
            pictures: In reading order; they are numbered from 1.
            grid: The PNG that shows them all, number 0.

        Raises:
            RequestError: The job is unknown or not running.
            DataError: A picture is no PNG, or the history cannot be written.
        """
        new = dict(enumerate(pictures, 1)) | ({GRID: NewPicture(grid)} if grid else {})
        return self._kept(job_id, new, "done")

    def stopped(self, ref: str, pictures: Mapping[int, NewPicture] | None = None) -> Job:
        """Record that a running job was stopped on request, with the pictures it had by then.

        Args:
            ref: A running job.
            pictures: By their numbers in the job.

        Raises:
            RequestError: The job is not this store's to end.
            DataError: A picture is no PNG, or the history cannot be written.
        """
        return self._kept(ref, pictures, "cancelled") if pictures else super().stopped(ref)

    def _kept(self, job_id: str, new: Mapping[int, NewPicture], state: str) -> Job:
        found = Reference(self._running(job_id)["serial"])
        folder = self.database.pictures(found.serial)
        for picture in new.values():
            picture.size()  # refuses what is no PNG
        with explained(self.database.folder):
            for number, picture in new.items():
                write_bytes(folder / f"{number}.png", picture.png, force=True)
            sync_folder(folder.parent)
        with self.database.writing() as connection:
            self._running(job_id)
            for number, picture in new.items():
                if not (folder / f"{number}.png").is_file():  # the job was taken for interrupted
                    write_bytes(folder / f"{number}.png", picture.png, force=True)
            insert_pictures(connection, found, new, state)
            return self.job(job_id)

    def fail(self, job_id: str, line: str) -> Job:
        """Record that a running job failed, and why.

        Raises:
            RequestError: The job is unknown or not running.
            DataError: The history cannot be written.
        """
        return self._end(job_id, "failed", one_line(line))

    def fav(self, ref: str, on: bool = True) -> StoredPicture:
        """Mark a picture as a favourite, or no longer.

        Raises:
            RequestError: There is no such picture, or the job has several.
        """
        with self.database.writing() as connection:
            found = self.one_picture(ref)
            query = "UPDATE pictures SET favourite = ? WHERE job = ? AND number = ?"
            connection.execute(query, (on, found.serial, found.number))
            return self.picture(str(found))

    def delete(self, ref: str) -> Freed:
        """Remove a job with all its pictures, or one picture; what came out of it stays.

        Raises:
            RequestError: There is no such job or picture, or it is not finished.
        """
        with self.database.writing() as connection:
            found = self.find(ref)
            upkeep.discard(connection, found)
        return Freed(jobs=int(found.number is None)) + upkeep.empty_trash(self.database)

    def prune(
        self,
        older_than: timedelta | None = None,
        keep: int | None = None,
        keep_favourites: bool = True,
    ) -> Freed:
        """Remove jobs that are older than a span and not among the newest; say what that freed.

        Inputs that no job needs any more go too. Without `older_than` and `keep`, only they do.

        Args:
            older_than: Younger jobs stay.
            keep: The newest so many stay.
            keep_favourites: Jobs with a favourite picture stay.
        """
        return upkeep.prune(self.database, older_than, keep, keep_favourites)

    def check(self, deep: bool = True) -> Checked:
        """Compare rows and files, by sha256 or, not deep, by size; remove what crashes left."""
        return upkeep.check(self.database, deep)

    def put_input(self, pixels: NDArray[np.uint8]) -> str:
        """Keep a picture that a job starts from, uint8 H W C; return the sha256 of its pixels.

        It stays for an hour, and then as long as a job mentions it.

        Raises:
            DataError: It is no such picture, or cannot be kept.
        """
        return inputs.put_input(self.database, pixels)

    def get_input(self, sha: str) -> NDArray[np.uint8]:
        """Return the pixels, uint8 H W C, of an input or of any job's picture.

        Raises:
            RequestError: This is no sha256, or no picture with these pixels is kept.
            DataError: Its file is gone or damaged.
        """
        return inputs.get_input(self.database, sha)


class NoStore(Store):
    """A history that is switched off: always empty, and nothing is kept."""

    enabled = False

    def find(self, text: str) -> Reference:
        """Find nothing.

        Raises:
            RequestError: Always.
        """
        raise RequestError(
            f"no job {one_line(text, 60)!r}: the history is off; unset {SWITCH} to have one"
        )

    def begin(
        self,
        verb: str,
        request: Mapping[str, Any],
        prompt: str,
        parents: Sequence[Parent] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> Job:
        """Return a job without an id."""
        return Job(
            id="",
            verb=verb,
            state="running",
            prompt=prompt,
            request=request,
            extra=extra or {},
            created=inputs.now(),
            version=VERSION,
            parents=tuple(parents),
        )

    def enqueue(
        self,
        orders: Sequence[Queued],
        key: str | None = None,
        most: int = 100,
        asked: str | None = None,
    ) -> list[Job]:
        """Queue nothing.

        Raises:
            RequestError: Always.
        """
        raise RequestError(f"the history is off, and the queue is in it; unset {SWITCH}")

    def finish(self, job_id: str, pictures: Sequence[NewPicture], grid: bytes | None = None) -> Job:
        """Keep nothing."""
        return self._ended("done", None)

    def fail(self, job_id: str, line: str) -> Job:
        """Keep nothing."""
        return self._ended("failed", one_line(line))

    def prune(
        self,
        older_than: timedelta | None = None,
        keep: int | None = None,
        keep_favourites: bool = True,
    ) -> Freed:
        """Remove nothing."""
        return Freed()

    def check(self, deep: bool = True) -> Checked:
        """Find nothing wrong."""
        return Checked((), (), Freed())

    def put_input(self, pixels: NDArray[np.uint8]) -> str:
        """Keep nothing, and return the sha256 of the pixels."""
        from molnar.base.request import pixels_sha256

        return pixels_sha256(pixels)

    def _ended(self, state: str, error: str | None) -> Job:
        return Job(
            id="",
            verb="",
            state=state,
            prompt="",
            request={},
            extra={},
            created=inputs.now(),
            error=error,
        )


class ReadStore(NoStore):
    """The history as it is, in which this run is not kept."""

    def find(self, text: str) -> Reference:
        """Find what is there."""
        return Library.find(self, text)
