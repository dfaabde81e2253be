"""Jobs of callers who went away: cancelled by a task of its own, as the caller's is ending."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from molnar.base.errors import MolnarError

if TYPE_CHECKING:
    from molnar.app.server.hub import Hub

_tasks: set[asyncio.Task[None]] = set()  # a task that nothing refers to may be collected


def cancel_later(hub: Hub, job: str) -> None:
    """Cancel a job from code that is being cancelled itself and must not wait any more."""

    async def quietly() -> None:
        with suppress(MolnarError):  # it has ended meanwhile, or was deleted
            await hub.cancel(job, forget=True)  # who asks again wants pictures

    task = asyncio.get_running_loop().create_task(quietly())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
