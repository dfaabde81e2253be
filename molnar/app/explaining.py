"""A picture of ours in, the story of how it came about out: for the command line and the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from molnar.app.session import library
from molnar.base.errors import RequestError, one_line
from molnar.explain.scene import drawing
from molnar.explain.story import tell

if TYPE_CHECKING:
    from molnar.app.jobs import Store
    from molnar.app.parents import Found
    from molnar.base.request import Request
    from molnar.explain.story import Story
    from molnar.pipeline import Pipeline

Bar = Callable[[str, int, int], None]


def request_of(found: Found) -> Request:
    """Give the request that a picture says it was drawn by.

    Raises:
        RequestError: It says nothing of the kind.
    """
    if found.parent.request is None:
        raise RequestError(
            f"{one_line(found.path)} carries no record of ours; only such pictures can be drawn "
            "again and explained: draw one with `molnar make`, or look for its like with --sources"
        )
    return found.parent.request


def story_of(
    pipeline: Pipeline, store: Store, found: Found, say: Bar = lambda what, done, of: None
) -> Story:
    """Draw a picture again and look at every stage of it.

    Args:
        pipeline: The model that drew it.
        store: The history, for the pictures it started from.
        found: The picture, of the history or a file.
        say: Told what is being done, and how far it is.

    Raises:
        RequestError: The picture is none of ours.
    """
    request = request_of(found)
    pipeline.library = library(store, {})
    drawn = drawing(pipeline, request, lambda step: say("drawing", step.index, step.of))
    return tell(
        pipeline, drawn, original=found.parent.pixels, lineage=_lineage(found, store), say=say
    )


def _lineage(found: Found, store: Store) -> list[str]:
    """List what a picture of the history was made from, oldest first, and itself."""
    if found.ancestor is None:
        return []
    from molnar.app.references import picture_name

    own = found.ancestor
    links = sorted(store.lineage(own.reference).ancestors, key=lambda link: -link.generations)
    names = [
        f"{link.job if link.number is None else picture_name(link.job, link.number)} ({link.role})"
        for link in links
    ]
    return [*names, own.reference] if names else []
