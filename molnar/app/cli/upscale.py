"""`molnar upscale k7.2`: a picture, larger."""

from __future__ import annotations

from typing import Any

import click

from molnar.app.cli.drawing import SEED, draws, open_session, pointed_at, run, seed_of


@click.command()
@click.argument("picture")
@click.option("--scale", type=click.Choice(["2", "4"]), default="2", show_default=True)
@click.option("--creative", is_flag=True, help="Draw details anew.")
@SEED
@draws
def upscale(**flags: Any) -> None:
    """Make PICTURE, a file or one of the history such as k7.2, twice or four times as large."""
    from molnar import verbs
    from molnar.app.session import Task

    with open_session(flags) as session:
        source = pointed_at(session, flags["picture"], "upscale")
        seed = seed_of(flags) if flags["creative"] else 0  # nothing is left to chance
        wish = verbs.upscale(
            source.parent, scale=int(flags["scale"]), creative=flags["creative"], seed=seed
        )
        ancestors = [source.ancestor] if source.ancestor else []
        extra = {"scale": int(flags["scale"]), "creative": flags["creative"]}
        run(session, [Task(verb="upscale", wishes=[wish], ancestors=ancestors, extra=extra)], flags)
