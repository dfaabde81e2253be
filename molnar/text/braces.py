"""A text with braces in, its literal and braced pieces out: what permutations and variants share.

A backslash keeps the next character from meaning anything. `$$` is one mark, so that in
`{2$${a|b}|c}` the inner braces are no variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from molnar.base.errors import RequestError, one_line

MAX_DEPTH = 20  # braces within braces
MAX_TEMPLATE = 10_000  # characters before expansion
_MARK = re.compile(r"\\.|\$\$|\$\{|[{}|,]", re.DOTALL)
_ESCAPED = re.compile(r"\\([{},])")
_OPENING = {"{": "braces", "${": "variable"}


class Piece(NamedTuple):
    """A literal text, or what stands between a pair of braces."""

    kind: str  # "text", "braces" or "variable"
    text: str  # without the braces


def checked(text: str) -> str:
    """Return the text if its braces are balanced and not too deep.

    Raises:
        RequestError: A brace without its partner, braces too deep, or a text too long.
    """
    if len(text) > MAX_TEMPLATE:
        raise RequestError(
            f"prompt has {len(text)} characters; expected at most {MAX_TEMPLATE}, shorten it"
        )
    depth = 0
    for match in _MARK.finditer(text):
        depth += _step(match.group())
        if depth < 0:
            raise RequestError(
                f"prompt has a }} too many near {_near(text, match.start())!r}; expected a {{ "
                "before it, write \\} for the character"
            )
        if depth > MAX_DEPTH:
            raise RequestError(
                f"prompt has braces {depth} deep; expected at most {MAX_DEPTH}, nest fewer"
            )
    if depth:
        raise RequestError(
            f"prompt has {depth} open {{; expected a }} for each, write \\{{ for the character"
        )
    return text


def pieces(text: str) -> Iterator[Piece]:
    """Cut a text with balanced braces into literal and outermost braced pieces, in order.

    Example:
        >>> [piece.text for piece in pieces("a {b, {c|d}} ${x}")]
        ['a ', 'b, {c|d}', ' ', 'x']
    """
    depth, begin, kind = 0, 0, "text"
    for match in _MARK.finditer(text):
        step = _step(match.group())
        if step > 0 and depth == 0:
            if match.start() > begin:
                yield Piece("text", text[begin : match.start()])
            begin, kind = match.end(), _OPENING[match.group()]
        depth += step
        if step < 0 and depth == 0:
            yield Piece(kind, text[begin : match.start()])
            begin, kind = match.end(), "text"
    if begin < len(text):
        yield Piece("text", text[begin:])


def split(text: str, mark: str, most: int = -1) -> list[str]:
    """Split at a mark outside of inner braces.

    Args:
        text: What stands between braces, balanced.
        mark: ",", "|" or "$$".
        most: How many splits at most; -1 is no limit.

    Example:
        >>> split("a|b {c|d}|e", "|")
        ['a', 'b {c|d}', 'e']
    """
    found: list[str] = []
    depth = begin = 0
    for match in _MARK.finditer(text):
        if len(found) == most:
            break
        depth += _step(match.group())
        if match.group() == mark and depth == 0:
            found.append(text[begin : match.start()])
            begin = match.end()
    return [*found, text[begin:]]


def own_marks(text: str) -> set[str]:
    """Return which of `,`, `|` and `$$` stand outside of inner braces.

    Example:
        >>> own_marks("a, {b|c}")
        {','}
    """
    found, depth = set(), 0
    for match in _MARK.finditer(text):
        depth += _step(match.group())
        if depth == 0 and match.group() in (",", "|", "$$"):
            found.add(match.group())
    return found


def unescaped(text: str) -> str:
    r"""Turn `\{`, `\}` and `\,` into the characters; other backslashes belong to later steps."""
    return _ESCAPED.sub(r"\1", text)


def _step(mark: str) -> int:
    return 1 if mark in _OPENING else -1 if mark == "}" else 0


def _near(text: str, at: int) -> str:
    return one_line(text[max(0, at - 15) : at + 5])
