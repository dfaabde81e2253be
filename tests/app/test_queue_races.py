"""The queue under many processes at once, which die at any moment; and who reads never waits."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from molnar.app.blame import POISON
from molnar.app.jobs import Store
from molnar.app.queue import Queued
from molnar.base.errors import RequestError

WORK = """
import os, signal, sys
from pathlib import Path
from molnar.app.jobs import NewPicture, Store
folder, png, beside = Path(sys.argv[1]), bytes.fromhex(sys.argv[2]), int(sys.argv[3])
with Store.open(folder) as store:
    print("go", flush=True)
    mine = []
    while mine or store.waiting():
        while job := store.claim(beside):
            mine.append(job)
            print(job.id, flush=True)
        if not mine:
            continue
        job = mine.pop(0)
        if job.extra["order"]["poison"]:
            os.kill(os.getpid(), signal.SIGKILL)
        if job.stopping:
            store.stopped(job.id)
            continue
        store.resolved(job.id, {"steps": 1}, job.prompt + " resolved")
        store.finish(job.id, [NewPicture(png)])
"""
# Whoever takes a job while an older one waits is refused by the database itself.
IN_ORDER = """
    CREATE TRIGGER in_order AFTER UPDATE OF state ON jobs
    WHEN new.state = 'running' AND EXISTS
        (SELECT 1 FROM jobs WHERE state = 'queued' AND serial < new.serial)
    BEGIN SELECT RAISE(ABORT, 'out of order'); END
"""


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    return out.getvalue()


def filled(folder: Path, count: int, poison: tuple[int, ...] = ()) -> Store:
    store = Store.open(folder)
    with store.database.writing() as connection:
        connection.execute(IN_ORDER)
    orders = [Queued(verb="make", prompt="a", order={"poison": k in poison}) for k in range(count)]
    store.enqueue(orders, most=count)
    return store


def start(folder: Path, beside: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORK, str(folder), png().hex(), str(beside)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_four_processes_claim_each_job_once_and_in_order(tmp_path: Path) -> None:
    with filled(tmp_path, 200) as store:
        running = [start(tmp_path, 3) for _ in range(4)]
        serials: list[int] = []
        for process in running:
            out, err = process.communicate(timeout=120)
            assert (process.returncode, err) == (0, "")
            own = [store.find(line).serial for line in out.split()[1:]]
            assert own == sorted(own)
            serials += own
        assert sorted(serials) == list(range(1, 201))
        jobs = store.search(limit=1_000)
        assert {(job.state, job.attempts) for job in jobs} == {("done", 1)}


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_at_any_point_no_job_is_lost_and_none_stays_running(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    poison = (3, 11)
    with filled(tmp_path, 150, poison) as store:
        for turn in range(7):
            pair = [start(tmp_path, 2) for _ in range(2)]
            for process in pair:
                assert process.stdout is not None
                assert process.stdout.readline() == "go\n"
            for process in pair:
                time.sleep(rng.uniform(0, 0.05))
                process.kill()
                assert process.communicate()[1] == ""
            if turn % 3 == 0 and (waiting := store.open_jobs()):
                store.cancel(waiting[-1].id)
            store.recover()
            checked = store.check()
            assert not (checked.problems or checked.notes)
            assert all(job.state == "queued" for job in store.open_jobs())
        while store.waiting():
            last = start(tmp_path, 3)
            assert last.communicate(timeout=60)[1] == ""
            store.recover()
        jobs = store.search(limit=1_000)
        assert len(jobs) == 150
        for job in jobs:
            assert job.state in ("done", "cancelled") or job.error == POISON
            assert len(job.pictures) == (job.state == "done")
        for k in poison:
            assert store.job(f"a{k + 1}").error == POISON
        assert sum(job.state == "done" for job in jobs) > 100
        assert {job.id for job in store.search("resolved", limit=1_000)} >= {
            job.id for job in jobs if job.state == "done"
        }
        assert not store.check().problems


def test_threads_end_what_their_process_claimed(tmp_path: Path) -> None:
    with filled(tmp_path, 3) as store, Store.open(tmp_path) as worker:
        with Store.open(tmp_path) as early:
            worker.lend(early)  # nothing yet
            assert worker.claim() is not None
            with pytest.raises(RequestError, match="by another process"):
                early.stopped("a1")
        assert worker.claim() is not None

        def draw() -> None:
            with Store.open(tmp_path) as own:
                worker.lend(own)
                own.resolved("a1", {}, "a cat")
                own.finish("a1", [])

        thread = threading.Thread(target=draw)
        thread.start()
        thread.join()
        assert store.recover() == []  # the process lives on
        assert worker.claim() == store.job("a3")
        states = [job.state for job in store.search()]
        assert states == ["running", "running", "done"]


def test_who_reads_never_waits_for_who_writes(tmp_path: Path) -> None:
    with filled(tmp_path, 1) as store, Store.open(tmp_path) as writer, writer.database.writing():
        began = time.monotonic()
        assert store.waiting() == store.position("a1") == len(store.open_jobs()) == store.count()
        assert store.stopping() == []
        assert store.search(state="queued", before="a2")[0] == store.job("a1")
        assert time.monotonic() - began < 5  # a writer would wait for 30 s


def test_looking_for_work_does_not_read_what_was_done(tmp_path: Path) -> None:
    with filled(tmp_path, 1) as store:
        read: list[str] = []
        with store.database.reading() as rows:
            rows.set_trace_callback(read.append)
        store.waiting()
        store.position("a1")
        store.stopping()
        store.open_jobs()
        store.search(state="running")
        store.recover()
        store.claim()
        with store.database.reading() as rows:
            rows.set_trace_callback(None)
            queries = [query for query in read if "FROM jobs" in query and "state" in query]
            plans = {
                row["detail"]
                for query in queries
                for row in rows.execute(f"EXPLAIN QUERY PLAN {query}")
            }
        assert len(queries) >= 8
        assert not [plan for plan in plans if plan.startswith("SCAN jobs")], plans
