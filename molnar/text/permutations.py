"""`{red, blue} fox` in, every combination out: Midjourney's permutations.

Braces are a permutation when they hold a comma and neither `|` nor `$$` of their own; those are
variants (`variants.py`), of which one is drawn. What is nested in either is treated by the same
rule.
"""

from __future__ import annotations

import math

from molnar.base.errors import RequestError
from molnar.text.braces import Piece, checked, own_marks, pieces, split

MAX_JOBS = 40  # as many as Midjourney takes


def permutations(text: str, max_jobs: int = MAX_JOBS) -> list[str]:
    r"""Write out every combination, the last braces changing fastest.

    Args:
        text: With `{a, b}`; `\,`, `\{` and `\}` are characters, and stay escaped.
        max_jobs: How many combinations are allowed.

    Returns:
        One text for each combination; the text alone if it has none.

    Raises:
        RequestError: More combinations than allowed, or braces that do not match.

    Source: Midjourney documentation, "Permutations".

    Example:
        >>> permutations("a {red, blue} fox --ar {1:1, 3:2}", 4)[1]
        'a red fox --ar 3:2'
    """
    jobs = _count(checked(text))
    if jobs > max_jobs:
        number = str(jobs) if jobs < 10**9 else "over a billion"
        raise RequestError(
            f"prompt asks for {number} combinations; expected at most {max_jobs}, take options out "
            "of its {a, b} braces or raise max_jobs"
        )
    return _written(text)


def _options(piece: Piece) -> list[str] | None:
    """Return what is between the commas of a permutation, or None for other pieces."""
    if piece.kind != "braces" or own_marks(piece.text) != {","}:
        return None
    return [option.strip() for option in split(piece.text, ",")]


def _count(text: str) -> int:
    return math.prod(_count_of(piece) for piece in pieces(text) if piece.kind != "text")


def _count_of(piece: Piece) -> int:
    options = _options(piece)
    return _count(piece.text) if options is None else sum(map(_count, options))


def _written(text: str) -> list[str]:
    """Return every combination; `_count` has shown that they are few."""
    found = [""]
    for piece in pieces(text):
        ends = _written_of(piece)
        found = [begin + end for begin in found for end in ends]
    return found


def _written_of(piece: Piece) -> list[str]:
    if piece.kind == "text":
        return [piece.text]
    options = _options(piece)
    if options is not None:
        return [text for option in options for text in _written(option)]
    opening = "{" if piece.kind == "braces" else "${"
    return [f"{opening}{inner}}}" for inner in _written(piece.text)]
