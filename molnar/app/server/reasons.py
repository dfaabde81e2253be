"""Why a picture could not be drawn, in a line that says what to do about it."""

from __future__ import annotations

import re

from molnar.base.errors import MolnarError, one_line

#: How libraries say that memory did not suffice, where they raise something else for it.
SHORT = ("bad allocation", "bad_alloc", "failed to allocate memory", "out of memory")

_FOLDERS = re.compile(r"(?<![\w.:/\\~-])(?:[A-Za-z]:)?[/\\](?:[^/\\\s'\",;:]+[/\\])+")


class JobError(MolnarError):
    """A job that failed by something that nobody raised on purpose."""


class ShortError(JobError):
    """Memory did not suffice for a job."""


def explained(error: BaseException) -> BaseException:
    """Give an error that says itself what the history keeps of a failed job.

    Example:
        >>> str(explained(MemoryError()))
        'memory did not suffice; ask for fewer or smaller pictures'
        >>> str(explained(KeyError("x")))
        "molnar itself failed (KeyError: 'x'); try again, and report it if it comes back"
    """
    if isinstance(error, MolnarError) or not isinstance(error, Exception):
        return error
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(words in text for words in SHORT):
        return ShortError("memory did not suffice; ask for fewer or smaller pictures")
    return JobError(
        f"molnar itself failed ({type(error).__name__}: {one_line(error)}); "
        "try again, and report it if it comes back"
    )


def placeless(text: str) -> str:
    """Leave out the folders of absolute paths: who asks over a network need not know them.

    Example:
        >>> placeless("/srv/models/loras/x.pt is a pickle; see https://example.org/a/b")
        'x.pt is a pickle; see https://example.org/a/b'
    """
    return _FOLDERS.sub("", text)
