"""Whether there is a worker that answers, and what is said where there is none.

A worker that ends now and then is started again, and nobody needs to know. One that says that it
cannot start, or ends before it was ever ready, several times in a row, has failed: nothing is
drawn, so whoever waits is told so, and whoever comes is turned away. It is tried again all the
same, for a disk may be put back in.
"""

from __future__ import annotations

import asyncio
import logging

from molnar.app.server.limits import Silent
from molnar.base.errors import one_line

HOPELESS = 3  # ends in a row, none of them after the worker was ready
RECYCLED = 75  # exit status of a worker whose memory had grown too far
_LOG = logging.getLogger(__name__)


class Health:
    """How the worker is. For one asyncio loop.

    Example:
        >>> health = Health()
        >>> health.state
        'starting'
        >>> health.is_ready()
        >>> health.state, health.never_ready
        ('ready', False)
    """

    def __init__(self) -> None:
        self.state = "starting"  # starting, ready, restarting or failed
        self.trouble = ""  # why it failed
        self.never_ready = True
        self._ends = 0  # in a row
        self._said = ""
        self._known = asyncio.Event()  # ready or failed
        self._failed = asyncio.Event()

    def is_ready(self) -> None:
        """Take note that it has its model."""
        self.state, self.never_ready, self.trouble, self._said = "ready", False, "", ""
        self._ends = 0
        self._known.set()
        self._failed.clear()

    def has_ended(self, status: int) -> None:
        """Take note that it is no more, with an exit status; negative is a signal."""
        if self.state == "ready" and status != RECYCLED:
            self.say(f"the worker ended ({ending(status)}); it is started again")
        self._ends += 1
        if self.state == "failed":
            return
        if self._ends >= HOPELESS:
            self.has_failed(f"the worker ended {self._ends} times in a row ({ending(status)})")
            return
        self.state = "restarting"
        self._known.clear()

    def has_failed(self, why: str) -> None:
        """Take note that it cannot work, and say so once."""
        self.state, self.trouble = "failed", why
        if not self.hopeless:  # else it is said at the end
            self.say(why)
        self._known.set()
        self._failed.set()

    @property
    def hopeless(self) -> bool:
        """Whether it failed before it ever worked: then the server ends, too."""
        return self.state == "failed" and self.never_ready

    def say(self, line: str) -> None:
        """Say something on stderr; the same thing again and again is said once."""
        if line != self._said:
            _LOG.error("%s", one_line(line, 600))
        self._said = line

    def check(self) -> None:
        """Refuse what would wait for a worker that has failed.

        Raises:
            Silent: It has.
        """
        if self.state == "failed":
            raise Silent(f"nothing can be drawn: {self.trouble}")

    async def known(self, most: float) -> None:
        """Wait until it is ready, at most so many seconds.

        Raises:
            Silent: It has failed, or it takes longer.
        """
        try:
            await asyncio.wait_for(self._known.wait(), most)
        except asyncio.TimeoutError:
            raise Silent("the model is not ready yet; try again") from None
        self.check()

    async def failed(self) -> None:
        """Wait until it has failed."""
        await self._failed.wait()


def ending(status: int) -> str:
    """Say how a process ended.

    Example:
        >>> ending(-9), ending(1)
        ('signal 9', 'status 1')
    """
    return f"signal {-status}" if status < 0 else f"status {status}"
