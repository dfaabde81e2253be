"""`molnar data`: look at training data, drawn by the world or read from files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from molnar.lab.data.spec import Problem
    from molnar.lab.data.world import World


@dataclass(frozen=True, slots=True)
class Source:
    """Which data to look at."""

    stickers: Path | None
    concepts: str
    path: Path | None
    split: str
    seed: int
    places: float
    looks: float
    colours: float


def _source(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which data to look at."""
    path = click.Path(path_type=Path)
    for option in (
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
        click.option("--split", type=click.Choice(["train", "heldout"]), default="train",
                     show_default=True, help="What is trained on, or what never is."),
        click.option("--places", type=click.FloatRange(0, 1), default=0.0, show_default=True,
                     help="Share of pictures in a place or on a pattern."),
        click.option("--looks", type=click.FloatRange(0, 1), default=0.0, show_default=True,
                     help="Share of pictures with a look: pixel art, neon, ..."),
        click.option("--colours", type=click.FloatRange(0, 1), default=0.0, show_default=True,
                     help="Share of drawings whose colour is said: a purple octopus."),
        click.option("--data", "path", type=path, help="Your own pictures, not the world's."),
        click.option("--concepts", type=click.Choice(["few", "common", "all"]), default="common",
                     show_default=True, help="Which drawings of the pack."),
        click.option("--stickers", type=path, help="A sticker pack; without it, geometry alone."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@click.pass_context
def data(context: click.Context) -> None:
    """Look at training data: the world's, or your own."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@data.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("data.png"))
@click.option("--count", type=click.IntRange(1, 400), default=24, show_default=True)
@click.option("--kind", help="One kind of scene, e.g. counting or sticker.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@_source
def preview(output: Path, count: int, kind: str | None, force: bool, **where: Any) -> None:
    """Write a captioned contact sheet; its path goes to stdout."""
    from molnar.base.errors import RequestError
    from molnar.base.files import write_bytes
    from molnar.base.words import hint
    from molnar.lab.data.folder import open_data
    from molnar.lab.data.preview import sheet
    from molnar.lab.data.spec import KINDS

    if kind is not None and kind not in KINDS:
        raise RequestError(f"no kind {kind!r}{hint(kind, KINDS)}; expected {', '.join(KINDS)}")
    source = Source(**where)
    if source.path is not None:
        pictures = open_data(source.path)
        samples = [pictures.sample(source.seed + k) for k in range(min(count, len(pictures)))]
        problems = pictures.problems
    else:
        world = _world(source)
        problems = _problems(world)
        samples = [world.sample(index, kind) for index in range(count)]
    buffer = io.BytesIO()
    sheet(samples).save(buffer, "PNG")
    _tell(problems)
    click.echo(write_bytes(output, buffer.getvalue(), force=force))


@data.command()
@click.option("--count", type=click.IntRange(1), default=500, show_default=True)
@_source
def stats(count: int, **where: Any) -> None:
    """Count what the data holds; one JSON object on stdout, problems on stderr."""
    from molnar.lab.data.folder import open_data
    from molnar.lab.data.preview import measure

    source = Source(**where)
    if source.path is not None:
        pictures = open_data(source.path)
        problems = pictures.problems
        figures: dict[str, object] = {"pictures": len(pictures)}
    else:
        world = _world(source)
        problems = _problems(world)
        drawings = len(world.stickers) if world.stickers is not None else 0
        figures = {"drawings": drawings, **asdict(measure(world, count))}
    _tell(problems)
    click.echo(json.dumps({**figures, "problems": len(problems)}))


@data.command()
@click.option("--stickers", type=click.Path(path_type=Path), required=True, help="A sticker pack.")
@click.option(
    "--concepts",
    type=click.Choice(["few", "common", "all"]),
    default="common",
    show_default=True,
    help="Which drawings of the pack.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to write to: WORKSPACE/sources, where export looks.",
)
def sources(stickers: Path, concepts: str, out: Path) -> None:
    """List the drawings trained on, for `molnar explain --sources`; the path goes to stdout."""
    from molnar.lab.data.attribution import write
    from molnar.lab.data.concepts import CHOICES
    from molnar.lab.data.stickers import Stickers

    click.echo(f"reading {stickers}", err=True)
    pack = Stickers.open(stickers, concepts=CHOICES[concepts])
    _tell(pack.problems)
    click.echo(write(pack, out))


def _problems(world: World) -> list[Problem]:
    return world.stickers.problems if world.stickers is not None else []


def _tell(problems: list[Problem]) -> None:
    """List on stderr what could not be used."""
    for problem in problems:
        click.echo(f"not used: {problem.path}: {problem.reason}", err=True)


def _world(source: Source) -> World:
    from molnar.lab.data.concepts import CHOICES
    from molnar.lab.data.stickers import Stickers
    from molnar.lab.data.world import World, WorldConfig

    config = WorldConfig(
        seed=source.seed,
        split="heldout" if source.split == "heldout" else "train",
        place_p=source.places,
        look_p=source.looks,
        tint_p=source.colours,
    )
    if source.stickers is None:
        return World(config)
    click.echo(f"reading {source.stickers}", err=True)
    chosen = CHOICES[source.concepts]
    return World(config, Stickers.open(source.stickers, concepts=chosen))
