"""Jobs that wait to be drawn: rows in state 'queued', in the same tables as everything else.

    jobs = store.enqueue([Queued(verb="make", prompt="a fox", order={...})], most=100)  # anybody
    job = store.claim()                                            # a worker: the oldest, if any
    store.resolved(job.id, request, prompt, extra)                 # what it turned out to be
    store.finish(job.id, pictures)                                 # or fail, stopped, release

The order of the queue is the order of creation, always: a job that goes back to the queue keeps
its place. A job belongs to the store that claimed it: nobody else may say how it ended, so that a
worker that was taken for dead cannot end a job that another one draws by now. What dead workers
left running is settled by `upkeep.recover`.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from molnar.app import inputs, upkeep
from molnar.app.alive import Worker
from molnar.app.blame import INTERRUPTED
from molnar.app.job import Job, Parent
from molnar.app.jobs_schema import OPEN, Database
from molnar.app.recording import insert_job, insert_parents, keep_inputs, rewrite_job, writable
from molnar.app.references import Reference, job_id
from molnar.app.waiting import Waiting
from molnar.base.errors import MolnarError, RequestError, one_line

MAX_KEY = 255  # characters of an idempotency key


class QueueFull(MolnarError):  # noqa: N818 - a state of the queue that passes, no error of anybody
    """More jobs wait than may.

    Example:
        >>> str(QueueFull(2, 99, 100))
        'got 2 more jobs while 99 wait; expected at most 100 waiting: try again when some are drawn'
    """

    def __init__(self, more: int, waiting: int, most: int) -> None:
        super().__init__(
            f"got {more} more job{'s' if more > 1 else ''} while {waiting} wait; expected at most "
            f"{most} waiting: try again when some are drawn"
        )
        self.waiting = waiting
        self.most = most


@dataclass(frozen=True, kw_only=True)
class Queued:
    """A job to be queued.

    Example:
        >>> Queued(verb="make", prompt="a fox", order={"verb": "make"}).parents
        ()
    """

    verb: str
    prompt: str  # what `search` looks in until the worker knows better
    order: Mapping[str, Any]  # JSON: what is to be drawn, kept in the job's `extra`
    parents: Sequence[Parent] = ()
    inputs: Sequence[str] = ()  # kept as long as the job, beside those that `order` names


class Queue(Waiting):
    """The history with its queue. For one thread of one process."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._worker: Worker | None = None
        self._lent = False  # the worker is another store's

    def enqueue(
        self,
        orders: Sequence[Queued],
        key: str | None = None,
        most: int = 100,
        asked: str | None = None,
    ) -> list[Job]:
        """Queue jobs, all of them or none; under the same key, once.

        Args:
            orders: At least one.
            key: The caller's own name for this request; whoever repeats it gets the jobs that were
                made the first time, as far as they are still there.
            most: So many jobs may wait.
            asked: What the key stands for, e.g. the body of a request. Compared instead of the
                orders, which differ from one time to the next where seeds are drawn at random.

        Raises:
            RequestError: There are no orders, a parent is unknown, or the key is no key or was
                used for something else.
            QueueFull: More would wait than may.
            DataError: The history cannot be written.
        """
        if not orders:
            raise RequestError("got no jobs to queue; expected one or more")
        digest = _digest(orders, asked)
        with self.database.writing() as connection:
            if key is not None and (known := self._keyed(connection, key, digest)):
                return known
            waiting = self.waiting()
            if waiting + len(orders) > most:
                raise QueueFull(len(orders), waiting, most)
            first = self._insert(connection, orders[0])
            connection.execute(
                "UPDATE jobs SET batch = serial, idempotency_key = ?, asked = ? WHERE serial = ?",
                (key, None if key is None else digest, first),
            )
            for order in orders[1:]:
                self._insert(connection, order, first)
            return self._where(connection, "batch = ?", first)

    def keyed(self, key: str, asked: str | None = None) -> list[Job]:
        """Return the jobs that were queued under a key, as far as they are still there.

        Args:
            key: As given to `enqueue`.
            asked: If given, what the key must stand for.

        Raises:
            RequestError: The key is no key or stands for something else.
        """
        with self.database.reading() as rows:
            return self._keyed(rows, key, None if asked is None else _digest((), asked))

    def claim(self, most: int | None = None) -> Job | None:
        """Take the oldest job that waits: it is running from now on, and this store's to end.

        A job whose worker ended is drawn alone from then on, so that it takes no others along if
        it ended it, and is blamed for no other's doing if it did not: it is taken only while this
        store runs nothing, and nothing beside it.

        Args:
            most: So many jobs of this store may run at once.

        Returns:
            The job; None if there is nothing to draw now. Ask again when jobs come or end.

        Raises:
            DataError: The history cannot be written.
        """
        if not self.waiting():  # without the writer's lock, for this is asked often
            return None
        with self.database.writing() as connection:
            query = (
                f"SELECT serial, attempts FROM jobs WHERE state = 'queued' AND {OPEN} "
                "ORDER BY serial LIMIT 1"
            )
            oldest = connection.execute(query).fetchone()
            name = self._worker_name()
            query = f"SELECT attempts FROM jobs WHERE state = 'running' AND {OPEN} AND worker = ?"
            running = [row["attempts"] for row in connection.execute(query, (name,))]
            if oldest is None or (most is not None and len(running) >= most):
                return None
            if running and (oldest["attempts"] > 0 or max(running) > 1):
                return None
            connection.execute(
                "UPDATE jobs SET state = 'running', worker = ?, attempts = attempts + 1 "
                "WHERE serial = ?",
                (name, oldest["serial"]),
            )
            return self.job(job_id(oldest["serial"]))

    def lend(self, other: Queue) -> None:
        """Let another store, new and for another thread, end the jobs that this one claimed.

        May be called in that thread. Jobs count as interrupted when this store closes, not when
        the other does; before this one has claimed a job there is nothing to lend.
        """
        if self._worker is not None and other._worker is None:
            other._worker, other._lent = self._worker, True

    def resolved(
        self,
        ref: str,
        request: Mapping[str, Any],
        prompt: str,
        extra: Mapping[str, Any] | None = None,
        parents: Sequence[Parent] = (),
    ) -> Job:
        """Record what a claimed job turned out to be; its order is kept beside it.

        Args:
            ref: A job that this store claimed.
            request: Resolved, as JSON.
            prompt: What `search` looks in.
            extra: The verb's own arguments, as JSON.
            parents: What it starts from, where more is known now than when it was queued.

        Raises:
            RequestError: The job is not this store's to draw, or a parent is unknown.
            DataError: The history cannot be written.
        """
        with self.database.writing() as connection:
            row = self._running(ref)
            order = {"order": json.loads(row["extra"]).get("order")} if row["batch"] else {}
            documents = {"request": request, "extra": {**(extra or {}), **order}}
            rewrite_job(connection, row["serial"], prompt, documents)
            if parents and tuple(parents) != self.job(ref).parents:
                lineage = [(self.find(parent.reference), parent.role) for parent in parents]
                insert_parents(connection, row["serial"], lineage)
            return self.job(ref)

    def stopped(self, ref: str) -> Job:
        """Record that a running job was stopped on request: it is cancelled.

        Raises:
            RequestError: The job is not this store's to end.
            DataError: The history cannot be written.
        """
        return self._end(ref, "cancelled")

    def release(self, ref: str) -> Job:
        """Give a running job back to the queue, at its old place, as if it had not been claimed.

        For a worker that shuts down in an orderly way; a job that is wanted to stop is cancelled.

        Raises:
            RequestError: The job is not this store's to end, or was never in the queue.
            DataError: The history cannot be written.
        """
        with self.database.writing() as connection:
            row = self._running(ref)
            if row["batch"] is None:
                raise RequestError(f"job {job_id(row['serial'])} did not come from the queue")
            query = "UPDATE jobs SET attempts = max(0, attempts - 1) WHERE serial = ?"
            connection.execute(query, (row["serial"],))
            return self._end(ref, "cancelled" if row["stopping"] else "queued")

    def cancel(self, ref: str, forget: bool = False) -> Job:
        """Cancel a job that waits; tell one that runs to stop; leave one that has ended.

        Args:
            ref: The job.
            forget: Its idempotency key, and so that of all that were queued with it, names nothing
                any more: whoever comes back with it has not got what was asked for.

        Raises:
            RequestError: There is no such job.
            DataError: The history cannot be written.
        """
        with self.database.writing() as connection:
            serial = self.find(ref).serial
            query = "UPDATE jobs SET stopping = 1 WHERE serial = ? AND state = 'running'"
            connection.execute(query, (serial,))
            connection.execute(
                "UPDATE jobs SET state = 'cancelled', finished = ? "
                "WHERE serial = ? AND state = 'queued'",
                (inputs.now(), serial),
            )
            if forget:
                query = (
                    "UPDATE jobs SET idempotency_key = NULL "
                    "WHERE serial = (SELECT batch FROM jobs WHERE serial = ?)"
                )
                connection.execute(query, (serial,))
            return self.job(ref)

    def recover(self, blame: bool = True) -> list[Job]:
        """Settle what dead processes left running; return the jobs whose state that changed.

        A job that came from the queue goes back to it, at its old place; when it was drawn alone
        and that for the second time, it has failed. Jobs that were wanted to stop are cancelled;
        those of `begin` have failed.

        Args:
            blame: Count it against a job that was drawn alone. False where more than the worker
                ended, or nobody knows what ended it.
        """
        serials = upkeep.recover(self.database, blame)
        with self.database.reading() as rows:
            return self._where(rows, "serial IN (SELECT value FROM json_each(?))", str(serials))

    def _insert(
        self, connection: sqlite3.Connection, order: Queued, batch: int | None = None
    ) -> int:
        lineage = [(self.find(parent.reference), parent.role) for parent in order.parents]
        job = {"verb": order.verb, "prompt": writable(order.prompt), "state": "queued"}
        documents = {"request": {}, "extra": {"order": dict(order.order)}}
        row = {**job, "attempts": 0, "batch": batch}
        serial = insert_job(connection, self.database, row, documents, lineage).serial
        keep_inputs(connection, serial, order.inputs)
        return serial

    def _keyed(self, rows: sqlite3.Connection, key: str, digest: str | None) -> list[Job]:
        """The jobs that were queued under a key: [] if none were, or the first is gone."""
        if not 0 < len(key) <= MAX_KEY or not key.isprintable():
            raise RequestError(
                f"got {one_line(key, 60)!r} as an idempotency key; expected 1 to {MAX_KEY} "
                "printable characters"
            )
        query = "SELECT serial, asked FROM jobs WHERE idempotency_key = ?"
        first = rows.execute(query, (key,)).fetchone()
        if first is None:
            return []
        if digest not in (None, first["asked"]):
            raise RequestError(
                f"the idempotency key {one_line(key, 60)!r} was used for another request (job "
                f"{job_id(first['serial'])}); expected the same request again: take a new key"
            )
        return self._where(rows, "batch = ?", first["serial"])

    def _running(self, ref: str) -> sqlite3.Row:
        """The row of a job that this store may end."""
        with self.database.reading() as rows:
            found = Reference(self.find(ref).serial)
            query = "SELECT * FROM jobs WHERE serial = ?"
            row: sqlite3.Row = rows.execute(query, (found.serial,)).fetchone()
        mine = self._worker is not None and row["worker"] == self._worker.name
        if row["state"] == "running" and (mine or row["batch"] is None):
            return row
        if row["error"] == INTERRUPTED and mine:  # it was taken for dead
            return row
        if row["state"] == "running":
            raise RequestError(
                f"job {found} is drawn by another process; expected one claimed here"
            )
        raise RequestError(f"job {found} is {row['state']}; expected a running one: begin anew")

    def _end(self, ref: str, state: str, error: str | None = None) -> Job:
        with self.database.writing() as connection:
            upkeep.end(connection, self.database, self._running(ref)["serial"], state, error)
            return self.job(ref)

    def _worker_name(self) -> str:
        """The name under which this store runs jobs; in a write, or it might be taken for dead."""
        if self._worker is None:
            self._worker = Worker(self.database.workers)
        return self._worker.name

    def _retire(self) -> None:
        if self._worker is not None and not self._lent:
            self._worker.close()
        self._worker, self._lent = None, False


def _digest(orders: Sequence[Queued], asked: str | None) -> str:
    """The sha256 of what a key stands for."""
    every = [[order.verb, dict(order.order)] for order in orders]
    text = json.dumps(every, sort_keys=True) if asked is None else asked
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
