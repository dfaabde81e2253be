"""A job of the queue in, its pictures in the history out, and every step told on the way."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from molnar.app.job import Job, NewPicture
from molnar.app.jobs import Store
from molnar.app.jobs_schema import Database
from molnar.app.orders import order_from, pictures_of
from molnar.app.orders.tasks import task_of
from molnar.app.server.reasons import ShortError, explained, placeless
from molnar.app.server.sheet import Quiet, Sheet
from molnar.app.session import Drawn, Finished, Numbered, Session, Stepped
from molnar.base.errors import one_line
from molnar.base.request import Request
from molnar.base.types import Step
from molnar.bundle import Bundle
from molnar.drawers import Drawer, Guest, checkpoint, open_model
from molnar.engines.sharing import Shared
from molnar.latent.preview import Previewer, encoded
from molnar.pipeline import Pipeline

if TYPE_CHECKING:
    from molnar.bridge.options import Options

Say = Callable[[dict[str, Any]], None]


class Easel:
    """A model that draws several pictures at once, if it is ours; a checkpoint draws one.

    A picture is a thread; what all of them compute at a moment is put together (`engines/
    sharing.py`). One job gets half of the places at most, so that the next need not wait for it.
    """

    def __init__(self, store: Store, drawer: Drawer, shared: Shared | None, slots: int) -> None:
        """Join a model and a history.

        Args:
            store: The history, as the worker claims jobs from it.
            drawer: The model, on `shared`.
            shared: Its parts; None: it is a checkpoint.
            slots: Pictures at once.
        """
        self.store, self.drawer, self.shared = store, drawer, shared
        self.guest: Guest | None = None if shared else cast("Guest", drawer)
        self.slots = slots if shared else 1
        self._previewer = None
        if shared is not None and isinstance(drawer, Pipeline):
            self._previewer = Previewer(shared, drawer.bundle.manifest.latent)
        self.quiet = Quiet()
        self._places = threading.BoundedSemaphore(slots)
        self._of_one = max(1, slots // 2)

    @classmethod
    def open(
        cls,
        store: Store,
        model: str,
        engine: str,
        *,
        threads: int | None,
        search: Sequence[Path],
        slots: int,
        options: Options | None = None,
    ) -> Easel:
        """Load a model.

        Raises:
            BundleError: It is not there, or is damaged.
        """
        if checkpoint(model, search) is not None:
            drawer = open_model(
                model, threads=threads, search=search, options=options, home=store.database.folder
            )
            return cls(store, drawer, None, slots)
        bundle = Bundle.load(model, search=search)
        shared = Shared(bundle, engine, threads=threads)
        return cls(store, Pipeline(bundle, shared, engine), shared, slots)

    def about(self) -> dict[str, Any]:
        """Say which model this is."""
        drawer = self.drawer
        named = {"model": drawer.name, "hash": drawer.hash, "engine": drawer.engine}
        best = {} if self.guest is None else self.guest.card()["defaults"]
        frame = {side: int(best[side]) for side in ("height", "width") if best}
        return {**named, "networks": not isinstance(drawer, Pipeline), "frame": frame}

    def session(self) -> Session:
        """Give a session for the calling thread; to be closed there."""
        store = Store(Database(self.store.database.folder))
        self.store.lend(store)  # what that thread draws was claimed by the worker's own
        return Session(store, self._apart, self._side_by_side if self.shared else None)

    def preview(self, step: Step) -> bytes:
        """Give what a picture will look like, as far as can be said: a small WebP."""
        if self._previewer is not None:
            return self._previewer.encoded(step.x0)
        assert self.guest is not None
        return encoded(self.guest.preview(step))

    def _apart(self) -> Drawer:
        apart: Drawer = self.drawer.apart(self.drawer.library)
        return apart

    def _side_by_side(self, pipeline: Pipeline, requests: Sequence[Request]) -> Iterator[Numbered]:
        """Draw the pictures of a job at once: their steps and themselves, as they come."""
        assert self.shared is not None
        units = [(request, index) for request in requests for index in range(request.count)]
        sheet = Sheet(pipeline, self.shared, self._places, self._of_one, self.quiet)
        yield from sheet.draw(units)


@dataclass
class Running:
    """A claimed job in its thread."""

    job: Job
    over: Callable[[str], None]
    why: str = ""  # it is to end before its end: cancelled or released
    failure: str | None = None  # why it could not be drawn
    thread: threading.Thread | None = None

    def begin(self, easel: Easel, say: Say) -> None:
        """Start to draw."""
        self.thread = threading.Thread(
            target=self._run, args=(easel, say), name=f"molnar-{self.job.id}"
        )
        self.thread.start()

    def stop(self, why: str) -> None:
        """Let it end between two steps; being cancelled counts more than going back."""
        self.why = "cancelled" if "cancelled" in (why, self.why) else why

    def join(self) -> None:
        """Wait until it has ended."""
        if self.thread is not None:
            self.thread.join()

    def _run(self, easel: Easel, say: Say) -> None:
        """Draw a job and tell how it ended, whatever happens."""
        try:
            with easel.session() as session:
                self._draw(easel, session, say)
        except Exception as error:  # noqa: BLE001  # one job's trouble is not another's
            told = explained(error)
            if isinstance(told, ShortError):
                say({"kind": "gauge", "out_of_memory": True})
            self.failure = placeless(one_line(told))
        finally:
            self.over(self.job.id)

    def _draw(self, easel: Easel, session: Session, say: Say) -> None:
        job = self.job.id
        order = order_from(self.job.extra["order"])
        say({"kind": "started", "job": job, "pictures": pictures_of(order, session.store)})
        task = task_of(session, order)
        notes = session.notes(task)
        task = replace(task, extra={**task.extra, "notes": notes} if notes else task.extra)
        kept: dict[int, NewPicture] = {}
        with closing(session.draw(task, self.job)) as events:
            for event in events:
                if isinstance(event, Stepped):
                    say({"job": job, **stepped(event, easel.preview)})
                elif isinstance(event, Drawn):
                    kept[event.number] = NewPicture.of(event.picture, event.png)
                    say({"job": job, **drawn(event)})
                elif isinstance(event, Finished):
                    say({"kind": "done", "job": job})
                    return
                if self.why:
                    break
        if self.why == "cancelled":
            session.store.stopped(job, kept)
            say({"kind": "cancelled", "job": job})
        else:
            session.store.release(job)


def stepped(event: Stepped, preview_of: Callable[[Step], bytes]) -> dict[str, Any]:
    """Tell a step: what the picture will look like, as far as can be said."""
    step = event.step
    preview = preview_of(step)
    return {
        "kind": "step",
        "picture": event.number,
        "index": step.index,
        "of": step.of,
        "preview": base64.b64encode(preview).decode("ascii"),
    }


def drawn(event: Drawn) -> dict[str, Any]:
    """Tell a finished picture."""
    height, width = event.picture.image.shape[:2]
    return {
        "kind": "picture",
        "number": event.number,
        "seed": event.picture.seed,
        "width": width,
        "height": height,
    }
