"""`molnar make PROMPT`: a prompt and flags in, picture files out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from molnar.app.cli.drawing import adapted, draws, open_session, run, tasks_of
from molnar.app.cli.models import search
from molnar.app.cli.wishes import four, orders
from molnar.app.orders.wording import around, counted
from molnar.base.errors import RequestError
from molnar.base.request import Request

if TYPE_CHECKING:
    from molnar.app.orders.looking import Seen

ABOUT = {field.name: field.metadata["help"] for field in dataclasses.fields(Request)}
CHOICES = {field.name: field.metadata.get("choices", ()) for field in dataclasses.fields(Request)}


def _any_of(name: str) -> str:
    return f"{ABOUT[name]} One of {', '.join(CHOICES[name])}."


@click.command()
@click.argument("words", nargs=-1, metavar="PROMPT")
@click.option("-p", "--prompt", help=f"{ABOUT['prompt']} '-' reads it from stdin.")
@click.option("--prompt-file", metavar="FILE", help="Read the prompt from a text file.")
@click.option("-n", "--negative-prompt", "--no", help=ABOUT["negative_prompt"])
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
@click.option("--grid", is_flag=True, help="Draw four, and one picture that shows them all.")
@click.option("--best-of", type=int, metavar="N", help=ABOUT["best_of"])
@click.option("--quality", type=click.Choice(CHOICES["quality"]), help=ABOUT["quality"])
@click.option("--sampler", help=_any_of("sampler"))
@click.option("--scheduler", "--schedule", "schedule", help=_any_of("schedule"))
@click.option("--transparent", is_flag=True, help=ABOUT["transparent"])
@click.option("-i", "--image", metavar="PICTURE", help="Picture to start from: a file, or k7.2.")
@click.option("--strength", type=float, help=ABOUT["strength"])
@click.option("--mask", metavar="PICTURE", help="Where it may change: white in this picture.")
@click.option("--feather", type=int, help=ABOUT["feather"])
@click.option("--outpaint", metavar="L,T,R,B", help="Pixels to add left, top, right, bottom.")
@click.option("--image-prompt", metavar="PICTURE", help="Picture to take after; see --iw.")
@click.option("--iw", type=float, help="Weight of the image prompt, 0 to 3.  [default: 1]")
@click.option("--tile", is_flag=True, help=ABOUT["tile"])
@click.option("--chaos", type=int, help=ABOUT["chaos"])
@click.option("--stop", type=int, help=ABOUT["stop"])
@click.option("--style", multiple=True, help="Add the words of a style, e.g. 'flat'; repeatable.")
@click.option("--styles-file", metavar="CSV", help="More styles: name,prompt,negative_prompt.")
@click.option("--wildcards", multiple=True, metavar="FOLDER", help="Files for __name__.")
@click.option("--max-jobs", type=int, default=40, show_default=True, help="Most combinations.")
@adapted
@click.option("--literal", is_flag=True, help=ABOUT["literal"])
@click.option("--like", metavar="FILE", help="Draw as this picture was drawn; flags still win.")
@draws
def make(**flags: Any) -> None:
    """Draw PROMPT: `molnar "a dog wearing a beret"`."""
    from molnar.app.orders.looking import look
    from molnar.drawers import native_size

    counted(flags["grid"], flags["count"])
    for key in ("image", "mask", "image_prompt"):
        if flags[key] is not None and Path(flags[key]).is_dir():
            raise RequestError(f"{flags[key]} is a folder; expected a picture")
    with open_session(flags) as session:
        if flags["image"] is not None:
            _start_from(look(session.store, flags["image"], "image", files=True), flags)
        if flags["like"] is None:
            flags["frame"] = native_size(flags["model"] or "sticker", search())
        run(session, tasks_of(session, orders(flags)), flags)


def _sized(flags: dict[str, Any]) -> bool:
    return any(flags[key] is not None for key in ("width", "height", "size", "aspect"))


def _start_from(seen: Seen, flags: dict[str, Any]) -> None:
    """Let a picture to start from decide the size and the prompt, where no flag does."""
    if not _sized(flags) and flags["like"] is None:
        flags |= around(seen.size, four(flags["outpaint"] or "0,0,0,0"))
    told = ("prompt", "prompt_file", "like")
    if seen.request and not flags["words"] and all(flags[key] is None for key in told):
        flags["prompt"] = seen.request.prompt
