"""A prompt that changes while a picture is drawn in, its text at each step out: prompt editing.

::

    [from:to:when]   from, and after `when` to      [to:when]      nothing, then to
    [from::when]     from, then nothing             [a|b]          a, b, a, b, ...

`when` with a point is a fraction of the steps, without one a step. What stands before the change is
used while step <= when; the first step is 1. `[word]` is attention and stays (`attention.py`).

Source: AUTOMATIC1111/stable-diffusion-webui, "Prompt editing" and "Alternating words"; written
anew.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from molnar.base.errors import RequestError
from molnar.text.braces import MAX_DEPTH

_MARK = re.compile(r"\\.|[()\[\]:|]", re.DOTALL)
_WHEN = re.compile(r"\s*(\d{1,9}\.?\d{0,9}|\.\d{1,9})\s*")


@dataclass(frozen=True, slots=True)
class _Change:
    """`before` while step <= when, then `after`."""

    before: _Nodes
    after: _Nodes
    when: str

    def at(self, step: int, steps: int) -> _Nodes:
        # A hair more than asked: 0.29 of 100 steps is 28.999999999999996 in binary.
        last = float(self.when) * steps + 1e-6 if "." in self.when else float(self.when)
        return self.before if step <= last else self.after


@dataclass(frozen=True, slots=True)
class _Turns:
    """One option after the other, a step each."""

    options: tuple[_Nodes, ...]

    def at(self, step: int, steps: int) -> _Nodes:
        del steps
        return self.options[(step - 1) % len(self.options)]


_Nodes = tuple["str | _Change | _Turns", ...]


def at_steps(text: str, steps: int) -> list[str]:
    """Write out the text of each step.

    Args:
        text: With schedules. Brackets that are none, or that do not match, are left alone.
        steps: How many there are, 1 or more.

    Returns:
        `steps` texts.

    Raises:
        RequestError: Brackets more than 20 deep.

    Example:
        >>> at_steps("a [fox:dog:0.5] in [red|blue]", 4)
        ['a fox in red', 'a fox in blue', 'a dog in red', 'a dog in blue']
    """
    nodes = _Reader(text).nodes(0, len(text))
    return [_written(nodes, step, steps) for step in range(1, steps + 1)]


def _written(nodes: _Nodes, step: int, steps: int) -> str:
    return "".join(
        node if isinstance(node, str) else _written(node.at(step, steps), step, steps)
        for node in nodes
    )


class _Reader:
    """Finds which square brackets belong together, then reads what is in them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.marks = [match for match in _MARK.finditer(text) if len(match.group()) == 1]
        self.places = [match.start() for match in self.marks]
        self.ends: dict[int, int] = {}  # where each [ that has a ] finds it
        opened: list[int] = []
        for match in self.marks:
            if match.group() == "[":
                opened.append(match.start())
            elif match.group() == "]" and opened:
                self.ends[opened.pop()] = match.start()
            if len(opened) > MAX_DEPTH:
                raise RequestError(
                    f"prompt has brackets more than {MAX_DEPTH} deep; expected fewer, nest less"
                )

    def nodes(self, begin: int, end: int) -> _Nodes:
        """Read text[begin:end]."""
        found: list[str | _Change | _Turns] = []
        done = begin
        for match in self._marks_in(begin, end):
            at = match.start()
            if done <= at and self.ends.get(at, end) < end:
                found.append(self.text[done:at])
                found += self._bracket(at + 1, self.ends[at])
                done = self.ends[at] + 1
        return (*found, self.text[done:end])

    def _bracket(self, begin: int, end: int) -> _Nodes:
        """Read what is between a [ and its ]."""
        bars, colons = self._own(begin, end, "|"), self._own(begin, end, ":")
        if bars:
            return (_Turns(tuple(self.nodes(*piece) for piece in _between(bars, begin, end))),)
        if len(colons) in (1, 2):
            when = self.text[colons[-1] + 1 : end]
            if _WHEN.fullmatch(when):
                *before, after = _between(colons[:-1], begin, colons[-1])
                first = self.nodes(*before[0]) if before else ()
                return (_Change(first, self.nodes(*after), when.strip()),)
        return ("[", *self.nodes(begin, end), "]")

    def _own(self, begin: int, end: int, mark: str) -> list[int]:
        """Return where a mark stands between two places, outside of inner brackets."""
        found, depth = [], 0
        for match in self._marks_in(begin, end):
            if match.group() in "([":
                depth += 1
            elif match.group() in ")]":
                depth = max(0, depth - 1)
            elif match.group() == mark and depth == 0:
                found.append(match.start())
        return found

    def _marks_in(self, begin: int, end: int) -> list[re.Match[str]]:
        return self.marks[bisect_left(self.places, begin) : bisect_left(self.places, end)]


def _between(marks: Sequence[int], begin: int, end: int) -> list[tuple[int, int]]:
    starts = [begin, *(mark + 1 for mark in marks)]
    return list(zip(starts, [*marks, end], strict=True))
