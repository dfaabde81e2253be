"""`molnar edit k7.2 --where hat -p "a crown"`: draw a part of a picture anew."""

from __future__ import annotations

import re
from typing import Any

import click

from molnar.app.cli.drawing import SEED, draw, draws, seed_of
from molnar.base.errors import RequestError


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
    from molnar.app.orders import Edit
    from molnar.app.orders.wording import worded

    ways = {key: flags[key] for key in ("mask", "region", "where") if flags[key] is not None}
    if len(ways) != 1:
        got = " and ".join(f"--{key}" for key in ways) or "none"
        raise RequestError(f"got {got}; expected one of --mask, --region, --where: what may change")
    if "region" in ways:
        ways["region"] = region(flags["region"])
    seed = seed_of(flags)
    order = Edit(
        picture=flags["picture"],
        prompt=worded(flags["prompt"], seed) or "",
        count=flags["count"],
        feather=flags["feather"],
        seed=seed,
        **ways,
    )
    draw(flags, order)


def region(text: str) -> tuple[int, ...]:
    """Read X,Y,WIDTH,HEIGHT in pixels.

    Raises:
        RequestError: It is no rectangle.

    Example:
        >>> region("64, 64, 128, 96")
        (64, 64, 128, 96)
    """
    found = re.fullmatch(r"(\d+),(\d+),(\d+),(\d+)", text.replace(" ", ""))
    if not found:
        raise RequestError(f"region is {text!r}; expected X,Y,WIDTH,HEIGHT in pixels: 64,64,128,96")
    return tuple(int(one) for one in found.groups())
