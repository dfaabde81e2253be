"""Wishes in, a job of the history out: what the command line, the server and Python share.

A session opens the history at once and the model when something is first drawn. What a wish names
(pictures to start from, masks) is kept with the job, so that every job can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molnar.app.job import Job, NewPicture
from molnar.app.job import Parent as Ancestor
from molnar.app.jobs import Store
from molnar.base import metadata
from molnar.base.config import to_json
from molnar.base.errors import MolnarError, one_line
from molnar.base.request import Picture, Request
from molnar.base.types import Plan, Step
from molnar.starting import SCHEME, from_files
from molnar.verbs import Wish

if TYPE_CHECKING:
    from molnar.drawers import Drawer
    from molnar.pipeline import Pipeline

COLUMNS = 2  # of a grid picture
STOPPED = (KeyboardInterrupt, GeneratorExit)  # by whoever asked for it
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What becomes one job: one or more wishes, of which each may be several pictures."""

    verb: str
    wishes: Sequence[Wish]
    ancestors: Sequence[Ancestor] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    grid: bool = False

    @property
    def count(self) -> int:
        """Pictures in all."""
        return sum(wish.request.count for wish in self.wishes)


@dataclass(frozen=True)
class Stepped:
    """A step of the sampler, and of which picture of the job."""

    number: int  # from 1, in reading order
    step: Step


@dataclass(frozen=True)
class Drawn:
    """A picture, and its place in the job."""

    picture: Picture
    number: int  # from 1, in reading order
    job: str
    png: bytes

    @property
    def reference(self) -> str:
        """The picture as people type it; empty if no history is kept."""
        return f"{self.job}.{self.number}" if self.job else ""


@dataclass(frozen=True)
class Finished:
    """The end of a job."""

    job: Job
    grid: bytes | None = None


Event = Stepped | Drawn | Finished
Numbered = tuple[int, Step | Picture]
Artist = Callable[[Any, Sequence[Request]], Iterator[Numbered]]
"""Draws the pictures of requests: their steps and themselves, with the number of the picture."""


class Session:
    """A history, and a model that is loaded when it is needed.

    Example:
        >>> with Session(Store.open(), load) as session:  # doctest: +SKIP
        ...     events = list(session.draw(task))
    """

    def __init__(
        self, store: Store, load: Callable[[], Drawer], artist: Artist | None = None
    ) -> None:
        """Remember where things go and how the model is opened.

        Args:
            store: The history; closed with the session.
            load: Opens the model.
            artist: How the pictures of a job are drawn; one after the other if absent.
        """
        self.store = store
        self._artist = artist or in_turn
        self._load = load
        self._drawer: Drawer | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    @property
    def drawer(self) -> Drawer:
        """The model: ours, or a public checkpoint."""
        if self._drawer is None:
            self._drawer = self._load()
        return self._drawer

    @property
    def pipeline(self) -> Pipeline:
        """The model, for what only ours can do.

        Raises:
            RequestError: It is a public checkpoint.
        """
        from molnar.drawers import ours

        return ours(self.drawer, "this")

    def planned(self, prompt: str, seed: int) -> Plan:
        """Tell what would be where, in fractions of a square; a checkpoint plans nothing."""
        from molnar.pipeline import Pipeline

        drawer = self.drawer
        return drawer.planned(prompt, seed) if prompt and isinstance(drawer, Pipeline) else ()

    def notes(self, task: Task) -> list[str]:
        """Say what a task will not show as asked; one line each."""
        self._lend(task)
        said = [note for wish in task.wishes for note in self.drawer.notes(wish.request)]
        return list(dict.fromkeys(said))

    def _lend(self, task: Task) -> None:
        """Let the model find the pictures that a task names."""
        inputs = {name: pixels for wish in task.wishes for name, pixels in wish.inputs.items()}
        self.drawer.library = library(self.store, inputs)

    def draw(self, task: Task, job: Job | None = None) -> Generator[Event, None, None]:
        """Draw a task: its steps, its pictures, and last the job.

        An interrupted or failed task is recorded as such; closing the iterator stops the work.

        Args:
            task: What to draw.
            job: The job that it is, claimed from the queue; if absent, it becomes a new one. When
                the work is stopped, a claimed job stays running: whoever claimed it says whether
                it was `stopped` or goes back to the queue.

        Raises:
            MolnarError: It cannot be drawn, or the history cannot be written.
        """
        claimed, begun = job is not None, job
        try:
            requests = self._resolved(task)
            begun = self._recorded(task, requests, job)
            drawn: list[Drawn] = []
            for number, event in self._artist(self.drawer, requests):
                if not isinstance(event, Picture):
                    yield Stepped(number, event)
                    continue
                drawn.append(Drawn(event, number, begun.id, event.encoded()))
                yield drawn[-1]
            drawn.sort(key=lambda one: one.number)
            grid = laid_out([one.picture for one in drawn]) if task.grid else None
            new = [NewPicture.of(one.picture, one.png) for one in drawn]
            done = self.store.finish(begun.id, new, grid)
        except BaseException as error:
            if begun is not None and not (claimed and isinstance(error, STOPPED)):
                with suppress(MolnarError):  # why it failed matters more than where it is written
                    self.store.fail(begun.id, _reason(error))
            raise
        yield Finished(done, grid)

    def _resolved(self, task: Task) -> list[Request]:
        """Fill in what a task leaves open, and keep the pictures that it starts from."""
        self._lend(task)
        requests = [self.drawer.resolve(wish.request) for wish in task.wishes]
        for request in requests:
            for name in request.pictures:
                self.store.put_input(self.drawer.library(name))
        return requests

    def _recorded(self, task: Task, requests: Sequence[Request], job: Job | None) -> Job:
        """Record what is drawn now, as a claimed job or a new one."""
        prompt = " | ".join(dict.fromkeys(request.prompt for request in requests))
        extra = dict(task.extra)
        if len(requests) > 1:  # a job has one request; where there are more, all are kept here
            extra["requests"] = [to_json(request) for request in requests]
        first = to_json(requests[0])
        if job is not None:
            return self.store.resolved(job.id, first, prompt, extra, task.ancestors)
        return self.store.begin(task.verb, first, prompt, task.ancestors, extra)


def in_turn(drawer: Drawer, requests: Sequence[Request]) -> Iterator[Numbered]:
    """Draw picture after picture."""
    number = 1
    for request in requests:
        for event in drawer.draw(request):
            yield number, event
            number += isinstance(event, Picture)


def library(store: Store, inputs: Mapping[str, Pixels]) -> Callable[[str], Pixels]:
    """Find the pictures that requests name: given ones, those of the history, files."""

    def look(name: str) -> Pixels:
        if name in inputs:
            return inputs[name]
        if name.startswith(SCHEME):
            return store.get_input(name.removeprefix(SCHEME))
        return from_files(name)

    return look


def laid_out(pictures: Sequence[Picture]) -> bytes:
    """Lay pictures out two in a row, in reading order: the bytes of a PNG that says how to redraw.

    Args:
        pictures: At least one; each stands at the top left of a cell that holds the largest.
    """
    height = max(picture.image.shape[0] for picture in pictures)
    width = max(picture.image.shape[1] for picture in pictures)
    clear = any(picture.image.shape[-1] == 4 for picture in pictures)
    rows = -(-len(pictures) // COLUMNS)
    sheet = np.full((rows * height, COLUMNS * width, 4 if clear else 3), 255, np.uint8)
    if clear:
        sheet[..., 3] = 0
    for index, picture in enumerate(pictures):
        top, left = index // COLUMNS * height, index % COLUMNS * width
        high, wide, channels = picture.image.shape
        sheet[top : top + high, left : left + wide, :channels] = picture.image
        if clear and channels == 3:
            sheet[top : top + high, left : left + wide, 3] = 255
    from PIL import Image

    first = pictures[0]
    requests = list({id(one.request): to_json(one.request) for one in pictures}.values())
    record = {**first.record(), "grid": len(pictures), "requests": requests}
    if every := dict.fromkeys(adapter for one in pictures for adapter in one.adapters):
        record["adapters"] = list(map(to_json, every))
    return metadata.encode(Image.fromarray(sheet), record, first.parameters())


def _reason(error: BaseException) -> str:
    if isinstance(error, STOPPED):
        return "interrupted"
    if isinstance(error, MemoryError) and not str(error):
        return "memory did not suffice; ask for fewer or smaller pictures"
    return one_line(error) or type(error).__name__
