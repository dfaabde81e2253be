"""Requests that come at once begin a few at a time, so that whoever comes beside them is heard."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

AT_ONCE = 2  # that begin in one round of the loop; each takes a few milliseconds of it
PAST = ("/healthz", "/metrics")  # asked by those who watch


class Turnstile:
    """ASGI middleware that lets requests begin in the order in which they came.

    Without it a thousand that come in one moment are all begun in one round of the loop, and
    nothing else happens until that round is over.

    Args:
        app: What it stands around.
        at_once: How many begin in one round.
    """

    def __init__(self, app: ASGIApp, at_once: int = AT_ONCE) -> None:
        self.app, self.at_once = app, at_once
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and scope["path"] not in PAST:
            await self._turn()
        await self.app(scope, receive, send)

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            loop.call_soon(self._admit)
        await turn

    def _admit(self) -> None:
        """Let some begin, and the next ones in the next round."""
        for _ in range(min(self.at_once, len(self._waiting))):
            turn = self._waiting.popleft()
            if not turn.done():  # its client may have left
                turn.set_result(None)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._admit)
