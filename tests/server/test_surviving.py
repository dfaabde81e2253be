"""Either process is killed, at any moment: what was accepted is drawn, once, in its order."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.skipif(
        not (ROOT / "molnar/models/sticker/bundle.json").exists(),
        reason="no model in this checkout",
    ),
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers by /proc"),
]
ENDS = ("done", "failed", "cancelled")
SMALL = {"width": 128, "height": 128, "quality": "fast"}


def post(server: Any, **fields: Any) -> str:
    answer = httpx.post(f"{server.url}/api/jobs", json={**SMALL, "prompt": "a fox", **fields})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def job(server: Any, name: str) -> dict[str, Any]:
    return dict(httpx.get(f"{server.url}/api/jobs/{name}", timeout=30).json())


def until(condition: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def all_ended(server: Any, names: list[str]) -> bool:
    return all(job(server, name)["state"] in ENDS for name in names)


def kill_worker(server: Any) -> int:
    pid = server.process.pid
    [worker] = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    os.kill(worker, signal.SIGKILL)
    return worker


@pytest.mark.served
def test_a_queue_outlives_the_server_and_keeps_its_order(own_server: Any) -> None:
    server = own_server.start()
    names = [post(server, seed=k, steps=4) for k in range(12)]
    server.kill()
    server.start()
    until(lambda: all_ended(server, names))
    jobs = [job(server, name) for name in names]
    assert [one["state"] for one in jobs] == ["done"] * 12
    with sqlite3.connect(server.home / "history.sqlite3") as rows:
        attempts = [row[0] for row in rows.execute("SELECT attempts FROM jobs ORDER BY serial")]
        assert rows.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert max(attempts) <= 2


@pytest.mark.long
def test_ctrl_c_gives_jobs_back_and_counts_nothing_against_them(own_server: Any) -> None:
    server = own_server.start().ready()
    name = post(server, steps=150, count=4)
    until(lambda: job(server, name)["state"] == "running")
    assert server.stop() in (0, 130)
    with sqlite3.connect(server.home / "history.sqlite3") as rows:
        assert rows.execute("SELECT state, attempts FROM jobs").fetchall() == [("queued", 0)]


@pytest.mark.served
def test_the_worker_is_started_again_and_a_job_that_ends_it_twice_has_failed(
    own_server: Any,
) -> None:
    server = own_server.start().ready()
    name = post(server, steps=150, count=4)
    beside = post(server, steps=150, count=4)
    until(lambda: {job(server, name)["state"], job(server, beside)["state"]} == {"running"})
    for _ in range(3):  # the first time it was not alone, and nobody knows whose doing it was
        until(lambda: job(server, name)["state"] == "running")
        kill_worker(server)
        until(lambda: job(server, name)["state"] != "running")
        assert httpx.get(f"{server.url}/healthz").json() == {"status": "ok"}
    assert job(server, name)["state"] == "failed"
    assert "twice" in job(server, name)["error"]
    after = post(server, seed=2)
    until(lambda: all_ended(server, [beside, after]))
    assert [job(server, one)["state"] for one in (beside, after)] == ["done", "done"]


@pytest.mark.served
def test_jobs_outlive_many_deaths_of_the_whole_server(own_server: Any) -> None:
    server = own_server.start().ready()
    name = post(server, steps=150)
    for _ in range(3):
        until(lambda: job(server, name)["state"] == "running")
        kill_worker(server)
        server.kill()
        server.start()
    until(lambda: all_ended(server, [name]))
    assert job(server, name)["state"] == "done"


@pytest.mark.served
def test_who_follows_a_job_hears_that_it_waits_again(own_server: Any) -> None:
    server = own_server.start().ready()
    name = post(server, steps=20, width=512, height=512)
    kinds: list[str] = []
    with httpx.stream("GET", f"{server.url}/api/jobs/{name}/events", timeout=60) as told:
        for line in told.iter_lines():
            if line.startswith("event: "):
                kinds.append(line[7:])
            if kinds.count("step") == 3 and kinds[-1] == "step":
                kill_worker(server)
    assert kinds.count("started") == 2
    assert kinds.count("queued") == 2
    assert kinds[-1] == "done"


def test_a_full_queue_says_when_to_come_back(own_server: Any) -> None:
    own_server.flags = ["--queue", "3", "--parallel", "1"]
    server = own_server.start().ready()
    codes, last = [], None
    for k in range(8):
        body = {**SMALL, "prompt": "a fox", "seed": k, "steps": 20}
        last = httpx.post(f"{server.url}/api/jobs", json=body)
        codes.append(last.status_code)
    assert codes[:3] == [202] * 3
    assert codes[-1] == 429
    assert last is not None
    assert int(last.headers["retry-after"]) >= 1
    assert "3" in last.json()["error"]["message"]


@pytest.mark.served
def test_kills_at_random_moments_lose_nothing(own_server: Any) -> None:
    rng = random.Random(7)
    server = own_server.start().ready()
    names: list[str] = []
    for number in range(16):
        names += [post(server, seed=rng.randrange(2**31)) for _ in range(rng.randrange(1, 4))]
        time.sleep(rng.uniform(0, 0.6))
        begun = time.monotonic()
        if number % 2:
            kill_worker(server)
            time.sleep(0.05)
        else:
            server.kill()
            server.start()
        server.ready()
        assert time.monotonic() - begun < 15
    until(lambda: all_ended(server, names), 120)
    jobs = [job(server, name) for name in names]
    assert all(one["state"] == "done" or "twice" in one["error"] for one in jobs)
    assert sum(one["state"] == "done" for one in jobs) >= len(jobs) - 2
    with sqlite3.connect(server.home / "history.sqlite3") as rows:
        assert rows.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
