"""The rows of a job, written: when it begins, and when it is done."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from molnar.app import inputs
from molnar.app.job import NewPicture
from molnar.app.jobs_schema import Database
from molnar.app.references import Reference
from molnar.base.version import VERSION


def insert_job(
    connection: sqlite3.Connection,
    database: Database,
    job: Mapping[str, str],
    documents: Mapping[str, Mapping[str, Any]],
    parents: Sequence[tuple[Reference, str]],
) -> Reference:
    """Write a job that is running, under the next id; to be called in a write.

    Args:
        connection: In a write.
        database: Where the job is kept.
        job: Its `verb`, `prompt` and `worker`.
        documents: Its `request` and `extra`, as JSON.
        parents: What it starts from, each with its role.
    """
    texts = {name: as_json(value) for name, value in documents.items()}
    serial, created = _next(connection, database)
    connection.execute(
        "INSERT INTO jobs (serial, state, created, version, model, model_hash, attempts, "
        "verb, prompt, worker, request, extra) VALUES (:serial, 'running', :created, :version, "
        "'', '', 1, :verb, :prompt, :worker, :request, :extra)",
        {"serial": serial, "created": created, "version": VERSION, **job, **texts},
    )
    connection.executemany(
        "INSERT INTO parents (job, position, parent, number, role) VALUES (?, ?, ?, ?, ?)",
        [
            (serial, position, found.serial, found.number, role)
            for position, (found, role) in enumerate(parents)
        ],
    )
    mentioned = {sha for text in texts.values() for sha in inputs.SHA256.findall(text)}
    connection.executemany(
        "INSERT INTO job_inputs SELECT ?, pixels_sha256 FROM inputs WHERE pixels_sha256 = ?",
        [(serial, sha) for sha in sorted(mentioned)],
    )
    return Reference(serial)


def insert_pictures(
    connection: sqlite3.Connection, found: Reference, pictures: Mapping[int, NewPicture]
) -> None:
    """Write a job's pictures, whose files are there, and that it is done; in a write."""
    connection.executemany(
        "INSERT INTO pictures (job, number, seed, file, bytes, sha256, pixels_sha256, width, "
        "height, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_row(found, number, picture) for number, picture in pictures.items()],
    )
    record = pictures[1].record if 1 in pictures else {}
    model = (str(record.get("model", "")), str(record.get("model_hash", "")))
    connection.execute(
        "UPDATE jobs SET state = 'done', finished = ?, error = NULL, model = ?, model_hash = ? "
        "WHERE serial = ?",
        (inputs.now(), *model, found.serial),
    )


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
