"""`molnar again k7`: the same wish once more, from other seeds."""

from __future__ import annotations

from typing import Any

import click

from molnar.app.cli.drawing import PROMPT, SEED, draws, open_session, run, seed_of
from molnar.base.errors import RequestError


@click.command()
@click.argument("job")
@click.option("--edit", is_flag=True, help="Change the prompt in $EDITOR first.")
@PROMPT
@SEED
@draws
def again(**flags: Any) -> None:
    """Draw JOB, k7 or a file, once more from another seed, and from another text if you like."""
    from molnar import verbs
    from molnar.app.job import Parent
    from molnar.app.parents import read
    from molnar.app.references import is_reference
    from molnar.app.session import Task
    from molnar.base.config import from_json
    from molnar.base.request import Request

    with open_session(flags) as session:
        if is_reference(flags["job"]):
            job = session.store.job(flags["job"])
            request, grid = from_json(Request, job.request), job.grid is not None
            ancestors = [Parent(job.id, None, "again")]
        else:
            known = read(flags["job"]).request
            if known is None:
                raise RequestError(
                    f"{flags['job']} does not say how it was drawn; expected a job such as k7, "
                    "or a picture with our record"
                )
            request, grid, ancestors = known, False, []
        prompt = flags["prompt"]
        if flags["edit"]:
            prompt = (click.edit(prompt or request.prompt) or "").strip() or None
        wish = verbs.again(request, seed=seed_of(flags), prompt=prompt)
        run(session, [Task(verb="again", wishes=[wish], ancestors=ancestors, grid=grid)], flags)
