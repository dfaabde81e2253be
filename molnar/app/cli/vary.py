"""`molnar vary k7.2`: pictures near another one."""

from __future__ import annotations

from typing import Any

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
    from molnar import verbs
    from molnar.app.session import Task

    if flags["subtle"] and flags["strong"]:
        raise RequestError("got --subtle and --strong; expected one of them")
    with open_session(flags) as session:
        source = pointed_at(session, flags["picture"], "vary")
        seed = seed_of(flags)
        wish = verbs.vary(
            source.parent,
            strong=flags["strong"],
            seed=seed,
            prompt=worded(flags["prompt"], seed),
            count=flags["count"],
        )
        ancestors = [source.ancestor] if source.ancestor else []
        task = Task(
            verb="vary",
            wishes=[wish],
            ancestors=ancestors,
            extra={"strong": flags["strong"]},
            grid=flags["count"] == 4,  # as after `--grid`
        )
        run(session, [task], flags)
