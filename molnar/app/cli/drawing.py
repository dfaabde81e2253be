"""What every verb that draws has in common: its flags, its session, and what it says."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from molnar.app.cli.models import search
from molnar.app.cli.output import STDOUT, Output
from molnar.app.cli.progress import Progress
from molnar.base.errors import MolnarError
from molnar.base.rng import batch_seeds

if TYPE_CHECKING:
    from molnar.app.jobs import Store
    from molnar.app.orders import Order
    from molnar.app.session import Drawn, Finished, Session, Task
    from molnar.base.request import Picture, Request
    from molnar.bridge.lora_files import GivenLora
    from molnar.bridge.options import Options
    from molnar.drawers import Drawer

Command = Callable[..., Any]

#: How a public checkpoint is computed.
COMPUTED: tuple[Callable[[Command], Command], ...] = (
    click.option("--device", help="Of a checkpoint: auto, cpu, cuda or mps."),
    click.option(
        "--dtype",
        type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
        help="Of a checkpoint's numbers.",
    ),
    click.option(
        "--backend",
        type=click.Choice(["torch", "openvino"]),
        help="What computes a checkpoint on a processor.",
    ),
    click.option("--low-memory", is_flag=True, help="A checkpoint in as little as can be."),
    click.option("--vae", metavar="PATH", help="Decode by this instead of a checkpoint's own."),
    click.option("--refiner", metavar="PATH", help="Let this go on where a checkpoint ends."),
)
GUIDE = "MODEL=PICTURE[:W]"  # repeatable
#: What a checkpoint wears while it draws, and what guides it.
ADAPTED: tuple[Callable[[Command], Command], ...] = (
    click.option(
        "--lora", multiple=True, metavar="NAME|PATH[:W]", help="Of a checkpoint; repeatable."
    ),
    click.option(
        "--control", multiple=True, metavar=GUIDE, help="Where things are, by a ControlNet."
    ),
    click.option("--ip", multiple=True, metavar=GUIDE, help="What things are like: IP-Adapter."),
)
#: Flags of every verb that draws.
SHARED: tuple[Callable[[Command], Command], ...] = (
    click.option(
        "-m",
        "--model",
        help="Name, folder or file; sticker, or what drew the picture, if absent.",
    ),
    click.option("-o", "--output", help="File, folder/, name with {seed} or %d, or '-' = stdout."),
    click.option("--engine", default="onnx", show_default=True, help="onnx or torch."),
    click.option("-t", "--threads", type=int, help="CPU threads; one per core if absent."),
    *COMPUTED,
    click.option(
        "--no-metadata",
        "--no-embed-prompt",
        "no_metadata",
        is_flag=True,
        help="Leave prompt and settings out of the file; the mark stays.",
    ),
    click.option("--no-history", is_flag=True, help="Do not remember this job."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON instead of paths."),
    click.option("-f", "--force", is_flag=True, help="Replace files that exist."),
    click.option("-q", "--quiet", is_flag=True, help="Nothing on stderr but errors."),
    click.option("-v", "--verbose", is_flag=True, help="Seconds per stage."),
)
PROMPT = click.option("-p", "--prompt", help="What to draw, instead of what the picture says.")
SEED = click.option("-s", "--seed", type=int, help="Same seed, same picture; random if absent.")


def draws(command: Command) -> Command:
    """Give a command the flags of every verb that draws."""
    for option in reversed(SHARED):
        command = option(command)
    return command


def computed(command: Command) -> Command:
    """Give a command the flags of a checkpoint's computation."""
    for option in reversed(COMPUTED):
        command = option(command)
    return command


def adapted(command: Command) -> Command:
    """Give a command the flags of adapters."""
    for option in reversed(ADAPTED):
        command = option(command)
    return command


def open_store(flags: Mapping[str, Any], say: Say) -> Store:
    """Open the history; where it cannot be written, say so and go on without."""
    from molnar.app.jobs import NoStore, ReadStore, Store
    from molnar.app.jobs_schema import NAME, Database, data_folder

    try:
        if not flags["no_history"]:
            return Store.open()
        if (data_folder() / NAME).is_file():  # to be read from all the same
            return ReadStore.open()
    except MolnarError as error:
        say.lines([f"note: not kept in the history: {error}"])
    return NoStore(Database(data_folder(), ":memory:"))


def open_session(flags: Mapping[str, Any]) -> Session:
    """Open the history, and the model once it is needed."""
    from molnar.app.session import Session

    def load() -> Drawer:
        # Not before: a wrong flag should be answered at once, and this imports the engine.
        from molnar.app.jobs_schema import data_folder
        from molnar.drawers import open_model

        return open_model(
            flags["model"] or "sticker",
            flags["engine"],
            threads=flags["threads"],
            search=search(),
            options=options_of(flags),
            home=data_folder(),
        )

    return Session(open_store(flags, Say.of(flags)), load)


def options_of(flags: Mapping[str, Any]) -> Options:
    """Give what the flags say of a checkpoint's computation."""
    from molnar.bridge.options import Options

    given: tuple[GivenLora, ...] = ()
    if flags.get("lora"):  # few pictures need it
        from molnar.bridge.lora_files import given_loras

        given = given_loras(flags["lora"])
    return Options(
        device=flags["device"] or "auto",
        dtype=flags["dtype"] or "auto",
        backend=flags["backend"] or "torch",
        low_memory=flags["low_memory"],
        threads=flags["threads"],
        vae=flags["vae"],
        preview=flags.get("preview_decoder"),
        refiner=flags["refiner"],
        loras=tuple(one.path for one in given if one.path is not None),
    )


def seed_of(flags: Mapping[str, Any]) -> int:
    """Give the seed that was asked for, or a random one."""
    from molnar.app.orders.wording import fixed

    return fixed(flags["seed"])


def draw(flags: Mapping[str, Any], *orders: Order) -> None:
    """Draw orders, which may name files: in one run, that reads each picture once.

    Raises:
        MolnarError: Something cannot be drawn or written.
    """
    flags = dict(flags)
    with open_session(flags) as session:
        flags["model"] = flags["model"] or model_of(session.store, orders)
        run(session, tasks_of(session, orders), flags)


def model_of(store: Store, orders: Sequence[Order]) -> str | None:
    """Name the model that drew the picture that orders begin with, if the history knows it."""
    from molnar.app.references import is_reference

    for order in orders:
        name = getattr(order, "picture", "")
        if is_reference(name):
            with suppress(MolnarError):  # that it is not there is said where it is looked for
                return store.job(store.find(name).job).model or None
    return None


def tasks_of(session: Session, orders: Sequence[Order]) -> list[Task]:
    """Turn orders into tasks; a picture that several name is read once."""
    from molnar.app.orders.tasks import Sources, task_of

    sources = Sources(session.store, files=True)
    return [task_of(session, order, sources) for order in orders]


def run(session: Session, tasks: Sequence[Task], flags: Mapping[str, Any]) -> None:
    """Draw tasks, write their pictures, and say where they are.

    Raises:
        MolnarError: Something cannot be drawn or written.
    """
    from molnar.app.session import Stepped

    sheets = sum(task.grid for task in tasks)
    output = Output(
        target=flags["output"],
        count=sum(task.count for task in tasks) + sheets,
        force=flags["force"],
        plain=flags["no_metadata"],
    )
    wishes = [wish.request for task in tasks for wish in task.wishes]
    output.check([seeds for wish in wishes for seeds in _seeds(wish)])
    say = Say.of(flags)
    done: list[dict[str, Any]] = []
    with Progress(output.count - sheets, quiet=flags["quiet"]) as progress:
        for task in tasks:
            say.lines(f"note: {note}" for note in session.notes(task))
            with closing(session.draw(task)) as events:  # what stops here is known to have stopped
                for event in events:
                    if isinstance(event, Stepped):
                        progress.step(event.step, len([one for one in done if "grid" not in one]))
                        continue
                    path, facts = _written(event, output, len(done) + 1)
                    progress.clear()
                    say.event(event)
                    if path is None:
                        continue
                    done.append({"path": path, **facts})
                    if not flags["as_json"] and path != STDOUT:
                        click.echo(path)
    if flags["as_json"]:
        text = json.dumps(done, indent=1, ensure_ascii=False)
        click.echo(text, err=flags["output"] == STDOUT)


def _written(
    event: Drawn | Finished, output: Output, number: int
) -> tuple[str | None, dict[str, Any]]:
    """Write what came out: its path, and what JSON says of it."""
    from molnar.app.session import Drawn

    if isinstance(event, Drawn):
        path = output.write(event.picture, number, event.png)
        named = {"reference": event.reference} if event.reference else {}
        return path, {**named, **event.picture.record()}
    if event.grid is None:
        return None, {}
    return output.write_sheet(event.grid, number), {"grid": event.job.id or None}


def _seeds(wish: Request) -> list[list[int]]:
    """List, for each picture of a request, the seeds it may have; none where it is not known."""
    if wish.seed is None:
        return [[] for _ in range(wish.count)]
    first = wish.variations[-1].seed if wish.variations else wish.seed
    every = batch_seeds(first, wish.count * wish.best_of)
    return [every[k * wish.best_of :][: wish.best_of] for k in range(wish.count)]


@dataclass(frozen=True)
class Say:
    """What is told on stderr about the pictures."""

    quiet: bool
    verbose: bool

    @classmethod
    def of(cls, flags: Mapping[str, Any]) -> Say:
        """As the flags want it."""
        return cls(quiet=flags["quiet"], verbose=flags["verbose"])

    def lines(self, lines: Any) -> None:
        """Print lines."""
        if not self.quiet:
            for line in lines:
                click.echo(line, err=True)

    def event(self, event: Drawn | Finished) -> None:
        """Say what is to be said of a picture, or of a finished job."""
        from molnar.app.session import Drawn

        if isinstance(event, Drawn):
            self.picture(event.picture, event.reference)
        elif event.job.id and sys.stderr.isatty():
            first = f"{event.job.id}.1"
            self.lines([f"next: molnar vary {first}, molnar upscale {first}"])

    def picture(self, picture: Picture, reference: str = "") -> None:
        """Print the seed, the time, and the words that the model was not taught."""
        total = sum(picture.seconds.values())
        chosen = ""
        if picture.fit is not None:
            chosen = f", best of {picture.request.best_of}, fit {picture.fit:.2f}"
        named = f"{reference}: " if reference else ""
        told = [f"{named}seed {picture.seed}, {total:.1f} s{chosen}"]
        if self.verbose:
            stages = ", ".join(f"{name} {s:.2f} s" for name, s in picture.seconds.items())
            told.append(f"{picture.model} {picture.model_hash[:10]}, {picture.engine}: {stages}")
        if picture.index == 0:
            for unknown in picture.unknown:
                near = f"; near: {', '.join(unknown.nearest)}" if unknown.nearest else ""
                told.append(f"note: this model was not taught {unknown.word!r}{near}")
        self.lines(told)
