"""A picture's name in, what is known of it without its pixels out: from the history's rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from molnar.app.inputs import input_size
from molnar.app.job import Job
from molnar.app.jobs import Store
from molnar.app.references import is_reference
from molnar.base.config import from_json
from molnar.base.errors import DataError, MolnarError, RequestError, one_line
from molnar.base.metadata import Metadata, read
from molnar.base.request import Request, request_from
from molnar.starting import SCHEME

_INPUT = re.compile(rf"{SCHEME}[0-9a-f]{{64}}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is known of a picture."""

    size: tuple[int, int]  # height and width
    request: Request | None = None  # that drew it alone
    prompt: str | None = None  # what it says it shows


def look(store: Store, name: str, field: str = "picture", files: bool = False) -> Seen:
    """Look a picture up.

    Args:
        store: The history.
        name: `k7.2`, `sha256:...`, or with `files` a path.
        field: What the name is for, in messages.
        files: Whether paths count.

    Raises:
        RequestError: It is no such name, or no such picture is kept.
        DataError: Its file is gone or damaged.
    """
    if is_input(name, field):
        return Seen(size=input_size(store.database, name.removeprefix(SCHEME)))
    if is_reference(name):
        stored = store.picture(name)
        size = (stored.height, stored.width)
        try:
            known = request_from(Metadata(tool="molnar", record=dict(stored.record)))
        except DataError:  # as where a file's record cannot be used: the pixels are there
            return Seen(size=size)
        return Seen(size=size, request=known, prompt=known.prompt)
    if not files:
        raise no_path(name, field)
    from molnar.app.parents import found

    parent = found(name, store).parent
    said = parent.prompt if parent.request is None else parent.request.prompt
    return Seen(size=parent.size, request=parent.request, prompt=said)


def no_path(name: str, field: str) -> RequestError:
    """Say that a picture is named as nobody but the command line may."""
    return RequestError(
        f"{field} is {one_line(repr(name), 60)}; expected a picture of the history such as k7.2, "
        f"or the {SCHEME}... that an upload gave"
    )


def is_input(name: str, field: str) -> bool:
    """Tell whether a picture is named by its pixels.

    Raises:
        RequestError: It begins as if it were, and is not.
    """
    if not name.startswith(SCHEME):
        return False
    if _INPUT.fullmatch(name) is None:
        raise RequestError(
            f"{field} is {one_line(repr(name), 60)}; expected {SCHEME} and 64 digits 0-9 a-f"
        )
    return True


def repeated(store: Store, name: str) -> Job:
    """Look up the job that is to be done again.

    Raises:
        RequestError: There is no such job.
    """
    if not is_reference(name):
        raise RequestError(
            f"picture is {one_line(repr(name), 60)}; expected a job such as k7, or one of its "
            "pictures: only the history says how to draw it again"
        )
    return store.job(name)


def told_by(path: str) -> Request:
    """Read from a file how it was drawn, by us or by another tool.

    Raises:
        RequestError: It does not say.
        DataError: It cannot be read.
    """
    known = read(path)
    if known.tool == "none":
        raise RequestError(
            f"{path} does not say how it was drawn; expected a job such as k7, or a picture with "
            "its settings in it"
        )
    return request_from(known)


def requests_of(job: Job) -> list[Request]:
    """Read what a job drew.

    Raises:
        RequestError: It does not say: it was never begun, or by another version.
    """
    if not job.request:
        raise RequestError(f"{job.id} was never begun; expected a job that was, or a prompt")
    stored: Sequence[dict[str, object]] = job.extra.get("requests", [job.request])
    try:
        return [from_json(Request, one) for one in stored]
    except (MolnarError, TypeError):
        raise RequestError(
            f"{job.id} does not say how it was drawn; expected a job that was begun by this version"
        ) from None
