"""`molnar again k7`: the same wish once more, from other seeds."""

from __future__ import annotations

from typing import Any

import click

from molnar.app.cli.drawing import (
    PROMPT,
    SEED,
    draws,
    model_of,
    open_session,
    run,
    seed_of,
    tasks_of,
)


@click.command()
@click.argument("job")
@click.option("--edit", is_flag=True, help="Change the prompt in $EDITOR first.")
@PROMPT
@SEED
@draws
def again(**flags: Any) -> None:
    """Draw JOB, k7 or a file, once more from another seed, and from another text if you like."""
    from molnar.app.orders import Again
    from molnar.app.orders.checking import again_of
    from molnar.app.orders.wording import worded

    with open_session(flags) as session:
        seed = seed_of(flags)
        order = Again(picture=flags["job"], seed=seed)
        prompt = flags["prompt"]
        if flags["edit"]:
            old = again_of(order, session.store, files=True)[0].prompt
            prompt = (click.edit(prompt or old) or "").strip() or None
        order = Again(picture=flags["job"], prompt=worded(prompt, seed), seed=seed)
        flags["model"] = flags["model"] or model_of(session.store, [order])
        run(session, tasks_of(session, [order]), flags)
