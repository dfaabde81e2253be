"""What people type to name a job or a picture: `k7`, `k7.2`, `k7.grid`.

An id is one letter and one number. Jobs are numbered from 1 and never renumbered; the ids run a1
to a99, b1 to b99, ... z99, then a100 to a999, b100 ..., and so on. The letters l and o are left
out: they look like 1 and 0. So an id stays short (three characters for the first 2,376 jobs), and
the number of a job, the order of creation, follows from its id alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LETTERS = "abcdefghijkmnpqrstuvwxyz"
GRID = 0  # number of the picture that shows all others of its job
# ASCII alone: other alphabets have digits too, and a Kelvin sign is no k.
_REFERENCE = re.compile(
    rf"([{LETTERS}])([1-9][0-9]{{0,8}})(?:\.(grid|0|[1-9][0-9]{{0,3}}))?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True)
class Reference:
    """A job, or one of its pictures.

    Example:
        >>> str(Reference(serial=1, number=2))
        'a1.2'
    """

    serial: int  # of the job, from 1 in order of creation
    number: int | None = None  # of the picture, from 1 in reading order; 0 is the grid

    @property
    def job(self) -> str:
        """The id of the job."""
        return job_id(self.serial)

    def __str__(self) -> str:
        return self.job if self.number is None else picture_name(self.job, self.number)


def picture_name(job: str, number: int) -> str:
    """Write a picture's reference.

    Example:
        >>> picture_name("k7", 0)
        'k7.grid'
    """
    return f"{job}.{'grid' if number == GRID else number}"


def job_id(serial: int) -> str:
    """Return the id of the job with a serial number, which starts at 1.

    Example:
        >>> [job_id(serial) for serial in (1, 99, 100, 2376, 2377)]
        ['a1', 'a99', 'b1', 'z99', 'a100']
    """
    if serial < 1:
        raise ValueError(f"serial is {serial}; expected 1 or more")
    rest, first, count = serial - 1, 1, 99
    while rest >= len(LETTERS) * count:
        rest -= len(LETTERS) * count
        first += count
        count = 9 * first
    letter, number = divmod(rest, count)
    return f"{LETTERS[letter]}{first + number}"


def job_serial(letter: str, number: int) -> int:
    """Return the serial number of the job whose id is a letter and a number.

    Example:
        >>> job_serial("a", 100)
        2377
    """
    before, first, count = 0, 1, 99
    while number >= first + count:
        before += len(LETTERS) * count
        first += count
        count = 9 * first
    return before + LETTERS.index(letter) * count + (number - first) + 1


def parse(text: str) -> Reference | None:
    """Read a reference; None if the text is none. Letter case and outer blanks are ignored.

    Example:
        >>> parse(" A3.GRID "), parse("fox.png")
        (Reference(serial=3, number=0), None)
    """
    found = _REFERENCE.fullmatch(text.strip())
    if found is None:
        return None
    letter, digits, number = found.groups()
    serial = job_serial(letter.lower(), int(digits))
    if number is None:
        return Reference(serial)
    return Reference(serial, GRID if number.lower() == "grid" else int(number))


def is_reference(text: str) -> bool:
    """Tell a reference from a file's name, whatever files there are.

    A path with a separator or a picture's suffix is a file (`./k7.2`, `k7.png`); what looks like a
    reference is one, even beside a file of that name.
    """
    return parse(text) is not None
