"""`molnar again k7`: the same wish once more, from other seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from molnar.app.cli.drawing import PROMPT, SEED, draws, open_session, run, seed_of, worded
from molnar.base.errors import RequestError
from molnar.base.rng import NUM_SEEDS

if TYPE_CHECKING:
    from molnar.base.request import Request


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
    from molnar.app.references import is_reference
    from molnar.app.session import Task
    from molnar.base.config import from_json
    from molnar.base.request import Request

    with open_session(flags) as session:
        if is_reference(flags["job"]):
            job = session.store.job(flags["job"])
            stored = job.extra.get("requests", [job.request])
            every, grid = [from_json(Request, one) for one in stored], job.grid is not None
            ancestors = [Parent(job.id, None, "again")]
        else:
            every, grid, ancestors = [told_by(flags["job"])], False, []
        prompt = flags["prompt"]
        if flags["edit"]:
            prompt = (click.edit(prompt or every[0].prompt) or "").strip() or None
        first = seed_of(flags)
        prompt = worded(prompt, first)
        seeds = moved([request.seed or 0 for request in every], first)
        wishes = [
            verbs.again(request, seed=seed, prompt=prompt)
            for request, seed in zip(every, seeds, strict=True)
        ]
        run(session, [Task(verb="again", wishes=wishes, ancestors=ancestors, grid=grid)], flags)


def told_by(path: str) -> Request:
    """Read from a file how it was drawn, by us or by another tool.

    Raises:
        RequestError: It does not say.
    """
    from molnar.base.metadata import read
    from molnar.base.request import request_from

    found = read(path)
    if found.tool == "none":
        raise RequestError(
            f"{path} does not say how it was drawn; expected a job such as k7, or a picture with "
            "its settings in it"
        )
    return request_from(found)


def moved(seeds: list[int], first: int) -> list[int]:
    """Give seeds that lie as far apart as the old ones, from another first one on."""
    return [(first + seed - seeds[0]) % NUM_SEEDS for seed in seeds]
