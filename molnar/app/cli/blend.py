"""`molnar blend a.png b.png`: one picture of several."""

from __future__ import annotations

from typing import Any

import click

from molnar.app.cli.drawing import SEED, draw, draws, seed_of
from molnar.base.errors import RequestError


@click.command()
@click.argument("pictures", nargs=-1)
@click.option("-w", "--weight", type=float, multiple=True, help="Of each picture, in their order.")
@click.option("-b", "--count", type=click.IntRange(1, 64), default=1, show_default=True)
@SEED
@draws
def blend(**flags: Any) -> None:
    """Blend two to five PICTURES, files or ones of the history such as k7.2."""
    from molnar.app.orders import Blend
    from molnar.app.orders.orders import FEWEST, MOST

    pictures = flags["pictures"]
    if not FEWEST <= len(pictures) <= MOST:
        raise RequestError(f"got {len(pictures)} pictures to blend; expected {FEWEST} to {MOST}")
    order = Blend(
        pictures=pictures, weights=flags["weight"], count=flags["count"], seed=seed_of(flags)
    )
    draw(flags, order)
