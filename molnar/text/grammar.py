"""The prompt of one picture in, what to show the model at each step out.

::

    <lora:name:1> -> AND, a::1 b::2 -> [from:to:when] -> (attention) BREAK
    networks         terms             schedules         parts of spans

What comes before a `Request` (variants, flags, styles) is in `expansion.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from molnar.base.errors import RequestError, one_line
from molnar.text.attention import MAX_WEIGHT, Part, Span, attend, plain
from molnar.text.prompt import MAX_CHARACTERS
from molnar.text.timing import at_steps

MAX_TERMS = 16  # sub-prompts of one prompt: each costs a pass of the network at every step
MAX_STEPS = 1000
_NETWORK = re.compile(r"<(lora|lyco|hypernet):([^<>:]{1,200})((?::[^<>:]{0,40}){0,3})>", re.I)
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,4}\.?[0-9]{0,9}|\.[0-9]{1,9})")
# What can separate terms, and the brackets within which it does not.
_MARK = re.compile(
    rf"\\.|[()\[\]]|\b(?P<and>AND)\b|::(?P<weight>{_NUMBER.pattern}(?=[\s,]|\Z))?", re.DOTALL
)
_TAIL = re.compile(rf":\s{{0,9}}(?P<weight>{_NUMBER.pattern})?\s{{0,9}}\Z")


@dataclass(frozen=True, slots=True)
class Network:
    """An extra network that the prompt asks for.

    Example:
        >>> networks("a fox <lora:ink:0.8>")[1][0].weights
        (0.8,)
    """

    kind: str  # "lora", "lyco" or "hypernet"
    name: str
    weights: tuple[float, ...] = (1.0,)  # of the picture network, then of the text encoder


@dataclass(frozen=True, slots=True)
class Term:
    """One sub-prompt and how much of it goes into the picture.

    Example:
        >>> Term("a (red:1.2) fox", 1.0).plain
        'a red fox'
    """

    text: str
    weight: float = 1.0
    literal: bool = False

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is between BREAKs, as spans with weights."""
        return ((Span(self.text),),) if self.literal else attend(self.text)

    @property
    def plain(self) -> str:
        """The text without syntax."""
        return " ".join(plain(part).strip() for part in self.parts)


@dataclass(frozen=True, slots=True)
class Wording:
    """What to show the model: equal steps share one entry.

    Example:
        >>> wording = parse("a [fox:dog:2]", steps=4)
        >>> wording.index_of_step, wording.distinct[1][0].text
        ((0, 0, 1, 1), 'a dog')
    """

    distinct: tuple[tuple[Term, ...], ...]
    index_of_step: tuple[int, ...]
    networks: tuple[Network, ...] = ()

    @property
    def simple(self) -> bool:
        """True if one text without weights or parts is shown at every step."""
        if len(self.distinct) > 1 or len(self.distinct[0]) > 1:
            return False
        (term,) = self.distinct[0]
        spans = [span for part in term.parts for span in part]
        return term.weight == 1 and len(term.parts) == 1 and all(s.weight == 1 for s in spans)

    @property
    def plain(self) -> str:
        """Every text that is shown, once each: what reports of unknown words look at."""
        texts = (term.plain for terms_ in self.distinct for term in terms_)
        return ", ".join(dict.fromkeys(text for text in texts if text))


def parse(text: str, steps: int, literal: bool = False) -> Wording:
    """Read the syntax in a prompt.

    Args:
        text: At most 2,000 characters.
        steps: How many the picture takes, 1 to 1,000.
        literal: The text is what it says, without any syntax.

    Returns:
        For each step one or more terms, each of parts of weighted spans.

    Raises:
        RequestError: Too long, brackets too deep, weights out of range or too many terms.

    Example:
        >>> parse("a fox AND a (dog:1.2) :0.5", steps=1).distinct[0][1].parts
        ((Span(text='a ', weight=1.0), Span(text='dog', weight=1.2)),)
    """
    if len(text) > MAX_CHARACTERS:
        raise RequestError(
            f"prompt has {len(text)} characters; expected at most {MAX_CHARACTERS}, shorten it"
        )
    if not 1 <= steps <= MAX_STEPS:
        raise RequestError(f"steps is {steps}; expected 1 to {MAX_STEPS}")
    if literal:
        return Wording(((Term(text, literal=True),),), (0,) * steps)
    rest, extras = networks(text)
    found = terms(rest)
    columns = [at_steps(term.text, steps) for term in found]
    index: dict[tuple[str, ...], int] = {}
    of_step = [index.setdefault(row, len(index)) for row in zip(*columns, strict=True)]
    distinct = tuple(
        tuple(Term(now, term.weight) for now, term in zip(row, found, strict=True)) for row in index
    )
    for term in {term for row in distinct for term in row}:
        attend(term.text)  # what cannot be read is refused here, not in the middle of a picture
    return Wording(distinct, tuple(of_step), extras)


def networks(text: str) -> tuple[str, tuple[Network, ...]]:
    """Take `<lora:name:0.8>` and the like out of a text.

    Returns:
        The text without them, and what they ask for; a model that has none refuses with `refuse`.

    Raises:
        RequestError: A weight is not a number.

    Example:
        >>> networks("a fox <lora:ink:0.8> here")[0]
        'a fox here'
    """
    found: list[Network] = []

    def take(match: re.Match[str]) -> str:
        weights = [weight.strip() for weight in match[3].split(":")[1:]]
        for weight in weights:
            if not _NUMBER.fullmatch(weight):
                raise RequestError(
                    f"{one_line(match.group(), 60)} has the weight {one_line(weight, 20)!r}; "
                    "expected a number, as in <lora:name:0.8>"
                )
        found.append(Network(match[1].lower(), match[2].strip(), (*map(float, weights),) or (1.0,)))
        return ""

    rest = _NETWORK.sub(take, text)
    return (re.sub(r" {2,}", " ", rest).strip() if found else text), tuple(found)


def refuse(extras: tuple[Network, ...]) -> None:
    """Raise for a model without extra networks.

    Raises:
        RequestError: There is one; it is named.
    """
    for extra in extras:
        raise RequestError(
            f"prompt asks for the {extra.kind} {one_line(extra.name, 60)!r}; this model takes "
            f"none, leave <{extra.kind}:...> out"
        )


def terms(text: str) -> tuple[Term, ...]:
    """Cut a prompt into weighted sub-prompts.

    `a AND b :0.5` (A1111) takes weights as written; `a::2 b` (Midjourney) scales them to sum to 1.
    Within brackets neither means anything, and one prompt uses one of the two.

    Returns:
        One or more terms; texts without syntax are one term of weight 1.

    Raises:
        RequestError: Both dialects at once, weights that do not add up to more than 0 (Midjourney)
            or beyond 20, or more than 16 terms.

    Example:
        >>> [(term.text, term.weight) for term in terms("fox::3 dog")]
        [('fox', 0.75), ('dog', 0.25)]
    """
    marks = list(_outside(text))
    if not marks:
        return (Term(text),)
    if len({bool(match["and"]) for match in marks}) == 2:
        raise RequestError("prompt has both AND and ::; expected one of them, choose one")
    pieces, begin = [], 0
    for match in marks:
        pieces.append((text[begin : match.start()], match["weight"]))
        begin = match.end()
    pieces.append((text[begin:], None))
    found = _composed(pieces) if marks[0]["and"] else _normalised(pieces)
    if len(found) > MAX_TERMS:
        raise RequestError(
            f"prompt has {len(found)} sub-prompts; expected at most {MAX_TERMS}, join some"
        )
    return found


def _outside(text: str) -> Iterator[re.Match[str]]:
    """Yield the AND and :: of a text that stand in no brackets."""
    depth = 0
    for match in _MARK.finditer(text):
        if match.group() in ("(", "["):
            depth += 1
        elif match.group() in (")", "]"):
            depth = max(0, depth - 1)
        elif depth == 0 and match.group()[0] in "A:":
            yield match


def _composed(pieces: list[tuple[str, str | None]]) -> tuple[Term, ...]:
    found = []
    for text, _ in pieces:
        tail = _TAIL.search(text)
        weight = float(tail["weight"] or 1) if tail else 1.0
        words = text[: tail.start()].strip() if tail else text.strip()
        if abs(weight) > MAX_WEIGHT:
            raise RequestError(
                f"prompt gives {one_line(words, 20)!r} the weight {weight:g}; expected "
                f"{-MAX_WEIGHT:g} to {MAX_WEIGHT:g}"
            )
        if words:
            found.append(Term(words, weight))
    return tuple(found) or (Term(""),)


def _normalised(pieces: list[tuple[str, str | None]]) -> tuple[Term, ...]:
    given = [(text.strip(" ,"), float(weight or 1)) for text, weight in pieces]
    given = [(text, weight) for text, weight in given if text]
    total = sum(weight for _, weight in given)
    if not given:
        return (Term(""),)
    if not total > 1e-6:
        raise RequestError(
            f"prompt has :: weights that sum to {total:g}; expected more than 0, "
            "raise what you want to see"
        )
    found = tuple(Term(text, round(weight / total, 9)) for text, weight in given)
    if max(abs(term.weight) for term in found) > MAX_WEIGHT:
        raise RequestError(
            f"prompt has :: weights that nearly cancel (sum {total:g}); expected "
            f"at most {MAX_WEIGHT:g} times the sum, raise what you want to see"
        )
    return found
