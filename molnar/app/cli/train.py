"""`molnar train`: captioned pictures -> a tokenizer, a text encoder, an autoencoder, a model ..."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from molnar.base.errors import MissingExtraError, RequestError

if TYPE_CHECKING:
    from molnar.lab.train.parts import Assembly

# As molnar.lab.train.workspace.PARTS, which cannot be imported before torch is needed.
PARTS = (
    "tokenizer", "text", "planner", "vae", "diffusion", "decoder", "finisher", "upscaler", "clip"
)  # fmt: skip
SHOWN_PROBLEMS = 5


@click.command()
@click.argument("part", type=click.Choice([*PARTS, "all"]))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs/molnar"),
    show_default=True,
    help="The workspace: one folder per part.",
)
@click.option(
    "--recipe",
    default="sticker_cpu",
    show_default=True,
    help="sticker_test, sticker_cpu, sticker_gpu, or a Python file with recipe().",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Your captioned pictures: a folder, .csv, .jsonl, or .tar shards.",
)
@click.option(
    "--stickers",
    type=click.Path(path_type=Path),
    help="A sticker pack for the built-in world; without it, geometry alone.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="Time to train; with `all`, shared out as in the recipe.",
)
@click.option("--images", type=click.IntRange(1), help="Pictures to see in all.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting, e.g. train.lr=2e-4 or vae.model.latent_channels=16.",
)
@click.option("--threads", type=click.IntRange(1), help="CPU threads.")
@click.option("--fresh", is_flag=True, help="Set an existing run aside instead of continuing it.")
@click.option("--dry-run", is_flag=True, help="Print sizes, cost and settings; train nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print results as JSON lines.")
def train(part: str, out: Path, recipe: str, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Train one part, or all of them in order. The same command again continues a run.

    Ctrl-C finishes the step, saves and exits with 130.
    """
    try:
        from molnar.lab.train.cookbook import load_recipe
        from molnar.lab.train.parts import Assembly
        from molnar.lab.train.process import pick_device
        from molnar.lab.train.recipe import with_length
        from molnar.lab.train.supply import Data, Supply
    except ImportError as error:
        raise MissingExtraError(error.name or "torch", "train") from error
    if options["data"] is not None and options["stickers"] is not None:
        raise RequestError("--data and --stickers both given: train on one of them")
    chosen = load_recipe(recipe, options["assignments"], part=part)
    planned = chosen.diffusion.plan and options["data"] is None  # files do not say what is where
    useful = tuple(name for name in PARTS if planned or name not in ("planner", "finisher"))
    parts = useful if part == "all" else (part,)
    length = {key: options[key] for key in ("minutes", "images", "threads")}
    chosen = with_length(chosen, parts, **length)
    supply = Supply(chosen, Data(pictures=options["data"], stickers=options["stickers"]))
    assembly = Assembly(chosen, out, supply, rehearsal=dry_run)
    if not dry_run:
        for name in parts:  # where there is no such device, say so before any work
            if name != "tokenizer":
                pick_device(chosen.settings(name).device)
    for name in parts:
        if dry_run:
            rehearse(assembly, name, as_json)
        elif not run(assembly, name, fresh=options["fresh"], as_json=as_json):
            return


def run(assembly: Assembly, part: str, *, fresh: bool, as_json: bool) -> bool:
    """Train one part and print where it is; False if it was asked to stop."""
    from rich.console import Console

    from molnar.lab.train.loop import train as descend

    folder = assembly.workspace / part
    if part == "tokenizer":
        path = folder / "tokenizer.json"
        if fresh or not path.is_file():
            path = assembly.make_tokenizer()
            tell_problems(folder, assembly.supply.problems)
        click.echo(json.dumps({"part": part, "path": str(path)}) if as_json else str(path))
        return True
    supply = assembly.supply
    try:
        report = descend(
            assembly.task(part),
            assembly.recipe.settings(part),
            folder,
            fresh=fresh,
            source=supply.identity(),
            console=Console(stderr=True),
        )
    finally:
        tell_problems(folder, supply.problems)
    if part == "text" and report.stopped == "done":
        assembly.make_lexicon(trained=True)
    path = folder / "model.safetensors"
    loss = report.loss if math.isfinite(report.loss) else None  # NaN is no JSON
    figures = {"images": report.images, "seconds": round(report.seconds, 1), "loss": loss}
    line = {"part": part, "path": str(path), "stopped": report.stopped, **figures}
    click.echo(json.dumps(line) if as_json else str(path))
    return report.stopped != "terminated"


def rehearse(assembly: Assembly, part: str, as_json: bool) -> None:
    """Print what a part would cost and every setting it would be trained with."""
    from molnar.base.config import to_json
    from molnar.lab.train.flops import estimate
    from molnar.lab.train.process import cpu_threads, pick_device

    config = to_json(getattr(assembly.recipe, part))
    figures: dict[str, Any] = {}
    if part != "tokenizer":
        settings = assembly.recipe.settings(part)
        with cpu_threads(settings.threads):
            device = pick_device("auto")
            task = assembly.task(part)
            task.module.to(device)
            figures = dataclasses.asdict(estimate(task, settings, device))
    if as_json:
        click.echo(json.dumps({"part": part, **figures, "config": config}))
        return
    click.echo(part)
    if figures:
        click.echo(
            f"  {figures['parameters']:,} parameters, {figures['trainable']:,} trained\n"
            f"  {figures['flops_per_picture'] / 1e9:.3g} GFLOP per picture (forward and backward)\n"
            f"  {figures['matmul_flops_per_s'] / 1e9:.4g} GFLOP/s here in matrix products, "
            f"so about {figures['pictures_per_s']:.3g} pictures/s\n"
            f"  about {figures['images']:,} pictures in {figures['minutes']:.3g} minutes"
        )
    click.echo("\n".join(f"  {line}" for line in json.dumps(config, indent=1).splitlines()))


def tell_problems(folder: Path, problems: list[Any]) -> None:
    """List files that could not be used: the first on stderr, all in problems.jsonl."""
    from molnar.lab.train.workspace import write_problems

    if problems:
        path = write_problems(folder, problems)
        for problem in problems[:SHOWN_PROBLEMS]:
            click.echo(f"not used: {problem.path}: {problem.reason}", err=True)
        click.echo(f"{len(problems)} files not used; all are listed in {path}", err=True)
