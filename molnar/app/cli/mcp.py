"""`molnar mcp`: draws for an agent that started it, over stdin and stdout; no server is needed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

import click

from molnar.app.cli.models import search
from molnar.base.errors import RequestError

if TYPE_CHECKING:
    from molnar.app.job import Job, StoredPicture
    from molnar.app.jobs import Store
    from molnar.app.orders import Order
    from molnar.app.server.agents.desk import Tell
    from molnar.app.session import Session

T = TypeVar("T")


class OwnDesk:
    """This process: a history, and a model that is loaded when something is first drawn.

    Drawing has a thread, and looking things up another one, so that a question is answered while
    a picture is drawn.
    """

    def __init__(self, model: str, engine: str, threads: int | None) -> None:
        """Remember which model to load.

        Args:
            model: Name or folder.
            engine: "onnx" or "torch".
            threads: Of the CPU; one per core if None.
        """
        self._wanted = (model, engine, threads)
        self._drawing = ThreadPoolExecutor(1, thread_name_prefix="molnar-drawing")
        self._history = ThreadPoolExecutor(1, thread_name_prefix="molnar-history")
        self._store: Store | None = None  # of the thread for questions
        self._session: Session | None = None  # of the thread that draws

    async def draw(self, orders: Sequence[Order], tell: Tell) -> list[Job]:
        """Draw; being cancelled stops between two steps."""
        from molnar.app.orders.checking import checked

        await self.look(lambda store: [checked(order, store) for order in orders])
        loop = asyncio.get_running_loop()
        told: asyncio.Queue[tuple[float, str] | None] = asyncio.Queue()
        stop = threading.Event()

        def say(share: float, what: str) -> None:
            loop.call_soon_threadsafe(told.put_nowait, (share, what))

        def work() -> list[Job]:
            return [
                self._drawn(order, stop, lambda s, w, k=k: say((k + s) / len(orders), w))  # type: ignore[misc]
                for k, order in enumerate(orders)
            ]

        done = loop.run_in_executor(self._drawing, work)
        done.add_done_callback(lambda _: told.put_nowait(None))
        try:
            while (news := await told.get()) is not None:
                await tell(*news)
            return await done
        finally:
            stop.set()

    def _drawn(self, order: Order, stop: threading.Event, say: Callable[[float, str], None]) -> Job:
        """Draw one order in the thread for it."""
        import dataclasses

        from molnar.app.orders.tasks import task_of
        from molnar.app.session import Drawn, Finished

        if stop.is_set():
            raise RequestError("it was cancelled before it was begun")
        session = self._opened()
        task = task_of(session, order)
        if notes := session.notes(task):
            task = dataclasses.replace(task, extra={**task.extra, "notes": notes})
        finished = 0
        with closing(session.draw(task)) as events:
            for event in events:
                if stop.is_set():
                    break
                if isinstance(event, Finished):
                    return event.job
                if isinstance(event, Drawn):
                    finished += 1
                    say(finished / task.count, f"drew {event.reference}")
                else:
                    step = event.step
                    share = (finished + (step.index + 1) / step.of) / task.count
                    say(min(share, 1.0), f"step {step.index + 1} of {step.of}")
        raise RequestError("it was cancelled")

    async def look(self, call: Callable[[Store], T]) -> T:
        """Run something with the history, in the thread for it."""

        def opened() -> T:
            from molnar.app.jobs import Store

            if self._store is None:
                self._store = Store.open()
            if not self._store.enabled:
                raise RequestError(
                    "the history is off, and pictures for an agent are kept there; "
                    "unset MOLNAR_HISTORY"
                )
            return call(self._store)

        return await asyncio.get_running_loop().run_in_executor(self._history, opened)

    async def models(self) -> list[dict[str, Any]]:
        """Describe the model; this loads it."""

        def described() -> list[dict[str, Any]]:
            from molnar.app.server.answers import models

            session = self._opened()
            found: list[dict[str, Any]] = models(session, session)["models"]  # type: ignore[arg-type]
            return found

        return await asyncio.get_running_loop().run_in_executor(self._drawing, described)

    async def frame(self) -> dict[str, int]:
        """Give the size that the model draws best; nothing is loaded."""
        from molnar.drawers import native_size

        return await asyncio.to_thread(native_size, self._wanted[0], search())

    def place(self, picture: StoredPicture) -> str:
        """Give the path of a picture's file."""
        return picture.path.resolve().as_uri()

    def close(self) -> None:
        """End; what is being drawn stops, and counts as interrupted."""
        drawing = self._session.store if self._session else None
        for pool, store in ((self._drawing, drawing), (self._history, self._store)):
            if store is not None:
                pool.submit(store.close)  # in the thread that opened it
            pool.shutdown()

    def _opened(self) -> Session:
        if self._session is None:
            from molnar.app.jobs import Store
            from molnar.app.jobs_schema import data_folder
            from molnar.app.session import Session
            from molnar.drawers import open_model

            model, engine, threads = self._wanted
            self._session = Session(
                Store.open(),
                lambda: open_model(
                    model, engine, threads=threads, search=search(), home=data_folder()
                ),
            )
        return self._session


@click.command()
@click.option("-m", "--model", default="sticker", show_default=True, help="Name or folder.")
@click.option("--engine", default="onnx", show_default=True, help="onnx or torch.")
@click.option("-t", "--threads", type=int, help="CPU threads; one per core if absent.")
def mcp(model: str, engine: str, threads: int | None) -> None:
    """Draw for an agent (Model Context Protocol, over stdin and stdout).

    Name `molnar mcp` as the command of an MCP server in the agent's settings; it has the tools
    generate_image, edit_image, get_job and list_models. A running `molnar serve` has the same at
    /mcp.
    """
    desk = OwnDesk(model, engine, threads)
    try:
        asyncio.run(_serve(desk))
    finally:
        desk.close()


async def _serve(desk: OwnDesk) -> None:
    from mcp.server.stdio import stdio_server

    from molnar.app.server.agents.protocol import server_of

    server = server_of(lambda _: desk)
    async with stdio_server() as (source, target):
        await server.run(source, target, server.create_initialization_options())
