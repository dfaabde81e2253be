"""Long answers that are heard to live: a comment wherever nothing else came for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

BEAT = b": beat\n\n"  # a comment (HTML standard, section 9.2.6)
BEAT_SECONDS = 15.0


async def beaten(
    source: AsyncIterator[bytes], seconds: float | None = None
) -> AsyncIterator[bytes]:
    """Pass chunks on, with a comment wherever none came for so long: both ends know it lives."""
    pending: asyncio.Future[bytes] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(anext(source))  # type: ignore[arg-type]
            done, _ = await asyncio.wait({pending}, timeout=seconds or BEAT_SECONDS)
            if not done:
                yield BEAT
                continue
            try:
                chunk = pending.result()
            except StopAsyncIteration:
                return
            finally:
                pending = None
            yield chunk
    finally:
        if pending is not None:
            pending.cancel()
