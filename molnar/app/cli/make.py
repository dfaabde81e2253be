"""`molnar make PROMPT`: a prompt and flags in, picture files out."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from molnar.app.cli.models import search
from molnar.app.cli.output import STDOUT, Output
from molnar.app.cli.progress import Progress
from molnar.app.cli.wishes import requests
from molnar.base.request import Picture, Request
from molnar.base.rng import batch_seeds

ABOUT = {field.name: field.metadata["help"] for field in dataclasses.fields(Request)}
CHOICES = {field.name: field.metadata.get("choices", ()) for field in dataclasses.fields(Request)}


def _any_of(name: str) -> str:
    return f"{ABOUT[name]} One of {', '.join(CHOICES[name])}."


@click.command()
@click.argument("words", nargs=-1, metavar="PROMPT")
@click.option("-p", "--prompt", help=f"{ABOUT['prompt']} '-' reads it from stdin.")
@click.option("--prompt-file", metavar="FILE", help="Read the prompt from a text file.")
@click.option("-n", "--negative-prompt", "--no", help=ABOUT["negative_prompt"])
@click.option("-m", "--model", default="sticker", show_default=True, help="Name or folder.")
@click.option("-o", "--output", help="File, folder/, name with {seed} or %d, or '-' for stdout.")
@click.option("-W", "--width", type=int, help=ABOUT["width"])
@click.option("-H", "--height", type=int, help=ABOUT["height"])
@click.option("--size", metavar="WxH", help="Width and height at once, e.g. 512x512.")
@click.option("--ar", "--aspect", "aspect", metavar="W:H", help="Shape, e.g. 3:2.")
@click.option("--steps", type=int, help=ABOUT["steps"])
@click.option("--cfg-scale", "--guidance", "--cfg", "guidance", type=float, help=ABOUT["guidance"])
@click.option(
    "-s", "--seed", type=int, multiple=True, help=f"{ABOUT['seed']} Repeatable; -1 is random."
)
@click.option("-b", "--batch", "--count", "count", type=int, help=ABOUT["count"])
@click.option("--best-of", type=int, metavar="N", help=ABOUT["best_of"])
@click.option("--quality", type=click.Choice(CHOICES["quality"]), help=ABOUT["quality"])
@click.option("--sampler", help=_any_of("sampler"))
@click.option("--scheduler", "--schedule", "schedule", help=_any_of("schedule"))
@click.option("--engine", default="onnx", show_default=True, help="onnx or torch.")
@click.option("-t", "--threads", type=int, help="CPU threads; one per core if absent.")
@click.option("--transparent", is_flag=True, help=ABOUT["transparent"])
@click.option("--like", metavar="FILE", help="Draw as this picture was drawn; flags still win.")
@click.option("--no-metadata", is_flag=True, help="Leave prompt and settings out of the file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of paths.")
@click.option("-f", "--force", is_flag=True, help="Replace files that exist.")
@click.option("-q", "--quiet", is_flag=True, help="Nothing on stderr but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Seconds per stage.")
def make(**flags: Any) -> None:
    """Draw PROMPT: `molnar "a dog wearing a beret"`."""
    wishes = requests(flags)
    count = sum(wish.count for wish in wishes)
    output = Output(
        target=flags["output"], count=count, force=flags["force"], plain=flags["no_metadata"]
    )
    output.check([seeds for wish in wishes for seeds in _seeds(wish)])

    # Not before: a wrong flag should be answered at once, and this imports the engine.
    from molnar.pipeline import load

    pipeline = load(flags["model"], flags["engine"], threads=flags["threads"], search=search())
    say = Say(quiet=flags["quiet"], verbose=flags["verbose"])
    done: list[dict[str, Any]] = []
    with Progress(count, quiet=flags["quiet"]) as progress:
        for wish in wishes:
            say.lines(f"note: {note}" for note in pipeline.notes(wish))
            for event in pipeline.draw(wish):
                if not isinstance(event, Picture):
                    progress.step(event, len(done))
                    continue
                path = output.write(event, len(done) + 1)
                progress.clear()
                done.append({"path": path, **event.record()})
                say.picture(event)
                if not flags["as_json"] and path != STDOUT:
                    click.echo(path)
    if flags["as_json"]:
        click.echo(json.dumps(done, indent=1, ensure_ascii=False), err=flags["output"] == STDOUT)


def _seeds(wish: Request) -> list[list[int]]:
    """List the seeds that each picture of a wish may have; none where it is not known yet."""
    if wish.seed is None:
        return [[] for _ in range(wish.count)]
    seeds, of = batch_seeds(wish.seed, wish.count * wish.best_of), wish.best_of
    return [seeds[k : k + of] for k in range(0, len(seeds), of)]


@dataclasses.dataclass(frozen=True)
class Say:
    """What is told on stderr about the pictures."""

    quiet: bool
    verbose: bool

    def lines(self, lines: Any) -> None:
        """Print lines."""
        if not self.quiet:
            for line in lines:
                click.echo(line, err=True)

    def picture(self, picture: Picture) -> None:
        """Print the seed, the time, and the words that the model was not taught."""
        total = sum(picture.seconds.values())
        chosen = ""
        if picture.fit is not None:
            chosen = f", best of {picture.request.best_of}, fit {picture.fit:.2f}"
        told = [f"seed {picture.seed}, {total:.1f} s{chosen}"]
        if self.verbose:
            stages = ", ".join(f"{name} {s:.2f} s" for name, s in picture.seconds.items())
            told.append(f"{picture.model} {picture.model_hash[:10]}, {picture.engine}: {stages}")
        if picture.index == 0:
            for unknown in picture.unknown:
                near = f"; near: {', '.join(unknown.nearest)}" if unknown.nearest else ""
                told.append(f"note: this model was not taught {unknown.word!r}{near}")
        self.lines(told)
