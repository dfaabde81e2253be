"""What the history says of jobs and pictures that this server has to do with."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from molnar.app.job import Job, StoredPicture
from molnar.app.jobs import Store
from molnar.base.errors import NotThereError


def unheard(store: Store, names: Iterable[str]) -> dict[str, Job | None]:
    """Give those of some jobs that have ended; None for what was deleted since.

    Args:
        store: The history.
        names: Ids of jobs that a server takes to be unfinished.
    """
    still = {job.id for job in store.open_jobs()}
    found: dict[str, Job | None] = {}
    for name in set(names) - still:
        found[name] = None
        with suppress(NotThereError):
            found[name] = store.job(name)
    return found


def there(picture: StoredPicture) -> StoredPicture:
    """Give a picture back whose file is there.

    Raises:
        NotThereError: Somebody removed it behind the history's back.
    """
    if not picture.path.is_file():
        raise NotThereError(
            f"the file of {picture.reference} is gone; `molnar history --check` lists such"
        )
    return picture
