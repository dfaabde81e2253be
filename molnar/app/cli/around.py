"""`molnar zoom`, `pan`, `square`: what lies around a picture, which keeps every pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from molnar.app.cli.drawing import (
    PROMPT,
    SEED,
    draws,
    open_session,
    pointed_at,
    run,
    seed_of,
    worded,
)

if TYPE_CHECKING:
    from molnar.verbs import Parent, Wish


@click.command()
@click.argument("picture")
@click.argument("factor", type=float, default=2.0)
@PROMPT
@SEED
@draws
def zoom(**flags: Any) -> None:
    """Step back: a picture FACTOR times as wide (2 if absent) with PICTURE in its middle."""
    from molnar import verbs

    _around("zoom", flags, lambda p, given: verbs.zoom(p, flags["factor"], **given))


@click.command()
@click.argument("picture")
@click.argument("way")
@PROMPT
@SEED
@draws
def pan(**flags: Any) -> None:
    """Look to one side of PICTURE: left, right, up or down."""
    from molnar import verbs

    _around("pan", flags, lambda p, given: verbs.pan(p, flags["way"], **given))


@click.command()
@click.argument("picture")
@PROMPT
@SEED
@draws
def square(**flags: Any) -> None:
    """Add to PICTURE what makes it square."""
    from molnar import verbs

    _around("square", flags, lambda p, given: verbs.square(p, **given))


def _around(
    verb: str, flags: Mapping[str, Any], wish_of: Callable[[Parent, dict[str, Any]], Wish]
) -> None:
    from molnar.app.session import Task

    with open_session(flags) as session:
        source = pointed_at(session, flags["picture"], verb)
        seed = seed_of(flags)
        wish = wish_of(source.parent, {"seed": seed, "prompt": worded(flags["prompt"], seed)})
        ancestors = [source.ancestor] if source.ancestor else []
        extra = {key: flags[key] for key in ("factor", "way") if key in flags}
        run(session, [Task(verb=verb, wishes=[wish], ancestors=ancestors, extra=extra)], flags)
