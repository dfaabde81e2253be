from __future__ import annotations

import os
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from molnar.app import jobs_schema
from molnar.app.blame import INTERRUPTED
from molnar.app.jobs import Store
from molnar.app.jobs_schema import NAME, Database, data_folder
from molnar.app.queue import Queued
from molnar.base.errors import DataError


def test_a_new_history_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with closing(Database(folder)) as database, database.reading() as rows:
        assert rows.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert rows.execute("PRAGMA foreign_keys").fetchone()[0] == 1
        assert rows.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert rows.execute("PRAGMA user_version").fetchone()[0] == len(jobs_schema.MIGRATIONS)
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / NAME).stat().st_mode & 0o777 == 0o600
        assert (folder / "pictures").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_was_there_keeps_its_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Database(tmp_path).close()
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_newer_history_is_refused(tmp_path: Path) -> None:
    Database(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / NAME)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(DataError, match=r"has version 99; expected at most \d+.*update") as error:
        Database(tmp_path)
    assert "\n" not in str(error.value)


def test_an_older_history_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database(tmp_path).close()
    later = (*jobs_schema.MIGRATIONS, ("ALTER TABLE jobs ADD COLUMN mood TEXT",))
    monkeypatch.setattr(jobs_schema, "MIGRATIONS", later)
    with closing(Database(tmp_path)) as database, database.reading() as rows:
        rows.execute("SELECT mood FROM jobs")
        assert rows.execute("PRAGMA user_version").fetchone()[0] == len(later)


def test_a_history_from_before_the_queue_opens_and_can_queue(tmp_path: Path) -> None:
    row = (
        "INSERT INTO jobs (verb, state, prompt, request, extra, created, version, model, "
        "model_hash, attempts) "
        "VALUES ('make', ?, 'a fox', '{\"steps\":8}', '{}', ?, '0.1', '', '', 1)"
    )
    with closing(sqlite3.connect(tmp_path / NAME)) as connection:
        for statement in jobs_schema.MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 1")
        connection.execute(row, ("done", "2025-01-01T00:00:00.000000+00:00"))
        connection.execute(row, ("running", "2025-01-02T00:00:00.000000+00:00"))
        connection.commit()
    with Store.open(tmp_path) as store:
        old = store.job("a1")
        assert (old.state, old.request, old.attempts, old.stopping) == (
            "done",
            {"steps": 8},
            1,
            False,
        )
        assert store.job("a2").error == INTERRUPTED
        [queued] = store.enqueue([Queued(verb="make", prompt="a cat", order={})], key="k")
        assert store.claim() == store.job(queued.id)
        assert [job.id for job in store.search("fox")] == ["a2", "a1"]
        assert not store.check().problems


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database(tmp_path).close()
    bad = ("ALTER TABLE jobs ADD COLUMN mood TEXT", "ALTER TABLE nowhere ADD COLUMN x TEXT")
    monkeypatch.setattr(jobs_schema, "MIGRATIONS", (*jobs_schema.MIGRATIONS, bad))
    with pytest.raises(DataError):
        Database(tmp_path)
    monkeypatch.undo()
    with closing(Database(tmp_path)) as database, database.reading() as rows:
        assert "mood" not in [row["name"] for row in rows.execute("PRAGMA table_info(jobs)")]


@pytest.mark.parametrize("data", [b"no database at all " * 100, None])
def test_a_damaged_history_says_what_to_do(tmp_path: Path, data: bytes | None) -> None:
    Database(tmp_path).close()
    path = tmp_path / NAME
    whole = path.read_bytes()
    path.write_bytes(data or whole[:100] + b"\xff" * (len(whole) - 100))
    with (
        pytest.raises(DataError, match=r"damaged.*move it away.*pictures stay"),
        closing(Database(tmp_path)) as database,
        database.reading() as rows,
    ):
        rows.execute("SELECT * FROM jobs").fetchall()


def test_a_write_is_whole_or_nothing(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        with pytest.raises(KeyError), database.writing() as connection:
            connection.execute("INSERT INTO trash VALUES ('a', 1)")
            raise KeyError
        with database.writing() as connection, database.writing() as inner:
            assert inner is connection
            inner.execute("INSERT INTO trash VALUES ('b', 1)")
        with database.reading() as rows:
            assert [row["file"] for row in rows.execute("SELECT file FROM trash")] == ["b"]


def test_a_history_in_use_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_schema, "WAIT_SECONDS", 0.05)
    with closing(Database(tmp_path)) as one, closing(Database(tmp_path)) as two, one.writing():
        with pytest.raises(DataError, match="in use by another process"), two.writing():
            pass
        with two.reading() as rows:  # who reads never waits
            assert rows.execute("SELECT count(*) FROM jobs").fetchone()[0] == 0


def test_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        with database.reading() as rows:
            rows.execute("PRAGMA max_page_count = 1")
        with pytest.raises(DataError, match="is full; make room"), database.writing() as connection:
            for k in range(10_000):
                connection.execute("INSERT INTO trash VALUES (?, 1)", (f"{k}" * 100,))
        with database.reading() as rows:
            assert rows.execute("SELECT count(*) FROM trash").fetchone()[0] == 0


def test_a_folder_that_cannot_be_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot be kept.*MOLNAR_HOME"):
        Database(tmp_path / "file" / "data")


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind this user"
)
def test_a_read_only_folder_is_said_in_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="cannot be"):
        Database(tmp_path / "data")


def test_a_database_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    with closing(Database(tmp_path)) as database:
        with database.reading() as rows:
            rows.execute("PRAGMA query_only = ON")
        with pytest.raises(DataError, match="cannot be written"), database.writing() as connection:
            connection.execute("INSERT INTO trash VALUES ('a', 1)")


def test_many_may_make_it_at_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def make() -> None:
        try:
            Database(tmp_path / "data").close()
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOLNAR_HOME", str(tmp_path / "mine"))
    assert data_folder() == tmp_path / "mine"
    monkeypatch.delenv("MOLNAR_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert data_folder() == tmp_path / "share" / "molnar"
    for relative in ("", "not/absolute"):
        monkeypatch.setenv("XDG_DATA_HOME", relative)
        assert data_folder() == tmp_path / ".local" / "share" / "molnar"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert data_folder() == tmp_path / "Library" / "Application Support" / "molnar"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert data_folder() == tmp_path / "local" / "molnar"
