"""Jobs that wait: in order, all or none, each drawn once, none lost whenever a worker dies."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molnar.app import upkeep
from molnar.app.blame import INTERRUPTED, POISON
from molnar.app.job import NewPicture, Parent
from molnar.app.jobs import Store
from molnar.app.queue import Queued, QueueFull
from molnar.base.errors import RequestError


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def worker(store: Store) -> Iterator[Store]:
    with another(store) as opened:
        yield opened


def another(store: Store) -> Store:
    return Store.open(store.database.folder)


def asked(prompt: str = "a fox", **more: Any) -> Queued:
    return Queued(verb="make", prompt=prompt, order={"verb": "make", "prompt": prompt}, **more)


def queue(store: Store, count: int = 1, **more: Any) -> list[str]:
    return [job.id for job in store.enqueue([asked(f"a fox {k}") for k in range(count)], **more)]


def states(store: Store) -> dict[str, str]:
    return {job.id: job.state for job in reversed(store.search(limit=1_000))}


def claimed(store: Store) -> str:
    job = store.claim()
    assert job is not None
    return job.id


# ---------------------------------------------------------------- in order, all or none


def test_jobs_are_drawn_in_the_order_they_came_in(store: Store, worker: Store) -> None:
    assert queue(store, 2) + queue(store) == ["a1", "a2", "a3"]
    assert store.job("a1").extra == {"order": {"verb": "make", "prompt": "a fox 0"}}
    assert [(store.position(job), store.job(job).attempts) for job in ("a1", "a3")] == [
        (1, 0),
        (3, 0),
    ]
    first = worker.claim()
    assert first is not None
    assert (first.id, first.state, first.attempts) == ("a1", "running", 1)
    assert (store.waiting(), store.position("a1"), store.position("a3")) == (2, 0, 2)
    assert [job.id for job in store.open_jobs()] == ["a1", "a2", "a3"]
    assert worker.finish("a1", [NewPicture(png())]).state == "done"
    assert [claimed(worker), claimed(worker), worker.claim()] == ["a2", "a3", None]
    assert [job.id for job in store.open_jobs()] == ["a2", "a3"]


def test_no_more_are_claimed_than_may_run(store: Store, worker: Store) -> None:
    queue(store, 3)
    assert [job.id if (job := worker.claim(2)) else None for _ in range(3)] == ["a1", "a2", None]
    worker.fail("a1", "why")
    third = worker.claim(2)
    assert third is not None
    assert third.id == "a3"


def test_all_are_queued_or_none(store: Store) -> None:
    orders = [asked(), asked(parents=[Parent("k9", 1)])]
    with pytest.raises(RequestError, match="no job 'k9'"):
        store.enqueue(orders)
    with pytest.raises(RequestError, match="expected one or more"):
        store.enqueue([])
    queue(store, 2)
    with pytest.raises(QueueFull, match="got 3 more jobs while 2 wait; expected at most 4") as full:
        queue(store, 3, most=4)
    assert (full.value.waiting, full.value.most) == (2, 4)
    assert not isinstance(full.value, RequestError)
    assert states(store) == {"a1": "queued", "a2": "queued"}
    assert len(queue(store, 2, most=4)) == 2


def test_running_jobs_do_not_count_as_waiting(store: Store, worker: Store) -> None:
    queue(store, 2, most=2)
    claimed(worker)
    assert queue(store, 1, most=2) == ["a3"]


def test_a_job_keeps_its_parents_and_what_its_order_names(store: Store) -> None:
    parent = store.begin("make", {}, "a fox")
    store.finish(parent.id, [NewPicture(png())])
    shas = [store.put_input(np.full((4, 4, 3), shade, np.uint8)) for shade in (1, 2, 3)]
    order = {"verb": "edit", "picture": "a1.1", "mask": f"sha256:{shas[0]}"}
    kept = Queued(
        verb="edit",
        prompt="a hat",
        order=order,
        parents=[Parent("a1", 1, "edit")],
        inputs=[f"sha256:{shas[1]}"],
    )
    [job] = store.enqueue([kept])
    assert job.parents == (Parent("a1", 1, "edit"),)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upkeep, "GRACE", timedelta(0))
        assert store.prune().files == 1
        assert store.get_input(shas[0]).shape == store.get_input(shas[1]).shape == (4, 4, 3)
        store.cancel(job.id)
        store.delete(job.id)
        assert store.prune().files == 2


# ---------------------------------------------------------------- once under one key


def test_the_same_key_again_returns_the_jobs_made_the_first_time(store: Store) -> None:
    first = queue(store, 3, key="mine", most=3)
    assert queue(store, 3, key="mine", most=3) == first  # though the queue is full
    assert queue(store, key="other", most=9) == ["a4"]
    assert [job.id for job in store.keyed("mine")] == first
    assert store.keyed("nobody's") == []
    store.cancel("a2")
    store.delete("a2")
    assert queue(store, 3, key="mine") == ["a1", "a3"]
    store.cancel("a1")
    store.delete("a1")
    assert queue(store, 3, key="mine") == ["a5", "a6", "a7"]  # deleted means deleted


def test_a_key_stands_for_one_request(store: Store) -> None:
    queue(store, 2, key="mine")
    for count in (1, 3):
        with pytest.raises(RequestError, match="'mine' was used for another request"):
            queue(store, count, key="mine")
    # What was asked decides, where it is given: orders have other seeds each time.
    assert store.enqueue([asked("seed 1")], "body", asked='{"prompt": "fox"}')[0].id == "a3"
    assert store.enqueue([asked("seed 2")], "body", asked='{"prompt": "fox"}')[0].id == "a3"
    assert store.keyed("body", '{"prompt": "fox"}')[0].id == "a3"
    for call in (store.keyed, lambda key, text: store.enqueue([asked()], key, asked=text)):
        with pytest.raises(RequestError, match="take a new key"):
            call("body", '{"prompt": "cat"}')
    for bad in ("", "k" * 256, "a\nb"):
        with pytest.raises(RequestError, match="as an idempotency key; expected 1 to 255"):
            queue(store, key=bad)
    assert store.count() == 3


# ---------------------------------------------------------------- what it turned out to be


def test_what_a_job_turned_out_to_be_is_kept_beside_its_order(store: Store, worker: Store) -> None:
    made = store.begin("make", {}, "")
    store.finish(made.id, [NewPicture(png())])
    sha = store.put_input(np.zeros((4, 4, 3), np.uint8))
    queue(store, 2)
    assert [job.id for job in store.search("fox")] == ["a3", "a2"]  # is in the index now
    claimed(worker)
    job = worker.resolved(
        "a2", {"steps": 8, "image": sha}, "a red\0cat", {"strong": True}, [Parent("a1", 1, "vary")]
    )
    assert (job.request["steps"], job.prompt, job.parents) == (
        8,
        "a red cat",
        (Parent("a1", 1, "vary"),),
    )
    assert job.extra == {"strong": True, "order": {"verb": "make", "prompt": "a fox 0"}}
    assert [job.id for job in store.search("cat")] == ["a2"]
    assert [job.id for job in store.search("fox")] == ["a3"]
    assert worker.resolved("a2", {}, "a dog").parents == (Parent("a1", 1, "vary"),)
    assert store.job("a2").extra == {"order": {"verb": "make", "prompt": "a fox 0"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upkeep, "GRACE", timedelta(0))
        assert store.prune().files == 0


def test_a_job_is_ended_by_who_claimed_it(store: Store, worker: Store) -> None:
    queue(store, 2)
    claimed(worker)
    calls = (
        lambda job: store.resolved(job, {}, ""),
        lambda job: store.finish(job, [NewPicture(png())]),
        lambda job: store.fail(job, "why"),
        store.stopped,
        store.release,
    )
    for call in calls:
        with pytest.raises(RequestError, match="job a1 is drawn by another process; expected one"):
            call("a1")
        with pytest.raises(RequestError, match="job a2 is queued; expected a running one"):
            call("a2")
    assert states(store) == {"a1": "running", "a2": "queued"}
    begun = store.begin("make", {}, "")
    with pytest.raises(RequestError, match="job a3 did not come from the queue"):
        store.release(begun.id)


# ---------------------------------------------------------------- cancelled


def test_cancel_in_every_state(store: Store, worker: Store) -> None:
    queue(store, 5)
    waits = store.cancel("a5")
    assert (waits.state, waits.stopping, waits.error) == ("cancelled", False, None)
    assert waits.finished is not None
    for _ in range(4):
        claimed(worker)
    worker.finish("a1", [NewPicture(png())])
    worker.fail("a2", "why")
    for ended in ("a1", "a2", "a5"):
        before = store.job(ended)
        assert store.cancel(ended) == before
    runs = store.cancel("a3")
    assert (runs.state, runs.stopping, worker.stopping()) == ("running", True, ["a3"])
    assert store.cancel("a3") == runs
    ended_job = worker.stopped("a3")
    assert (ended_job.state, ended_job.stopping, ended_job.error) == ("cancelled", False, None)
    assert worker.stopping() == []
    store.cancel("a4")
    assert worker.finish("a4", [NewPicture(png())]).state == "done"  # it was too late
    with pytest.raises(RequestError, match="no job 'b9'"):
        store.cancel("b9")
    assert worker.claim() is None


def test_a_job_that_was_cancelled_is_never_drawn(store: Store, worker: Store) -> None:
    queue(store, 3)
    store.cancel("a1")
    assert [claimed(worker), store.position("a3")] == ["a2", 1]


# ---------------------------------------------------------------- dead workers


def test_a_job_goes_back_to_its_place_once(store: Store) -> None:
    queue(store, 3)
    with another(store) as worker:
        claimed(worker)
        folder = store.database.pictures(1)
        folder.mkdir()
        (folder / "1.png").write_bytes(b"half")
        assert store.recover() == []
    [job] = store.recover()
    assert (job.id, job.state, job.attempts, job.finished) == ("a1", "queued", 1, None)
    assert not folder.exists()
    assert store.position("a1") == 1
    with another(store) as worker:
        assert claimed(worker) == "a1"
    [job] = store.recover()
    assert (job.state, job.error, job.attempts) == ("failed", POISON, 2)
    assert "twice" in POISON
    assert states(store) == {"a1": "failed", "a2": "queued", "a3": "queued"}


def test_a_job_that_ended_its_worker_takes_no_others_along(store: Store) -> None:
    queue(store, 4)
    with another(store) as worker:
        assert [claimed(worker) for _ in range(3)] == ["a1", "a2", "a3"]
    store.recover()
    with another(store) as worker:  # a2 is to blame, which nobody knows
        assert [claimed(worker), worker.claim()] == ["a1", None]
        worker.finish("a1", [NewPicture(png())])
        assert [claimed(worker), worker.claim()] == ["a2", None]
    store.recover()
    with another(store) as worker:
        assert [claimed(worker), worker.claim()] == ["a2", None]
    store.recover()
    with another(store) as worker:
        assert store.job("a2").error == POISON
        assert [claimed(worker), worker.claim()] == ["a3", None]
        worker.finish("a3", [NewPicture(png())])
        assert claimed(worker) == "a4"
        queue(store)
        assert claimed(worker) == "a5"


def test_a_job_wanted_to_stop_is_cancelled_when_its_worker_dies(store: Store) -> None:
    queue(store, 2)
    with another(store) as worker:
        claimed(worker)
        claimed(worker)
        begun = worker.begin("make", {}, "")
        store.cancel("a1")
    assert [(job.id, job.state) for job in store.recover()] == [
        ("a1", "cancelled"),
        ("a2", "queued"),
        ("a3", "failed"),
    ]
    assert store.job(begun.id).error == INTERRUPTED


def test_a_clean_shutdown_gives_jobs_back_uncounted(store: Store) -> None:
    queue(store, 3)
    for _ in range(3):
        with another(store) as worker:
            assert [claimed(worker), claimed(worker)] == ["a1", "a2"]
            released = worker.release("a2")
            assert (released.state, released.attempts) == ("queued", 0)
            worker.release("a1")
    with another(store) as worker:
        claimed(worker)
        store.cancel("a1")
        assert worker.release("a1").state == "cancelled"
        assert claimed(worker) == "a2"


def test_a_worker_taken_for_dead_cannot_end_what_another_draws(store: Store, worker: Store) -> None:
    queue(store)
    claimed(worker)
    [lock] = (store.database.folder / "workers").iterdir()
    lock.unlink()  # as a broken file system might
    store.recover()
    with pytest.raises(RequestError, match="job a1 is queued"):
        worker.finish("a1", [NewPicture(png())])
    assert claimed(store) == "a1"
    with pytest.raises(RequestError, match="job a1 is drawn by another process"):
        worker.finish("a1", [NewPicture(png())])
    assert store.finish("a1", [NewPicture(png())]).state == "done"
    assert not store.check().problems
