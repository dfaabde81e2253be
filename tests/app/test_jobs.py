from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molnar.app.jobs import Job, NewPicture, Parent, ReadStore, Store
from molnar.app.queue import Queued
from molnar.base import files
from molnar.base.errors import DataError, RequestError
from molnar.base.request import Picture, Request, pixels_sha256


def png(width: int = 8, height: int = 4, colour: int = 0) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (colour, 0, 0)).save(out, "PNG")
    return out.getvalue()


def new(seed: int = 7) -> NewPicture:
    return NewPicture(png(), seed, "0" * 64, {"seed": seed, "model": "tiny", "model_hash": "ab"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        yield opened


def made(store: Store, prompt: str = "a fox", count: int = 1, **more: Any) -> str:
    job = store.begin("make", {"prompt": prompt}, prompt, **more)
    return store.finish(job.id, [new(k) for k in range(count)]).id


def test_a_job_begins_and_is_done(store: Store) -> None:
    job = store.begin("make", {"prompt": "a fox", "steps": 8}, "a fox", extra={"strong": True})
    assert (job.id, job.state, job.pictures, job.finished) == ("a1", "running", (), None)
    done = store.finish(job.id, [new(5), new(6)], grid=png(16, 16))
    assert (done.state, done.model, done.model_hash, done.error) == ("done", "tiny", "ab", None)
    assert done.finished is not None
    assert done.finished >= done.created
    assert [picture.reference for picture in done.pictures] == ["a1.1", "a1.2"]
    assert [picture.seed for picture in done.pictures] == [5, 6]
    assert done.grid is not None
    assert (done.grid.width, done.grid.height, done.grid.reference) == (16, 16, "a1.grid")
    assert done == store.job("a1")
    assert (done.request, done.extra) == ({"prompt": "a fox", "steps": 8}, {"strong": True})
    picture = store.picture("A1.2")
    assert picture.path.read_bytes() == png()
    assert (picture.width, picture.height, picture.prompt) == (8, 4, "a fox")
    assert picture.record["seed"] == 6
    assert json.loads(json.dumps(done.to_json()))["pictures"][0]["reference"] == "a1.1"


def test_what_the_pipeline_drew_is_kept_as_it_was(store: Store) -> None:
    image = np.full((64, 64, 4), 9, np.uint8)
    picture = Picture(image=image, request=Request(prompt="night", seed=7), seed=7, model="tiny")
    job = store.begin("make", {}, "night")
    [kept] = store.finish(job.id, [NewPicture.of(picture)]).pictures
    assert kept.path.read_bytes() == picture.encoded()
    assert (kept.pixels_sha256, kept.seed) == (pixels_sha256(image), 7)
    assert kept.record == json.loads(json.dumps(picture.record()))
    assert (store.get_input(pixels_sha256(image)) == image).all()


def test_a_job_that_failed_says_why(store: Store) -> None:
    job = store.begin("make", {}, "a fox")
    failed = store.fail(job.id, "no memory\nat all")
    assert (failed.state, failed.error) == ("failed", "no memory at all")
    ends: list[Callable[[], Job]] = [
        lambda: store.fail(job.id, "again"),
        lambda: store.finish(job.id, [new()]),
    ]
    for end in ends:
        with pytest.raises(RequestError, match="job a1 is failed; expected a running one"):
            end()
    with pytest.raises(RequestError, match="no job 'b7'"):
        store.fail("b7", "?")


def test_what_is_no_png_is_refused(store: Store) -> None:
    job = store.begin("make", {}, "a fox")
    with pytest.raises(DataError, match="begins with 47 49 46 38; expected PNG"):
        store.finish(job.id, [NewPicture(b"GIF8")])
    assert not store.check().problems
    assert store.finish(job.id, [new()]).state == "done"


@pytest.mark.parametrize("verb", ["delete", "fav", "fail"])
def test_a_job_that_goes_just_before_the_write_is_said_to_be_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    job, other = made(store), made(store)
    writing = store.database.writing

    def late() -> AbstractContextManager[sqlite3.Connection]:
        monkeypatch.setattr(store.database, "writing", writing)
        with Store.open(store.database.folder) as another:
            another.delete(job)
        return writing()

    monkeypatch.setattr(store.database, "writing", late)
    calls: dict[str, Callable[[], object]] = {
        "delete": lambda: store.delete(job),
        "fav": lambda: store.fav(f"{job}.1"),
        "fail": lambda: store.fail(job, "why"),
    }
    with pytest.raises(RequestError, match=f"no job '{job}' any more: near it are {other}"):
        calls[verb]()


def test_ids_and_times_only_grow(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = store.job(made(store))
    store.delete(first.id)
    monkeypatch.setattr("molnar.app.inputs.now", lambda: "2001-01-01T00:00:00.000000+00:00")
    second, third = store.job(made(store)), store.job(made(store))
    assert [second.id, third.id] == ["a2", "a3"]
    assert second.created <= third.created


def test_parents_must_exist(store: Store) -> None:
    made(store, count=2)
    child = store.begin("vary", {}, "a fox", parents=[Parent("a1", 2, "init"), Parent("A1")])
    assert [parent.reference for parent in child.parents] == ["a1.2", "a1"]
    with pytest.raises(RequestError, match="a1 has 2 pictures, not a picture 9"):
        store.begin("vary", {}, "", parents=[Parent("a1", 9)])
    assert store.count() == 2


def test_an_interrupted_job_is_failed_by_who_comes_next(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        job = store.begin("make", {}, "a fox")
        with Store.open(tmp_path) as other:
            assert other.job(job.id).state == "running"
    with Store.open(tmp_path) as store:
        again = store.job(job.id)
        assert again.state == "failed"
        assert again.error is not None
        assert again.error.startswith("interrupted")


def test_a_job_taken_for_interrupted_may_still_end_well(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        job = store.begin("make", {}, "a fox")
        [lock] = (tmp_path / "workers").iterdir()
        lock.unlink()  # as a broken file system might
        with Store.open(tmp_path) as other:
            assert other.job(job.id).state == "failed"
        assert store.finish(job.id, [new()]).state == "done"
        assert not store.check().problems


def test_files_removed_before_the_row_came_are_written_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = store.begin("make", {}, "a fox")
    sync = files.sync_folder

    def lose(folder: Path) -> None:
        for path in store.database.folder.glob("pictures/a1/*.png"):
            path.unlink()
        sync(folder)

    monkeypatch.setattr("molnar.app.jobs.sync_folder", lose)
    assert store.finish(job.id, [new(), new()]).state == "done"
    assert not store.check().problems


def test_a_disk_without_room_for_the_files_leaves_the_job_running(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = store.begin("make", {}, "a fox")

    def full(path: Path, data: bytes, force: bool) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("molnar.app.jobs.write_bytes", full)
    with pytest.raises(DataError, match="No space left on device; make room") as error:
        store.finish(job.id, [new()])
    assert "\n" not in str(error.value)
    assert store.fail(job.id, str(error.value)).state == "failed"
    assert not store.check().problems


def test_the_pictures_of_a_history_that_was_moved_away_are_never_touched(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        made(store)
        made(store)
    for path in tmp_path.glob("history.sqlite3*"):
        path.unlink()
    old = sorted(tmp_path.glob("pictures/*/*.png"))
    with Store.open(tmp_path) as store:
        assert made(store) == "a3"
        checked = store.check()
        store.prune(keep=0)
    assert not checked.problems
    assert len(checked.notes) == 2
    assert sorted(tmp_path.glob("pictures/*/*.png")) == old


def test_a_history_that_is_off_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOLNAR_HISTORY", "off")
    monkeypatch.setenv("MOLNAR_HOME", str(tmp_path / "data"))
    with Store.open() as store:
        job = store.begin("make", {"steps": 1}, "a fox", parents=[Parent("k7", 2)])
        assert (job.id, store.enabled) == ("", False)
        assert store.finish(job.id, [new()]).state == "done"
        assert store.fail(job.id, "why").error == "why"
        pixels = np.zeros((4, 4, 3), np.uint8)
        assert store.put_input(pixels) == pixels_sha256(pixels)
        assert (store.count(), store.search("fox"), store.prune().bytes) == (0, [], 0)
        assert not store.check().problems
        with pytest.raises(RequestError, match="history is off, and the queue is in it; unset MO"):
            store.enqueue([Queued(verb="make", prompt="", order={})])
        assert (store.claim(), store.open_jobs(), store.recover()) == (None, [], [])
        for lost in (store.job, store.picture, store.fav, store.delete, store.lineage):
            with pytest.raises(RequestError, match="the history is off"):
                lost("k7")
    assert not (tmp_path / "data").exists()


def test_importing_the_store_imports_neither_numpy_nor_pillow() -> None:
    code = (
        "import sys, molnar.app.jobs, molnar.app.cli.history; "
        "sys.exit(bool({'numpy', 'PIL'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_each_thread_opens_its_own(tmp_path: Path) -> None:
    ids: list[str] = []

    def work() -> None:
        with Store.open(tmp_path) as store:
            ids.extend(made(store) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 20


WORK = """
import sys
from pathlib import Path
from molnar.app.jobs import NewPicture, Parent, ReadStore, Store
from molnar.app.inputs import keep_file
from molnar.base.errors import RequestError

def unless_gone(job, call, *arguments):
    try:
        return call(*arguments)
    except RequestError as error:  # the other process may prune what is done; all else is wrong
        if not str(error).startswith(f"no job {job.id!r} any more: "):
            raise

folder, png, rounds = Path(sys.argv[1]), bytes.fromhex(sys.argv[2]), int(sys.argv[3])
with Store.open(folder) as store:
    print("go", flush=True)
    for k in range(rounds):
        sha = f"{store.database.folder.stat().st_ino + k % 3:064x}"
        if sys.argv[4] == "all":
            keep_file(store.database, sha, png)
        job = store.begin("make", {"init": sha}, f"a fox {k}")
        store.finish(job.id, [NewPicture(png, k), NewPicture(png, k + 1)], grid=png)
        print(job.id, flush=True)
        if sys.argv[4] == "all":
            child = unless_gone(job, store.begin, "vary", {}, "a fox", [Parent(job.id, 2)])
            unless_gone(job, store.fav, f"{job.id}.1")
            unless_gone(job, store.delete, f"{job.id}.2")
            if child:
                store.fail(child.id, "no")
            if k % 4 == 3:
                store.prune(keep=3, keep_favourites=False)
"""


def start(folder: Path, rounds: int, what: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORK, str(folder), png().hex(), str(rounds), what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_four_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    running = [start(tmp_path, 25, "make") for _ in range(4)]
    ids: list[str] = []
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        ids += out.split()[1:]
    assert len(set(ids)) == 100
    with Store.open(tmp_path) as store:
        assert {job.id for job in store.search(limit=1_000)} == set(ids)
        assert not store.check().problems


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_at_any_point_files_and_rows_agree(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with Store.open(tmp_path):
        pass
    for _ in range(16):
        pair = [start(tmp_path, 1_000, "all") for _ in range(2)]
        for process in pair:
            assert process.stdout is not None
            assert process.stdout.readline() == "go\n"
        for process in pair:
            time.sleep(rng.uniform(0, 0.08))
            process.kill()
            assert process.communicate()[1] == ""
        with Store.open(tmp_path) as store:
            checked = store.check()
            assert not checked.problems, checked.problems
            assert not checked.notes, checked.notes
            states = {job.state for job in store.search(limit=1_000)}
            assert states <= {"done", "failed"}
            named = {p.path for j in store.search(limit=1_000) for p in (*j.pictures, j.grid) if p}
            assert named == set(tmp_path.glob("pictures/*/*"))
            assert not list((tmp_path / "workers").iterdir())


def test_a_history_that_is_only_read_finds_and_keeps_nothing(store: Store, tmp_path: Path) -> None:
    job = made(store)
    with ReadStore.open(tmp_path / "data") as reading:
        assert reading.job(job).pictures[0].reference == f"{job}.1"
        assert reading.picture(job).path.is_file()
        begun = reading.begin("make", {}, "a cat")
        reading.finish(begun.id, [new()])
        reading.put_input(np.zeros((4, 4, 3), np.uint8))
        with pytest.raises(RequestError, match="no job 'k9'"):
            reading.find("k9")
    assert store.count() == 1
