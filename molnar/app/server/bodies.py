"""A request's body as it comes in: counted, and not waited for forever."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from molnar.app.server.checks import Refusal, too_large
from molnar.app.server.policy import Policy

if TYPE_CHECKING:
    from starlette.types import Message, Receive


class BodyError(Exception):
    """The body was refused while it was read; the guard knows why and says so."""


class Body:
    """What an application reads from instead of the connection."""

    def __init__(self, receive: Receive, policy: Policy, path: str) -> None:
        self._receive = receive
        self._policy = policy
        self._path = path
        self._bytes = 0
        self._until: float | None = None
        self.ended = False
        self.refusal: Refusal | None = None

    async def receive(self) -> Message:
        """Return the next message, as ASGI has it.

        Raises:
            BodyError: The body is too large, or does not come.
        """
        if self.refusal is not None:
            raise BodyError(self.refusal.message)
        if self.ended:  # now it is the end of the connection that is waited for
            return await self._receive()
        policy, now = self._policy, asyncio.get_running_loop().time()
        self._until = self._until or now + policy.body_seconds
        patience = min(policy.idle_seconds, self._until - now)
        try:
            message = await asyncio.wait_for(self._receive(), max(patience, 0.001))
        except asyncio.TimeoutError:
            raise self._refused(
                Refusal(408, f"no more of the body came for {patience:.0f} s; send it again")
            ) from None
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            if self._bytes > policy.limit(self._path):
                raise self._refused(too_large(policy, self._path))
        self.ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    def _refused(self, why: Refusal) -> BodyError:
        self.refusal = why
        return BodyError(why.message)

    async def drain(self) -> None:
        """Read on for a while and throw it away.

        A client that is still sending would see its connection break, not our answer.
        """
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._rest(), self._policy.drain_seconds)

    async def _rest(self) -> None:
        while not self.ended:
            message = await self._receive()
            self.ended = message["type"] != "http.request" or not message.get("more_body", False)
