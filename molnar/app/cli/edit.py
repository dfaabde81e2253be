"""`molnar edit k7.2 --where hat -p "a crown"`: draw a part of a picture anew."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from molnar.app.cli.drawing import SEED, draws, open_session, pointed_at, run, seed_of, worded
from molnar.base.errors import RequestError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from molnar.app.parents import Found
    from molnar.app.session import Session


@click.command()
@click.argument("picture")
@click.option("-p", "--prompt", default="", help="What is to be there; nothing if absent.")
@click.option("--mask", metavar="PICTURE", help="White where it may change.")
@click.option("--region", metavar="X,Y,W,H", help="A rectangle in pixels.")
@click.option("--where", metavar="WORDS", help="What is to change, e.g. 'hat'.")
@click.option("-b", "--count", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--feather", type=int, default=8, show_default=True, help="Pixels to fade over.")
@SEED
@draws
def edit(**flags: Any) -> None:
    """Draw a part of PICTURE anew, and leave the rest as it is, to the last pixel."""
    from molnar import verbs
    from molnar.app.session import Task

    ways = [key for key in ("mask", "region", "where") if flags[key] is not None]
    if len(ways) != 1:
        got = " and ".join(f"--{key}" for key in ways) or "none"
        raise RequestError(f"got {got}; expected one of --mask, --region, --where: what may change")
    with open_session(flags) as session:
        source = pointed_at(session, flags["picture"], "edit")
        mask, ancestors = mask_of(session, source, flags)
        seed = seed_of(flags)
        prompt = worded(flags["prompt"], seed) or ""
        planned = session.pipeline.planned(prompt, seed) if prompt else ()
        wish = verbs.edit(
            source.parent,
            mask,
            prompt=prompt,
            seed=seed,
            planned=planned,
            count=flags["count"],
        )
        wish = verbs.Wish(
            request=wish.request.replaced(feather=flags["feather"]), inputs=wish.inputs
        )
        extra = {key: flags[key] for key in ways}
        task = Task(verb="edit", wishes=[wish], ancestors=ancestors, extra=extra)
        run(session, [task], flags)


def mask_of(
    session: Session, source: Found, flags: dict[str, Any]
) -> tuple[NDArray[np.uint8], list[Any]]:
    """Make the mask of an edit: H W 3, white where the picture may change; and its ancestors."""
    ancestors = [source.ancestor] if source.ancestor else []
    if flags["mask"] is not None:
        other = pointed_at(session, flags["mask"], "mask")
        return other.parent.pixels, ancestors + ([other.ancestor] if other.ancestor else [])
    if flags["region"] is not None:
        return rectangle(flags["region"], source.parent.size), ancestors
    from molnar.seeing.where import where

    return where(session.pipeline, source.parent, flags["where"]), ancestors


def rectangle(text: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Read X,Y,WIDTH,HEIGHT in pixels: a mask of that rectangle.

    Args:
        text: As typed.
        size: Height and width of the picture.

    Raises:
        RequestError: It is no rectangle, or not within the picture.
    """
    import numpy as np

    found = re.fullmatch(r"(\d+),(\d+),(\d+),(\d+)", text.replace(" ", ""))
    if not found:
        raise RequestError(f"region is {text!r}; expected X,Y,WIDTH,HEIGHT in pixels: 64,64,128,96")
    x, y, width, height = (int(one) for one in found.groups())
    if not (width and height) or x + width > size[1] or y + height > size[0]:
        raise RequestError(
            f"region {text} is not within the picture; expected x + width up to {size[1]} "
            f"and y + height up to {size[0]}, neither side 0"
        )
    mask = np.zeros((*size, 3), np.uint8)
    mask[y : y + height, x : x + width] = 255
    return mask
