"""`molnar upscale k7.2`: a picture, larger."""

from __future__ import annotations

from typing import Any

import click

from molnar.app.cli.drawing import SEED, draw, draws, seed_of


@click.command()
@click.argument("picture")
@click.option("--scale", type=click.Choice(["2", "4"]), default="2", show_default=True)
@click.option("--creative", is_flag=True, help="Draw details anew.")
@SEED
@draws
def upscale(**flags: Any) -> None:
    """Make PICTURE, a file or one of the history such as k7.2, twice or four times as large."""
    from molnar.app.orders import Upscale

    # An upscaler that draws has a seed, too; but nothing is left to chance where none is asked for.
    drawn = flags["creative"] or flags["seed"] is not None
    order = Upscale(
        picture=flags["picture"],
        scale=int(flags["scale"]),
        creative=flags["creative"],
        seed=seed_of(flags) if drawn else 0,
    )
    draw(flags, order)
