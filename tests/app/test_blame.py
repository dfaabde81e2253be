"""A job is to blame for the end of a worker that drew it alone, and for no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from molnar.app.blame import ATTEMPTS, ENDLESS, POISON
from molnar.app.jobs import Store
from molnar.app.queue import Queued


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        yield opened


def another(store: Store) -> Store:
    return Store.open(store.database.folder)


def queue(store: Store, count: int = 1) -> None:
    store.enqueue([Queued(verb="make", prompt="a fox", order={"k": k}) for k in range(count)])


def claimed(store: Store) -> str:
    job = store.claim()
    assert job is not None
    return job.id


def test_a_job_is_blamed_for_no_death_but_that_of_a_worker_it_had_alone(store: Store) -> None:
    queue(store, 2)
    with another(store) as worker:
        assert [claimed(worker), claimed(worker)] == ["a1", "a2"]
    assert [job.state for job in store.recover()] == ["queued"] * 2  # who of the two was it?
    with another(store) as worker:
        assert [claimed(worker), worker.claim()] == ["a1", None]
    assert [(job.id, job.state) for job in store.recover()] == [("a1", "queued")]
    with another(store) as worker:
        assert [claimed(worker), worker.claim()] == ["a1", None]
    assert [(job.id, job.error, job.attempts) for job in store.recover()] == [("a1", POISON, 3)]
    assert store.job("a2").state == "queued"


def test_when_all_goes_down_no_job_is_blamed_but_none_is_tried_for_ever(store: Store) -> None:
    queue(store)
    for attempt in range(1, ATTEMPTS + 1):
        with another(store) as worker:
            assert claimed(worker) == "a1"
        [job] = store.recover(blame=False)
        assert job.attempts == attempt
        assert (job.state, job.error) == (
            ("queued", None) if attempt < ATTEMPTS else ("failed", ENDLESS)
        )
