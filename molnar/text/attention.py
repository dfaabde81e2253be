"""A text with weights written into it in, spans of text with their weights out.

::

    (x)      times 1.1        (x:1.3)  times 1.3             A1111
    [x]      divided by 1.1   BREAK    what follows is a part of its own
    word+    times 1.1        word++   times 1.1 twice       compel
    word-    times 0.9        (two words)+   (x)1.3

Nested weights multiply. A backslash keeps a bracket, a plus or a minus from meaning anything.

Sources: AUTOMATIC1111/stable-diffusion-webui, "Attention/emphasis"; damian0815/compel, "Syntax
features"; written anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from molnar.base.errors import RequestError
from molnar.text.braces import MAX_DEPTH

ROUND, SQUARE = 1.1, 1 / 1.1  # A1111
PLUS, MINUS = 1.1, 0.9  # compel
MAX_WEIGHT = 20.0  # of a span, either sign
_END = r"""(?=[\s,.;:!?()\[\]"'|]|\Z)"""
_TOKEN = re.compile(
    rf"""
      \\(?P<escaped>[()\[\]\\+-])
    | (?P<open>[(\[])
    | :\s{{0,9}}(?P<weight>[+-]?(?:\d{{1,4}}\.?\d{{0,9}}|\.\d{{1,9}}))\s{{0,9}}\)
    | (?P<close>[)\]])(?:(?P<after>\+{{1,40}}|-{{1,40}}|\d{{0,4}}\.\d{{1,9}}){_END})?
    | (?:(?<!\s)\s+)?\b(?P<part>BREAK)\b\s*
    # The last letter of the word before the signs decides: "18+" is a number.
    | (?<![\w'\u2019-])(?P<word>\w+(?:['\u2019-]\w+)*)(?<=[^\W\d_])
      (?P<signs>\+{{1,40}}|-{{1,40}}){_END}
    | (?P<text>[^\W_]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text and how much it counts; 1 is as much as without a weight.

    Example:
        >>> Span("a fox").weight
        1.0
    """

    text: str
    weight: float = 1.0


@dataclass(slots=True)
class _Open:
    """Where the spans of an open bracket begin."""

    bracket: str
    begin: int


Part = tuple[Span, ...]


def attend(text: str) -> tuple[Part, ...]:
    r"""Read the weights in a text.

    A bracket that is never closed counts to the end; one that was never opened is a character.

    Args:
        text: With brackets, pluses and BREAK.

    Returns:
        The parts between BREAKs, at least one, each of spans; neighbours of equal weight are one
        span. A text without syntax is one part of one span of weight 1; empty parts are left out.

    Raises:
        RequestError: Brackets more than 20 deep, or a weight beyond 20.

    Example:
        >>> attend(r"an (important) word")
        ((Span(text='an ', weight=1.0), Span(text='important', weight=1.1), Span(text=' word', weight=1.0)),)
    """  # noqa: E501
    spans: list[Span | None] = []  # None is BREAK
    opened: list[_Open] = []
    for match in _TOKEN.finditer(text):
        if match["open"]:
            opened.append(_Open(match["open"], len(spans)))
            if len(opened) > MAX_DEPTH:
                raise RequestError(
                    f"prompt has brackets more than {MAX_DEPTH} deep; expected fewer, write the "
                    "weight instead: (word:1.5)"
                )
        elif match["part"]:
            spans.append(None)
        elif match["word"]:
            spans.append(Span(match["word"], _signed(match["signs"])))
        elif match["close"] or match["weight"]:
            if not _closed(match, opened, spans):
                spans.append(Span(match.group()))
        else:
            spans.append(Span(match["escaped"] or match["text"]))
    for bracket in opened:
        _weigh(spans, bracket.begin, ROUND if bracket.bracket == "(" else SQUARE)
    return tuple(_parts(spans)) or ((),)


def plain(spans: Iterable[Span]) -> str:
    """Return the text of spans without their weights.

    Example:
        >>> plain(attend("an (important) word")[0])
        'an important word'
    """
    return "".join(span.text for span in spans)


def _closed(match: re.Match[str], opened: list[_Open], spans: list[Span | None]) -> bool:
    """Weigh the spans of the bracket that ends here; False if none was open."""
    wanted = "[" if match["close"] == "]" else "("
    place = next((k for k in reversed(range(len(opened))) if opened[k].bracket == wanted), None)
    if place is None:
        return False
    begin = opened.pop(place).begin
    after = match["after"]
    if match["weight"]:
        factor = float(match["weight"])
    elif wanted == "[":
        factor = SQUARE
    else:
        factor = _signed(after) if after else ROUND
    _weigh(spans, begin, factor)
    if after and wanted == "[":
        spans.append(Span(after))
    return True


def _signed(after: str) -> float:
    """Return what `++`, `-` or `1.3` behind a word or a bracket stands for."""
    if after[0] in "+-":
        return (PLUS if after[0] == "+" else MINUS) ** len(after)
    return float(after)


def _weigh(spans: list[Span | None], begin: int, factor: float) -> None:
    for place in range(begin, len(spans)):
        span = spans[place]
        if span is not None:
            spans[place] = Span(span.text, span.weight * factor)


def _parts(spans: Iterable[Span | None]) -> Iterator[Part]:
    """Join neighbours of equal weight, and cut at BREAK."""
    part: list[Span] = []
    for span in (*spans, None):
        if span is None:
            if part:
                yield tuple(part)
            part = []
            continue
        weight = round(span.weight, 9)
        if abs(weight) > MAX_WEIGHT:
            raise RequestError(
                f"prompt gives {span.text[:20]!r} the weight {weight:.4g}; expected "
                f"{-MAX_WEIGHT:g} to {MAX_WEIGHT:g}, take some away"
            )
        if part and part[-1].weight == weight:
            part[-1] = Span(part[-1].text + span.text, weight)
        else:
            part.append(Span(span.text, weight))
