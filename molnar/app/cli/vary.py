"""`molnar vary k7.2`: pictures near another one."""

from __future__ import annotations

from typing import Any

import click

from molnar.app.cli.drawing import PROMPT, SEED, draw, draws, seed_of
from molnar.base.errors import RequestError


@click.command()
@click.argument("picture")
@click.option("--subtle", is_flag=True, help="Change details.  [default]")
@click.option("--strong", is_flag=True, help="Change the composition, too.")
@click.option("-b", "--count", type=click.IntRange(1, 64), default=4, show_default=True)
@PROMPT
@SEED
@draws
def vary(**flags: Any) -> None:
    """Draw four pictures near PICTURE, a file or one of the history such as k7.2."""
    from molnar.app.orders import Vary
    from molnar.app.orders.wording import worded

    if flags["subtle"] and flags["strong"]:
        raise RequestError("got --subtle and --strong; expected one of them")
    seed = seed_of(flags)
    order = Vary(
        picture=flags["picture"],
        strong=flags["strong"],
        prompt=worded(flags["prompt"], seed),
        seed=seed,
        count=flags["count"],
    )
    draw(flags, order)
