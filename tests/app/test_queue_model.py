"""The queue against a model of it that fits on a page: whatever is done, in whatever order."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from molnar.app.blame import ATTEMPTS
from molnar.app.jobs import Store
from molnar.app.queue import Queued, QueueFull

MOST = 6
WORKERS = 2
WHO = st.integers(0, WORKERS - 1)
WHICH = st.integers(0, 10**6)


@dataclass
class Known:
    """What must be true of a job."""

    state: str = "queued"
    attempts: int = 0
    deaths: int = 0
    owner: int | None = None
    stopping: bool = False


class Model(RuleBasedStateMachine):
    """Two workers and whoever queues."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.folder = Path(self.home.name)
        self.store = Store.open(self.folder)
        self.workers = [Store.open(self.folder) for _ in range(WORKERS)]
        self.jobs: dict[str, Known] = {}

    def teardown(self) -> None:
        for one in (*self.workers, self.store):
            one.close()
        self.home.cleanup()

    def of(self, state: str, owner: int | None = None) -> list[str]:
        return [
            name
            for name, job in self.jobs.items()
            if job.state == state and owner in (None, job.owner)
        ]

    @rule(count=st.integers(1, 3))
    def enqueue(self, count: int) -> None:
        orders = [Queued(verb="make", prompt="a", order={"k": k}) for k in range(count)]
        try:
            jobs = self.store.enqueue(orders, most=MOST)
        except QueueFull:
            assert len(self.of("queued")) + count > MOST
            return
        assert len(self.of("queued")) + count <= MOST
        assert not {job.id for job in jobs} & {*self.jobs}
        self.jobs.update((job.id, Known()) for job in jobs)

    @rule(who=WHO, often=st.integers(1, 3))
    def claim(self, who: int, often: int) -> None:
        for _ in range(often):
            self.claim_one(who)

    def claim_one(self, who: int) -> None:
        waiting, mine = self.of("queued"), self.of("running", who)
        again = [
            name for name in (*waiting[:1], *mine) if self.jobs[name].attempts > (name in mine)
        ]
        expected = None if not waiting or (mine and again) else waiting[0]
        job = self.workers[who].claim()
        assert (job.id if job else None) == expected
        if expected:
            known = self.jobs[expected]
            known.state, known.owner, known.attempts = "running", who, known.attempts + 1

    @rule(which=WHICH, who=WHO, how=st.sampled_from(("finish", "fail", "stopped", "release")))
    def end(self, which: int, who: int, how: str) -> None:
        mine = self.of("running", who)
        if not mine:
            return
        name = mine[which % len(mine)]
        worker, known = self.workers[who], self.jobs[name]
        ends = {
            "finish": lambda: worker.finish(name, []),
            "fail": lambda: worker.fail(name, "why"),
            "stopped": lambda: worker.stopped(name),
            "release": lambda: worker.release(name),
        }
        ends[how]()
        states = {"finish": "done", "fail": "failed", "stopped": "cancelled"}
        known.state = states.get(how, "cancelled" if known.stopping else "queued")
        known.attempts -= how == "release"

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        if not self.jobs:
            return
        name = [*self.jobs][which % len(self.jobs)]
        known = self.jobs[name]
        self.store.cancel(name)
        if known.state == "queued":
            known.state = "cancelled"
        known.stopping = known.stopping or known.state == "running"

    @rule(who=WHO, blame=st.booleans())
    def die(self, who: int, blame: bool) -> None:
        self.workers[who].close()
        names = self.of("running", who)
        for name in names:
            known = self.jobs[name]
            known.deaths += blame and len(names) == 1
            again = "queued" if known.deaths < 2 and known.attempts < ATTEMPTS else "failed"
            known.state = "cancelled" if known.stopping else again
        if blame:
            self.store.recover()
        self.workers[who] = Store.open(self.folder)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = Store.open(self.folder)

    @rule()
    def prune(self) -> None:
        self.store.prune(keep=0)
        self.jobs = {name: self.jobs[name] for name in (*self.of("queued"), *self.of("running"))}
        self.jobs = dict(
            sorted(self.jobs.items(), key=lambda item: self.store.find(item[0]).serial)
        )

    @invariant()
    def agrees(self) -> None:
        found = {job.id: job for job in reversed(self.store.search(limit=1_000))}
        assert [*found] == [*self.jobs]
        for name, known in self.jobs.items():
            job = found[name]
            assert (job.state, job.attempts) == (known.state, known.attempts)
            assert job.stopping == (known.stopping and known.state == "running")
            assert (job.finished is None) == (known.state in ("queued", "running"))
        waiting = self.of("queued")
        assert self.store.waiting() == len(waiting)
        assert [self.store.position(name) for name in waiting] == [*range(1, len(waiting) + 1)]


TestModel = Model.TestCase
TestModel.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
