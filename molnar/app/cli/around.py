"""`molnar zoom`, `pan`, `square`: what lies around a picture, which keeps every pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from molnar.app.cli.drawing import PROMPT, SEED, draw, draws, seed_of


@click.command()
@click.argument("picture")
@click.argument("factor", type=float, default=2.0)
@PROMPT
@SEED
@draws
def zoom(**flags: Any) -> None:
    """Step back: a picture FACTOR times as wide (2 if absent) with PICTURE in its middle."""
    from molnar.app.orders import Zoom

    draw(flags, Zoom(factor=flags["factor"], **_shared(flags)))


@click.command()
@click.argument("picture")
@click.argument("way")
@PROMPT
@SEED
@draws
def pan(**flags: Any) -> None:
    """Look to one side of PICTURE: left, right, up or down."""
    from molnar.app.orders import Pan

    draw(flags, Pan(way=flags["way"], **_shared(flags)))


@click.command()
@click.argument("picture")
@PROMPT
@SEED
@draws
def square(**flags: Any) -> None:
    """Add to PICTURE what makes it square."""
    from molnar.app.orders import Square

    draw(flags, Square(**_shared(flags)))


def _shared(flags: Mapping[str, Any]) -> dict[str, Any]:
    from molnar.app.orders.wording import worded

    seed = seed_of(flags)
    return {
        "picture": flags["picture"], "prompt": worded(flags["prompt"], seed), "seed": seed,
    }  # fmt: skip
