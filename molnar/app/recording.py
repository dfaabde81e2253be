"""The rows of a job, written: when it begins or is queued, when more is known, when it is done."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from molnar.app import inputs, searching
from molnar.app.job import NewPicture
from molnar.app.jobs_schema import Database
from molnar.app.references import GRID, Reference
from molnar.base.version import VERSION


def insert_job(
    connection: sqlite3.Connection,
    database: Database,
    job: Mapping[str, object],
    documents: Mapping[str, Mapping[str, Any]],
    parents: Sequence[tuple[Reference, str]],
) -> Reference:
    """Write a job under the next id; to be called in a write.

    Args:
        connection: In a write.
        database: Where the job is kept.
        job: Columns: its `verb`, `state`, `attempts`, `worker`, ...; its `prompt` as `writable`.
        documents: Its `request` and `extra`, as JSON.
        parents: What it starts from, each with its role.
    """
    texts = {name: as_json(value) for name, value in documents.items()}
    serial, created = _next(connection, database)
    made = {"serial": serial, "created": created, "version": VERSION, "model": "", "model_hash": ""}
    row = {**made, **job, **texts}
    values = ", ".join(f":{name}" for name in row)
    connection.execute(f"INSERT INTO jobs ({', '.join(row)}) VALUES ({values})", row)
    insert_parents(connection, serial, parents)
    keep_inputs(connection, serial, texts.values())
    return Reference(serial)


def rewrite_job(
    connection: sqlite3.Connection,
    serial: int,
    prompt: str,
    documents: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write what has become known of a job that was queued; to be called in a write."""
    texts = {name: as_json(value) for name, value in documents.items()}
    prompt = writable(prompt)
    connection.execute(
        "UPDATE jobs SET prompt = :prompt, request = :request, extra = :extra "
        "WHERE serial = :serial",
        {"serial": serial, "prompt": prompt, **texts},
    )
    keep_inputs(connection, serial, texts.values())
    searching.renew(connection, serial, prompt)


def insert_parents(
    connection: sqlite3.Connection, serial: int, parents: Sequence[tuple[Reference, str]]
) -> None:
    """Write what a job starts from, in the place of what was known; to be called in a write."""
    connection.execute("DELETE FROM parents WHERE job = ?", (serial,))
    connection.executemany(
        "INSERT INTO parents (job, position, parent, number, role) VALUES (?, ?, ?, ?, ?)",
        [
            (serial, position, found.serial, found.number, role)
            for position, (found, role) in enumerate(parents)
        ],
    )


def keep_inputs(connection: sqlite3.Connection, serial: int, texts: Iterable[str]) -> None:
    """Keep the inputs whose sha256 stands in a text as long as the job; to be called in a write."""
    mentioned = {sha for text in texts for sha in inputs.SHA256.findall(text)}
    connection.executemany(
        "INSERT OR IGNORE INTO job_inputs "
        "SELECT ?, pixels_sha256 FROM inputs WHERE pixels_sha256 = ?",
        [(serial, sha) for sha in sorted(mentioned)],
    )


def insert_pictures(
    connection: sqlite3.Connection,
    found: Reference,
    pictures: Mapping[int, NewPicture],
    state: str = "done",
) -> None:
    """Write a job's pictures, whose files are there, and how it ended; in a write."""
    connection.executemany(
        "INSERT INTO pictures (job, number, seed, file, bytes, sha256, pixels_sha256, width, "
        "height, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_row(found, number, picture) for number, picture in pictures.items()],
    )
    first = min((number for number in pictures if number != GRID), default=None)
    record = {} if first is None else pictures[first].record
    model = (str(record.get("model", "")), str(record.get("model_hash", "")))
    connection.execute(
        "UPDATE jobs SET state = ?, finished = ?, error = NULL, model = ?, model_hash = ? "
        "WHERE serial = ?",
        (state, inputs.now(), *model, found.serial),
    )


def writable(text: str) -> str:
    """Replace what cannot be stored or searched: half a character (a lone surrogate), and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")


def as_json(value: Mapping[str, Any]) -> str:
    """Write a document, compactly and in ASCII."""
    return json.dumps(dict(value), separators=(",", ":"))


def _row(found: Reference, number: int, picture: NewPicture) -> tuple[Any, ...]:
    file = f"pictures/{found.job}/{number}.png"
    return (
        *(found.serial, number, picture.seed, file, len(picture.png)),
        *(picture.sha256, picture.pixels_sha256, *picture.size(), as_json(picture.record)),
    )


def _next(connection: sqlite3.Connection, database: Database) -> tuple[int, str]:
    """The next job's serial number and time."""
    query = "SELECT seq FROM sqlite_sequence WHERE name = 'jobs'"
    last = connection.execute(query).fetchone()
    query = "SELECT created FROM jobs ORDER BY serial DESC LIMIT 1"
    newest = connection.execute(query).fetchone()
    serial = last[0] + 1 if last else 1
    while database.pictures(serial).exists():  # of a history that was moved away
        serial += 1
    return serial, max(inputs.now(), newest[0] if newest else "")  # a clock may be set back
