"""`molnar make PROMPT`: a prompt and flags in, picture files out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from molnar.app.cli.drawing import draws, open_session, pointed_at, run
from molnar.app.cli.wishes import groups, near
from molnar.base.errors import RequestError
from molnar.base.request import Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from molnar.app.session import Session, Task

ABOUT = {field.name: field.metadata["help"] for field in dataclasses.fields(Request)}
CHOICES = {field.name: field.metadata.get("choices", ()) for field in dataclasses.fields(Request)}
GRID = 4  # pictures


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
@click.option("--literal", is_flag=True, help=ABOUT["literal"])
@click.option("--like", metavar="FILE", help="Draw as this picture was drawn; flags still win.")
@draws
def make(**flags: Any) -> None:
    """Draw PROMPT: `molnar "a dog wearing a beret"`."""
    if flags["grid"] and flags["count"] not in (None, GRID):
        raise RequestError(f"got --grid and --count {flags['count']}; a grid has {GRID} pictures")
    if flags["grid"]:
        flags["count"] = GRID
    with open_session(flags) as session:
        run(session, list(_tasks(session, flags)), flags)


def _tasks(session: Session, flags: dict[str, Any]) -> list[Task]:
    """Turn flags into jobs: one, or one for each combination of a prompt's permutations."""
    from molnar.app.session import Task
    from molnar.verbs import Wish

    inputs, ancestors = {}, []
    for key in ("image", "mask"):
        if flags[key] is None:
            continue
        source = pointed_at(session, flags[key], "init" if key == "image" else "mask")
        name, pixels = _named(source.parent.pixels)
        inputs[name] = pixels
        flags[key] = name
        ancestors += [source.ancestor] if source.ancestor else []
        if key == "image":
            _sized(flags, pixels)
            if source.parent.request and not _prompted(flags):
                flags["prompt"] = source.parent.request.prompt
    tasks = []
    for group in groups(flags):
        wishes = [Wish(request=request, inputs=inputs) for request in group]
        if flags["image_prompt"] is not None:
            wishes = [_taking_after(session, wish, flags, ancestors) for wish in wishes]
        elif flags["iw"] is not None:
            raise RequestError("got --iw without a picture; expected --image-prompt PICTURE too")
        tasks.append(
            Task(verb="make", wishes=wishes, ancestors=tuple(ancestors), grid=flags["grid"])
        )
    return tasks


def _named(pixels: NDArray[np.uint8]) -> tuple[str, NDArray[np.uint8]]:
    from molnar.starting import name_of

    return name_of(pixels), pixels


def _prompted(flags: Mapping[str, Any]) -> bool:
    return bool(flags["words"]) or any(
        flags[key] is not None for key in ("prompt", "prompt_file", "like")
    )


def _sized(flags: dict[str, Any], pixels: NDArray[np.uint8]) -> None:
    """Let a picture to start from decide the size, where no flag does."""
    if any(flags[key] is not None for key in ("width", "height", "size", "aspect", "like")):
        return
    from molnar.app.cli.wishes import four

    left, top, right, bottom = four(flags["outpaint"] or "0,0,0,0")
    height, width = pixels.shape[:2]
    shrink = min(1.0, (2048 - max(left + right, top + bottom)) / max(height, width))
    flags["height"] = max(near(height * shrink + top + bottom), 64)
    flags["width"] = max(near(width * shrink + left + right), 64)


def _taking_after(
    session: Session, wish: Any, flags: Mapping[str, Any], ancestors: list[Any]
) -> Any:
    """Let a picture speak beside the prompt."""
    from molnar.seeing.blend import prompted

    if Path(flags["image_prompt"]).is_dir():
        raise RequestError(f"{flags['image_prompt']} is a folder; expected a picture")
    source = pointed_at(session, flags["image_prompt"], "prompt")
    if source.ancestor and source.ancestor not in ancestors:
        ancestors.append(source.ancestor)
    weight = 1.0 if flags["iw"] is None else flags["iw"]
    return prompted(session.pipeline, wish.request, source.parent.pixels, weight)
