"""`python -m molnar.app.server.worker`: the process that holds the model and draws what is queued.

It takes jobs from the history's queue in their order, several at once, each in a thread; says what
happens in lines of JSON on its stdout; and listens on its stdin: to `wake` (there is something in
the queue), `cancel`, `ask` and `quit`. When its stdin ends, so does it, and what it was drawing
goes back into the queue.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from molnar.app.jobs import Store
from molnar.app.server.answers import answer
from molnar.app.server.drawing import Easel, Running
from molnar.base.config import from_json
from molnar.base.errors import MolnarError, RequestError, one_line
from molnar.bridge.options import Options

Message = dict[str, Any]
Say = Callable[[Message], None]
CHECK_SECONDS = 5.0  # between looks at the queue and at memory, where nothing else happens
ASKS = 2  # answered at once
RECYCLED = 75  # exit status: memory had grown too far, start me again


class Worker:
    """A model and the jobs it is drawing."""

    def __init__(self, store: Store, easel: Easel, say: Say, *, slots: int, most_memory: int):
        """Remember what to work with.

        Args:
            store: The history, for the thread that calls `run`.
            easel: The model, and how a job is drawn with it.
            say: Sends a message.
            slots: Jobs at once.
            most_memory: Bytes; beyond that the process ends when it is idle. 0 = never.
        """
        self.store, self.easel, self.say = store, easel, say
        self.slots, self.most_memory = slots, most_memory
        self.inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._running: dict[str, Running] = {}
        self._asks = ThreadPoolExecutor(ASKS, thread_name_prefix="molnar-ask")

    def run(self) -> int:
        """Work until told to end; return the exit status."""
        while True:
            self._take()
            try:
                message = self.inbox.get(timeout=CHECK_SECONDS)
            except queue.Empty:
                message = {"do": "wake"}
            do = message.get("do")
            if do == "quit":
                return self._quit()
            if do == "over":
                self._over(str(message["job"]))
            elif do == "cancel":
                self._cancel(str(message["job"]))
            elif do == "ask":
                self._asks.submit(self._answer, message)
            if not self._running and self._too_large():
                return RECYCLED

    def _take(self) -> None:
        """Begin what is queued, as far as there is place."""
        while len(self._running) < self.slots:
            try:
                job = self.store.claim()
            except MolnarError as error:  # a full disk, a locked database: later perhaps
                self.say({"kind": "trouble", "error": one_line(error)})
                return
            if job is None:
                return
            running = Running(job, over=lambda name: self.inbox.put({"do": "over", "job": name}))
            self._running[job.id] = running
            running.begin(self.easel, self.say)

    def _over(self, job: str) -> None:
        running = self._running.pop(job, None)
        if running is not None:
            running.join()
            if running.failure is not None:
                self._failed(job, running.failure)
        if not self._running:
            gc.collect()
        self.say({"kind": "gauge", "memory": resident()})

    def _failed(self, job: str, line: str) -> None:
        """Record a failure, unless that was done where it happened, and tell it."""
        try:
            if self.store.job(job).state == "running":
                self.store.fail(job, line)
        except MolnarError as error:
            line = f"{line}; and it cannot be recorded: {one_line(error)}"
        self.say({"kind": "failed", "job": job, "error": line})

    def _cancel(self, job: str) -> None:
        running = self._running.get(job)
        if running is not None:
            running.stop("cancelled")
            return
        try:
            ended = self.store.job(job)
        except MolnarError:  # it has ended, and was deleted since
            return
        if ended.state in ("cancelled", "done", "failed"):
            self.say({"kind": ended.state, "job": ended.id, "error": ended.error})

    def _answer(self, message: Message) -> None:
        said: Message = {"kind": "answer", "number": message["number"]}
        try:
            what, arguments = str(message["what"]), dict(message["arguments"])
            said["result"] = answer(self.easel, what, arguments)
        except Exception as error:  # noqa: BLE001  # whatever it was, who asked is told
            said["error"] = one_line(error) or type(error).__name__
            said["asked_wrong"] = isinstance(error, (RequestError, MolnarError))
        self.say(said)

    def _too_large(self) -> bool:
        return bool(self.most_memory) and resident() > self.most_memory

    def _quit(self) -> int:
        for running in self._running.values():
            running.stop("released")
        for running in self._running.values():
            running.join()
        self._asks.shutdown(wait=False, cancel_futures=True)
        return 0


def resident() -> int:
    """Return the bytes of memory that this process holds; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def speaker(out: TextIO) -> Say:
    """Return a function that writes messages, one a line, from any thread."""
    lock = threading.Lock()

    def say(message: Message) -> None:
        line = json.dumps(message, default=str)  # ASCII holds what no UTF-8 can
        with lock, suppress(OSError):  # nobody reads any more: jobs are given back all the same
            out.write(line + "\n")
            out.flush()

    return say


def listen(source: TextIO, inbox: queue.SimpleQueue[Message]) -> None:
    """Put every message that comes in into an inbox, and at the end that it is over."""
    for line in source:
        try:
            message = json.loads(line)
        except ValueError:
            continue  # the half line of a web process that was killed
        if isinstance(message, dict):
            inbox.put(message)
    inbox.put({"do": "quit"})


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line that the web process wrote."""
    parser = argparse.ArgumentParser(prog="python -m molnar.app.server.worker")
    parser.add_argument("--data", type=Path, required=True, help="folder of the history")
    parser.add_argument("--model", default="sticker")
    parser.add_argument("--search", type=Path, action="append", default=[])
    parser.add_argument("--engine", default="onnx")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--options", default="{}", help="of a checkpoint, as JSON")
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--most-memory", type=int, default=0, metavar="BYTES")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Load the model and work."""
    given = options(arguments)
    # What libraries print must not end up between the messages.
    say = speaker(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    with Store.open(given.data) as store:
        try:
            easel = Easel.open(
                store, given.model, given.engine, threads=given.threads, search=given.search,
                slots=given.slots, options=from_json(Options, json.loads(given.options)),
            )  # fmt: skip
        except MolnarError as error:
            say({"kind": "trouble", "error": one_line(error), "fatal": True})
            return 1
        # A checkpoint is as large as it is: to start anew makes it no smaller.
        most = given.most_memory if easel.shared else 0
        worker = Worker(store, easel, say, slots=easel.slots, most_memory=most)
        reader = threading.Thread(target=listen, args=(sys.stdin, worker.inbox), daemon=True)
        reader.start()
        say({"kind": "ready", **easel.about(), "pid": os.getpid()})
        status = worker.run()
    return status


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # nothing that a thread still does is worth waiting for
