"""`{red|blue} fox` and a seed in, one of them out: dynamic prompts and wildcards.

::

    {a|b|c}           one of them             {0.5::a|2::b}     with weights (1 if absent)
    {2$$a|b|c}        two different ones      {2$$ and $$a|b}   joined by " and " (", " if absent)
    {1-2$$a|b|c}      one or two              {-2$$..} {1-$$..} open ends: from 1, to all
    {@a|b|c}          by the seed in turn     {~a|b}            as {a|b}
    __colours__       a line of a file        {2$$__colours__}  two of its lines
    ${x={a|b}}        drawn at each ${x}      ${x=!{a|b}}       drawn once
    ${x}  ${x:red}    its value, or "red" if x was never set

Source: adieyal/sd-dynamic-prompts, "Syntax guide"; written anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

from molnar.base.errors import RequestError, one_line
from molnar.base.rng import NUM_SEEDS, generator
from molnar.base.words import hint
from molnar.text.braces import MAX_DEPTH, Piece, checked, pieces, split, unescaped
from molnar.text.prompt import MAX_CHARACTERS
from molnar.text.wildcards import WILDCARD, Wildcards

#: Which generator of a picture's seed draws; see `base/rng.py` for the streams of noise.
PROMPT_STREAM, NEGATIVE_STREAM = 61, 62
MAX_DRAWS = 50_000  # pieces and options looked at for one text; a hundred lines of a file are one
MAX_TAKEN = 100  # options of one variant
SEPARATOR = ", "
_BOUNDS = re.compile(r"\s*(?:(\d{1,4})\s*(-)?\s*(\d{1,4})?|(-)\s*(\d{1,4}))\s*")
_WEIGHT = re.compile(r"\s*(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})::")
_VARIABLE = re.compile(r"\s*(\w+)\s*(?:(=!?|:)(.*))?", re.DOTALL)


def variant(text: str, seed: int, wildcards: Wildcards | Sequence[Path] = ()) -> str:
    """Draw one text from a template.

    Picture k of a batch with seed s draws with s + k, so that it equals the single picture of it.

    Args:
        text: With variants, wildcards and variables; without any, it comes back as it is.
        seed: Of the picture, 0 to 2**32 - 1.
        wildcards: Folders with wildcard files.

    Raises:
        RequestError: What is written cannot be drawn, or gives more than 2,000 characters.

    Example:
        >>> [variant("a {red|blue} fox", seed) for seed in (4, 5)]
        ['a red fox', 'a blue fox']
    """
    return draw(text, seed, wildcards, PROMPT_STREAM)


def draw(text: str, seed: int, wildcards: Wildcards | Sequence[Path], stream: int) -> str:
    """Draw like `variant`, from a stream of its own: a negative prompt does not move the prompt."""
    known = wildcards if isinstance(wildcards, Wildcards) else Wildcards(wildcards)
    return unescaped(_Drawing(seed, stream, known).read(checked(text), 0))


class _Drawing:
    """The state of one draw: the random numbers, the variables so far, and how much was read."""

    def __init__(self, seed: int, stream: int, wildcards: Wildcards) -> None:
        if not 0 <= seed < NUM_SEEDS:
            raise RequestError(f"seed is {seed}; expected 0 to {NUM_SEEDS - 1}, choose one of them")
        self.seed = seed
        self.rng: np.random.Generator = generator(seed, stream)
        self.wildcards = wildcards
        self.variables: dict[str, str] = {}
        self.draws = 0

    def read(self, text: str, depth: int) -> str:
        """Return a text with every piece in it drawn."""
        if depth > 3 * MAX_DEPTH:
            raise RequestError(
                f"prompt leads on more than {3 * MAX_DEPTH} times (variables in variables?); "
                "expected an end, nest fewer"
            )
        found, length = [], 0
        for piece in pieces(text):
            self.draws += 1
            found.append(self._piece(piece, depth))
            length += len(found[-1])
            if self.draws > MAX_DRAWS or length > 2 * MAX_CHARACTERS:
                raise RequestError(
                    "prompt grows without end when its variants are drawn; expected at most "
                    f"{MAX_CHARACTERS} characters, nest fewer"
                )
        return "".join(found)

    def _piece(self, piece: Piece, depth: int) -> str:
        if piece.kind == "variable":
            return self._variable(piece.text, depth)
        if piece.kind == "braces":
            return self._choice(piece.text, depth)
        return WILDCARD.sub(lambda match: self._line(match[1], depth), piece.text)

    def _line(self, name: str, depth: int) -> str:
        lines = self.wildcards.lines(name)
        self.draws += len(lines) // 100
        return self._drawn(lines, 1, depth)[0]

    def _choice(self, text: str, depth: int) -> str:
        in_turn = text[:1] == "@"
        count, separator, options = _parts(text[1:] if text[:1] in ("@", "~") else text)
        alone = WILDCARD.fullmatch(options[0].strip()) if len(options) == 1 else None
        if count and alone:
            options = list(self.wildcards.lines(alone[1]))
        self.draws += len(options)
        least, most = _bounds(count, len(options)) if count else (1, 1)
        if in_turn:
            turned = [(self.seed + step) % len(options) for step in range(least)]
            return separator.join(self.read(_weighed(options[k])[1], depth + 1) for k in turned)
        number = least + int(self.rng.random() * (most - least + 1)) if most > least else least
        return separator.join(self._drawn(options, number, depth))

    def _drawn(self, options: Sequence[str], number: int, depth: int) -> list[str]:
        """Draw `number` different options by their weights, and read each."""
        left = [_weighed(option) for option in options]
        if number > MAX_TAKEN:
            raise RequestError(
                f"prompt asks for {number} options of a variant; expected at most {MAX_TAKEN}"
            )
        found = []
        for _ in range(number):
            sums = list(accumulate(weight for weight, _ in left))
            if not sums[-1] > 0:
                raise RequestError(
                    f"prompt asks for {number} of {len(options)} options, too few of which have a "
                    "weight above 0; ask for fewer"
                )
            mark = self.rng.random() * sums[-1]
            place = next((k for k, end in enumerate(sums) if mark < end), len(left) - 1)
            found.append(left.pop(place)[1])
        return [self.read(checked(option), depth + 1) for option in found]

    def _variable(self, text: str, depth: int) -> str:
        match = _VARIABLE.fullmatch(text)
        if match is None:
            raise RequestError(
                f"prompt has ${{{one_line(text, 40)}}}; expected ${{name}}, ${{name=text}} or "
                "${name:text}, mend it"
            )
        name, kind, value = match.groups()
        if kind == "=":
            self.variables[name] = value
        elif kind == "=!":
            # Reading it again at its use changes nothing: there is nothing left in it to draw.
            self.variables[name] = self.read(value.strip(), depth + 1)
        if kind in ("=", "=!"):
            return ""
        if name not in self.variables and value is None:
            raise RequestError(
                f"prompt uses ${{{name}}}, which is not set{hint(name, self.variables)}; "
                f"expected ${{{name}=...}} before it, or ${{{name}:...}}"
            )
        return self.read(self.variables.get(name, value or "").strip(), depth + 1)


def _parts(text: str) -> tuple[str, str, list[str]]:
    """Cut `2$$ and $$a|b` into count ("" if absent), separator and options."""
    parts = split(text, "$$", 2)
    if len(parts) == 1 or not _BOUNDS.fullmatch(parts[0]):
        return "", SEPARATOR, split(text, "|")
    if len(parts) == 3 and len(split(parts[1], "|", 1)) == 1:
        return parts[0], parts[1], split(parts[2], "|")
    return parts[0], SEPARATOR, split("$$".join(parts[1:]), "|")


def _bounds(count: str, options: int) -> tuple[int, int]:
    """Return how many to take at least and at most; an open end is 1, or all."""
    match = _BOUNDS.fullmatch(count)
    assert match is not None  # `_parts` has looked
    low, dash, high, open_dash, open_high = match.groups()
    least = 1 if open_dash else int(low)
    most = int(open_high or high or (options if dash else least))
    if least > options or most < least:
        raise RequestError(
            f"prompt asks for {one_line(count.strip())} of {options} options; expected at most "
            f"{options}, the smaller number first"
        )
    return least, min(most, options)


def _weighed(option: str) -> tuple[float, str]:
    """Cut `0.5::red` into weight (1 if absent) and text."""
    match = _WEIGHT.match(option)
    if match is None:
        return 1.0, option.strip()
    return float(match[1]), option[match.end() :].strip()
