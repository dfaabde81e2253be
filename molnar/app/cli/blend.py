"""`molnar blend a.png b.png`: one picture of several."""

from __future__ import annotations

from typing import Any

import click

from molnar.app.cli.drawing import SEED, draws, open_session, pointed_at, run, seed_of
from molnar.base.errors import RequestError

LEAST, MOST = 2, 5  # pictures


@click.command()
@click.argument("pictures", nargs=-1)
@click.option("-w", "--weight", type=float, multiple=True, help="Of each picture, in their order.")
@click.option("-b", "--count", type=click.IntRange(1, 64), default=1, show_default=True)
@SEED
@draws
def blend(**flags: Any) -> None:
    """Blend two to five PICTURES, files or ones of the history such as k7.2."""
    from molnar.app.session import Task
    from molnar.seeing.blend import blend as blended
    from molnar.verbs import Wish

    pictures, weights = flags["pictures"], flags["weight"]
    if not LEAST <= len(pictures) <= MOST:
        raise RequestError(f"got {len(pictures)} pictures to blend; expected {LEAST} to {MOST}")
    if weights and len(weights) != len(pictures):
        raise RequestError(
            f"got {len(weights)} weights for {len(pictures)} pictures; expected one each, or none"
        )
    with open_session(flags) as session:
        sources = [pointed_at(session, text, "blend") for text in pictures]
        wish = blended(
            session.pipeline,
            [source.parent for source in sources],
            weights=weights or None,
            seed=seed_of(flags),
        )
        wish = Wish(request=wish.request.replaced(count=flags["count"]), inputs=wish.inputs)
        ancestors = [source.ancestor for source in sources if source.ancestor]
        extra = {"pictures": list(pictures), "weights": list(weights)}
        task = Task(verb="blend", wishes=[wish], ancestors=ancestors, extra=extra)
        run(session, [task], flags)
