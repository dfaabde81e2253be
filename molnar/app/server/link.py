"""The worker process, seen from the web process: messages to it, messages from it, and its deaths.

One JSON object a line each way, over pipes that nobody else can open. When the web process dies,
however it dies, the worker reads the end of its pipe and ends too; when the worker dies it is
started again, sooner the first time than the tenth.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
LINE = 64 * 2**20  # bytes: an explanation is a page with pictures in it
# Seconds before the next start, by how many failed in a row.
WAIT = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
WELL = 20.0  # seconds: a worker that lived so long was no failure
#: Of a worker, where nobody set them otherwise. An arena of memory for each thread that ever drew
#: would hold 200 MB more; and a thread of numpy's own waits for its next product by spinning, which
#: takes a core away from the network.
SETTINGS = {"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1"}
GRACE = 10.0  # seconds to end in when asked
#: Seconds from its death to what follows from it: who kills both processes, one after the other, is
#: done by then, and no job is blamed for that.
SURE = 0.2
_LOG = logging.getLogger(__name__)


class Link:
    """Keeps one worker running.

    Example:
        >>> link = Link(["--model", "sticker"], heard, died)  # doctest: +SKIP
        >>> await link.start()  # doctest: +SKIP
    """

    def __init__(
        self,
        arguments: list[str],
        heard: Callable[[Message], None],
        died: Callable[[int], Awaitable[None]],
    ) -> None:
        """Remember how to start a worker.

        Args:
            arguments: Of `python -m molnar.app.server.worker`.
            heard: Called with each of its messages.
            died: Awaited with the exit status whenever it ended without being asked to.
        """
        self._arguments = arguments
        self._heard = heard
        self._died = died
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ending = False
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The worker's process number, while there is one."""
        return self._process.pid if self._process is not None else None

    @property
    def alive(self) -> bool:
        """Whether there is a worker."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the worker, and from now on start it again whenever it ends."""
        await self._launch()
        self._keeper = asyncio.create_task(self._keep())

    def say(self, message: Message) -> None:
        """Send a message; one to a worker that just died is lost, the queue is in the database."""
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            return
        with contextlib.suppress(OSError, RuntimeError):
            process.stdin.write(json.dumps(message).encode() + b"\n")

    async def stop(self) -> None:
        """Let the worker put its work back into the queue, and end it."""
        self._ending = True
        process = self._process
        if process is not None and process.returncode is None:
            self.say({"do": "quit"})
            try:
                await asyncio.wait_for(process.wait(), GRACE)
            except asyncio.TimeoutError:
                process.kill()
                await process.wait()
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper

    async def _launch(self) -> None:
        self.starts += 1
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "molnar.app.server.worker",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE,
            env={**SETTINGS, **os.environ},
            start_new_session=True,  # Ctrl-C is for the web process, which then asks it to end
        )

    async def _keep(self) -> None:
        failures = 0
        while True:
            assert self._process is not None
            begun = time.monotonic()
            await self._listen(self._process)
            status = await self._process.wait()
            if self._ending:
                return
            failures = 0 if time.monotonic() - begun > WELL else failures + 1
            await asyncio.sleep(SURE)
            try:
                await self._died(status)
            except Exception:  # noqa: BLE001  # without a worker nothing is ever drawn again
                _LOG.exception("what the worker left could not be settled")
            await asyncio.sleep(WAIT[min(failures, len(WAIT)) - 1] if failures else 0)
            await self._launch_at_last()

    async def _launch_at_last(self) -> None:
        """Start the worker, as soon as the system has the memory and the processes for it."""
        while True:
            try:
                return await self._launch()
            except OSError as error:
                _LOG.error("the worker cannot be started: %s", error.strerror or error)
                await asyncio.sleep(WAIT[-1])

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except (ValueError, OSError):  # a line without an end: it cannot be trusted any more
                process.kill()
                return
            if not line:
                return
            try:
                message = json.loads(line)
            except ValueError:
                continue  # a half line, as it was killed
            if isinstance(message, dict):
                try:
                    self._heard(message)
                except Exception:  # noqa: BLE001  # one odd message does not end the listening
                    _LOG.exception("a message of the worker could not be taken")
