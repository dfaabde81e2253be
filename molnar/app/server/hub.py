"""Where every dialect meets: orders in, jobs and their events out.

The hub lives in the web process. It writes orders into the queue of the history, and tells the
worker that there is something to do; what the worker says of a job goes to all who listen to it.
What a client has been told was accepted is on the disk: it survives the death of either process.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from molnar.app.job import Job
from molnar.app.jobs import Store
from molnar.app.orders import Order, checked, cost_of, pictures_of, said, to_json, verb_of
from molnar.app.queue import Queued, QueueFull
from molnar.app.server.events import ENDS, Event
from molnar.app.server.health import Health
from molnar.app.server.kept import there, unheard
from molnar.app.server.limits import Busy, Limits, Now, Silent, TooCostly, Unkept
from molnar.app.server.link import Link, Message
from molnar.app.server.lives import Lives
from molnar.app.server.metrics import Metrics
from molnar.base.errors import DataError, MolnarError, RequestError

T = TypeVar("T")
ASK_SECONDS = 120.0
MOST_ASKS = 64  # questions at once
TEND_SECONDS = 1.0  # between looks at jobs that are not heard of
RETRY_SECONDS = 2  # what a client whose job found no place is told to wait, at least


class Hub:
    """The queue, its worker, and everybody who waits."""

    def __init__(self, folder: Path, worker: Sequence[str] = (), limits: Limits | None = None):
        """Remember where the history is; `start` opens it.

        Args:
            folder: Of the history.
            worker: Arguments of the worker process, e.g. ["--model", "sticker"].
            limits: How much is taken on.
        """
        self.folder = folder
        self.limits = limits or Limits()
        self.metrics = Metrics()
        self.health = Health()
        self.about: dict[str, Any] = {}  # what the worker said of itself when it was ready
        self.lives = Lives(self.metrics)
        self._history = ThreadPoolExecutor(1, thread_name_prefix="molnar-history")
        self._store: Store | None = None
        self._reserved = 0  # places in the queue, given to orders that are being written
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tending: asyncio.Task[None] | None = None
        self.link = Link(["--data", str(folder), *worker], self._heard, self._died)

    async def start(self) -> None:
        """Open the history, take up what an earlier server left, and start the worker."""
        await self.link.start()  # it loads its model while the history is opened

        def opened() -> list[Job]:
            self._store = Store.open(self.folder)
            return self._store.open_jobs()

        for job in await self._run(opened):
            self.lives.queue(self.lives.begin(job.id))
        self.link.say({"do": "wake"})
        self._tending = asyncio.create_task(self._tend())

    async def stop(self) -> None:
        """End the worker; what it was drawing goes back into the queue."""
        if self._tending is not None:
            self._tending.cancel()
        await self.link.stop()
        if self._store is not None:
            await self._run(self._store.close)
        self._history.shutdown()

    async def store(self, call: Callable[[Store], T]) -> T:
        """Run something with the history, in the one thread that has it open.

        Raises:
            Unkept: The history itself is in trouble: nothing that a caller could do better.
        """
        try:
            return await self._run(lambda: call(self._opened()))
        except DataError as error:
            raise Unkept(str(error)) from None

    async def submit(
        self,
        orders: Sequence[Order],
        key: str | None = None,
        asked: Mapping[str, Any] | None = None,
    ) -> list[Job]:
        """Put orders into the queue, all or none.

        Args:
            orders: One job each.
            key: The same key again gives the jobs of the first time.
            asked: What the key stands for, where orders differ each time by a random seed.

        Raises:
            RequestError: Something in them is out of its range, or names what is not there.
            Busy: There is no place for them.
            Silent: There is no worker, and there will be none soon.
        """
        self.check_room(len(orders), key)
        self._reserved += len(orders)
        try:
            jobs, sizes = await self.store(lambda store: self._enqueued(store, orders, key, asked))
        except QueueFull:
            raise self._busy() from None
        finally:
            self._reserved -= len(orders)
        for job, order, (cost, pictures) in zip(jobs, orders, sizes, strict=False):
            if self.lives.get(job.id) is None and job.state not in ENDS:
                self.lives.queue(self.lives.begin(job.id, cost, pictures))
            self.metrics.accepted.labels(verb=verb_of(order)).inc()
        self.link.say({"do": "wake"})
        return jobs

    def check_room(self, jobs: int = 1, key: str | None = None) -> None:
        """Raise what `submit` would for want of room or a worker; a thousand may ask at once."""
        self.health.check()
        room = self.limits.waiting - len(self.lives.open("queued")) - self._reserved
        if jobs > room and key is None:
            raise self._busy()

    async def job(self, ref: str) -> Job:
        """Look a job up.

        Raises:
            RequestError: There is no such job.
        """
        return await self.store(lambda store: store.job(ref))

    async def wait(self, job_id: str) -> Job:
        """Wait until a job is done, failed or cancelled."""
        async for _ in self.events(job_id):
            pass
        return await self.job(job_id)

    async def events(self, job_id: str, after: int = 0) -> AsyncIterator[Event]:
        """Give a job's events after a number, old ones first, until its last.

        Raises:
            RequestError: There is no such job.
        """
        live = self.lives.get(job_id)
        if live is None:  # begun by another process, e.g. on the command line, or long ago
            while (job := await self.job(job_id)).state not in ENDS:
                await asyncio.sleep(TEND_SECONDS)
            yield ended(job)
            return
        async for event in live.follow(after):
            yield event

    async def cancel(self, job_id: str, forget: bool = False) -> Job:
        """Take a job out of the queue, or stop it between two steps.

        Args:
            job_id: Which.
            forget: What was asked under its idempotency key is drawn anew when it is asked again.
        """
        job = await self.store(lambda store: store.cancel(job_id, forget))
        live = self.lives.get(job.id)
        if job.state == "cancelled" and live is not None and not live.ended:
            self.lives.end(live, "cancelled", {})
        elif live is not None and not live.ended:
            live.stopping = True
            self._stop(job.id)
        return job

    async def interrupt(self) -> None:
        """Stop what is being drawn now; what waits is drawn all the same."""
        for live in self.lives.open("running"):
            await self.cancel(live.job)

    async def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Ask the worker something that is answered at once, beside the queue.

        Raises:
            RequestError: It cannot be answered as it was asked.
            Silent: The worker did not answer.
        """
        await self.health.known(ASK_SECONDS)
        if len(self._asked) >= MOST_ASKS:
            raise Silent(f"{len(self._asked)} questions are being answered already; try again")
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        self.link.say({"do": "ask", "number": number, "what": what, "arguments": arguments})
        try:
            return await asyncio.wait_for(answer, ASK_SECONDS)
        except asyncio.TimeoutError:
            raise Silent("the model did not answer in time; try again") from None
        finally:
            self._asked.pop(number, None)

    async def file(self, ref: str) -> bytes:
        """Read the PNG of a picture.

        Raises:
            RequestError: There is no such picture.
        """
        return await self.store(lambda store: there(store.picture(ref)).path.read_bytes())

    def now(self) -> Now:
        """Say what is being done at this moment."""
        return self.lives.now()

    # ------------------------------------------------------------------ the queue

    def _enqueued(
        self,
        store: Store,
        orders: Sequence[Order],
        key: str | None,
        asked: Mapping[str, Any] | None,
    ) -> tuple[list[Job], list[tuple[int, int]]]:
        """Write orders down; give their jobs, and the cost and number of pictures of each."""
        networks = self.about.get("networks", True)
        sure = [checked(order, store, networks=networks) for order in orders]
        sizes = [(cost_of(order, store), pictures_of(order, store)) for order in sure]
        self._affordable([cost for cost, _ in sizes])
        new = [
            Queued(verb=verb_of(order), prompt=said(order, store), order=to_json(order))
            for order in sure
        ]
        body = None if asked is None else json.dumps(asked, sort_keys=True)
        return store.enqueue(new, key, self.limits.waiting, body), sizes

    def _affordable(self, costs: Sequence[int]) -> None:
        most = self.limits.cost
        for cost in costs:
            if cost > most:
                raise TooCostly(
                    f"width x height x steps x pictures is {cost:,}; expected at most {most:,} "
                    "in one job: ask for fewer or smaller pictures, or fewer steps"
                )
        if sum(costs) + sum(live.cost for live in self.lives.open()) > self.limits.open_cost:
            raise self._busy()

    def _busy(self) -> Busy:
        waiting = len(self.lives.open("queued"))
        self.metrics.refused.inc()
        return Busy(waiting, max(RETRY_SECONDS, round(waiting * self.metrics.seconds_a_job())))

    # ------------------------------------------------------------------ the worker

    def _stop(self, job_id: str) -> None:
        self.link.say({"do": "cancel", "job": job_id})

    def _heard(self, message: Message) -> None:
        """Take one message of the worker."""
        kind = str(message.pop("kind", ""))
        if kind == "answer":
            self._answered(message)
        elif kind == "ready":
            self.about = message
            self.health.is_ready()
        elif kind == "trouble":
            note = self.health.has_failed if message.get("fatal") else self.health.say
            note(str(message.get("error")))
        elif kind == "gauge":
            self.metrics.measured(message)
        elif "job" in message:
            live = self.lives.begin(str(message.pop("job")))
            self.lives.happened(live, kind, message, self._stop)

    def _answered(self, message: Message) -> None:
        future = self._asked.get(int(message.get("number", 0)))
        if future is None or future.done():
            return
        if "error" in message:
            wrong = RequestError if message.get("asked_wrong") else MolnarError
            future.set_exception(wrong(str(message["error"])))
        else:
            future.set_result(message["result"])

    async def _died(self, status: int) -> None:
        """Find out what became of the jobs of a worker that is no more."""
        self.health.has_ended(status)
        self.metrics.deaths.inc()
        for future in self._asked.values():
            if not future.done():
                future.set_exception(Silent("the model stopped while it answered; try again"))
        running = self.lives.open("running")

        def looked(store: Store) -> dict[str, Job]:
            store.recover()
            return {live.job: store.job(live.job) for live in running}

        for job_id, job in (await self.store(looked)).items():
            live = self.lives.begin(job_id)
            if job.state in ENDS:
                event = ended(job)
                self.lives.end(live, event.kind, event.data)
            else:
                self.lives.queue(live)

    async def _tend(self) -> None:
        """Find out what became of jobs that another server, or one before, has in hand."""
        doubtful: set[str] = set()
        while True:
            await asyncio.sleep(TEND_SECONDS)
            try:
                doubtful = await self._settled(doubtful)
            except MolnarError as error:  # a locked database, a full disk: the next time perhaps
                self.health.say(str(error))

    async def _settled(self, doubtful: set[str]) -> set[str]:
        """End what was doubtful the last time, too; return what has ended unheard."""
        lives = {live.job: live for live in self.lives.open()}
        if not lives:
            return set()

        def looked(store: Store) -> dict[str, Job | None]:
            if self.link.alive:  # or `_died` says what became of its jobs
                store.recover(blame=False)  # those of a server before this one
            return unheard(store, lives)

        silent = await self.store(looked)
        self.link.say({"do": "wake"})  # what others gave back is in the queue without a word
        for name in doubtful & set(silent):
            job, live = silent[name], lives[name]
            if not live.ended:
                event = Event(0, "cancelled", {}) if job is None else ended(job)
                self.lives.end(live, event.kind, event.data)
        return set(silent)

    def _opened(self) -> Store:
        assert self._store is not None, "the hub is not started"
        return self._store

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._history, call)


def ended(job: Job) -> Event:
    """Give the last event of a job that ended before anybody listened."""
    data = {"error": job.error} if job.state == "failed" else {}
    return Event(1, job.state, data)
