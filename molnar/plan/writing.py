"""A plan <-> the numbers it is written with, and the writing of one, number by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molnar.base.types import Mention
from molnar.plan.items import (
    COLOURS,
    GROUNDS,
    MANNERS,
    MOST,
    SHAPES,
    Item,
    Plan,
    overlap,
)

BINS = 64  # of a place or a size between 0 and 1
FIELDS = 6  # of a thing: name, colour, x, y, width, height
_HEAD = 2  # fields of what lies behind: name and colour; its box is the picture
LENGTH = _HEAD + FIELDS * (MOST - 1) + 1  # most numbers of a plan, its end included
#: How much of the planner's doubt is kept: 1 = all, 0 = none. What there is should be what was
#: asked; where it is may vary from seed to seed.
DOUBT_WHAT, DOUBT_WHERE = 0.5, 0.7
TRIES = 8  # of a box
#: What the text says word for word is worth, in logits:
LEAD = 6.0  # what a name has ahead, as often as it is said ...
ANEW = 2.0  # ... and more, until it is planned: each of two things, and three of one;
HOLD = 12.0  # what the end is behind until then: it is rather one of those;
STOP = 4.0  # what it is ahead when there is as much as is said;
MANY = 6  # of one thing that the end waits for at most: more no picture of training has
SPENT = 12.0  # what a name is behind that is planned as often as it is said;
TINT = 8.0  # what a colour has ahead that is said of a name, or is behind if of others only.


class Draws(Protocol):
    """Where decisions come from: a generator, or anything like it."""

    def random(self) -> float:
        """Return the next number in [0, 1)."""
        ...


class Middle:
    """No chance at all: of all that could be, ordered, what lies in the middle, or elsewhere.

    Example:
        >>> Middle().random(), Middle(0.25).random()
        (0.5, 0.25)
    """

    def __init__(self, at: float = 0.5) -> None:
        """Choose where: 0 is the first of all, 1 the last."""
        self.at = at

    def random(self) -> float:
        """Return it, always."""
        return self.at


Ask = Callable[[NDArray[np.int64]], Sequence[NDArray[Any]]]
"""Numbers so far, int64 1 S -> logits of the next: names 1 N+1, colours 1 13, bins 1 BINS."""


def field_of(step: int) -> int:
    """Tell which field the number at a step is: 0 name, 1 colour, 2 to 5 x, y, width, height."""
    return step if step < _HEAD else (step - _HEAD) % FIELDS


def item_of(step: int) -> int:
    """Tell to which item the number at a step belongs."""
    return 0 if step < _HEAD else 1 + (step - _HEAD) // FIELDS


def written(plan: Plan, names: Sequence[str]) -> list[int]:
    """Write a plan as numbers, its end included.

    Args:
        plan: What lies behind first, at most MOST items.
        names: All names, in the planner's order.

    Raises:
        ValueError: a name that the planner does not have, or too many items.
    """
    if len(plan) > MOST:
        raise ValueError(f"got a plan of {len(plan)} items; expected at most {MOST}")
    numbers: list[int] = []
    for index, item in enumerate(plan):
        colour = len(COLOURS) if item.colour is None else COLOURS.index(item.colour)
        numbers += [names.index(item.name), colour]
        if index:
            numbers += [_bin(v) for v in (item.x, item.y, item.width, item.height)]
    return [*numbers, len(names)]


def read(numbers: Sequence[int], names: Sequence[str]) -> Plan:
    """Read a plan from its numbers; an item that was not finished is left out."""
    items: list[Item] = []
    begin = 0
    while begin < len(numbers) and numbers[begin] < len(names):
        size = FIELDS if items else _HEAD
        part = numbers[begin : begin + size]
        if len(part) < size:
            break
        name, colour = names[part[0]], COLOURS[part[1]] if part[1] < len(COLOURS) else None
        if name in MANNERS:
            items.append(Item(name=name, behind=True))
        elif items:
            x, y, width, height = ((number + 0.5) / BINS for number in part[2:])
            items.append(Item(name=name, colour=colour, x=x, y=y, width=width, height=height))
        else:
            items.append(Item(name=name, colour=colour, behind=True))
        begin += size
    return tuple(items)


def write(
    ask: Ask,
    names: Sequence[str],
    rng: Draws,
    stray: float = 1.0,
    said: Sequence[Mention] = (),
) -> Plan:
    """Write a plan: ask for the next number until the end.

    A box that crowds an earlier one is drawn again, a few times. Only grounds lie behind, and a
    look is said once.

    Args:
        ask: A planner with its text.
        names: All names, in the planner's order.
        rng: Decides where the planner has doubts.
        stray: Factor of its doubts about places and sizes.
        said: What the text says word for word: names lead, and colours where they are said.
    """
    numbers: list[int] = []
    tries = TRIES
    behind = {at for at, name in enumerate(names) if name in GROUNDS - SHAPES}  # and no thing
    things = [mention for mention in said if not mention.names or mention.names - behind]
    while len(numbers) < LENGTH:
        step = len(numbers)
        kind = field_of(step)
        logits = ask(np.array([[0, *numbers]], np.int64))[min(kind, 2)][0]
        if kind == 0 and said:
            logits = led(logits, things if step else said, [*numbers[:1], *numbers[_HEAD::FIELDS]])
        if kind == 0:
            logits = _once(logits, names, numbers[_HEAD::FIELDS])
        if kind == 1 and said:
            logits = tinted(logits, said, _named(numbers))
        if step == 0:
            logits = _behind(logits[:-1], names)  # something always does
        doubt = DOUBT_WHAT if kind < 2 else DOUBT_WHERE * stray
        numbers.append(_drawn(logits, doubt, float(rng.random())))
        if kind == 0 and step and numbers[-1] == len(names):
            break
        if kind == FIELDS - 1:
            again = tries > 0 and _crowded(read(numbers, names))
            tries = tries - 1 if again else TRIES
            numbers = numbers[:-4] if again else numbers
    return read(numbers, names)


def led(logits: NDArray[Any], said: Sequence[Mention], planned: Sequence[int] = ()) -> NDArray[Any]:
    """Give names that are said a lead over those that are not.

    What would be the end is rather one that is said and not planned yet; when all is there, the
    end is nearer. One more than is said falls behind: of a bird on a car, there are no two birds.

    Args:
        logits: Of all names and of the end, N + 1.
        said: What the text says. A name leads as often as it is said, a little more the first time.
        planned: Numbers of the names that are in the plan already, one by one.
    """
    out = np.array(logits, np.float64)
    own = out[:-1]  # a view: the end is no name
    lead: dict[int, float] = {}
    missing: set[int] = set()
    for names in {mention.names for mention in said if mention.names}:
        alike = [mention for mention in said if mention.names == names]
        so_far = sum(name in names for name in planned)
        if so_far >= sum(MOST if m.count is None else m.count for m in alike):
            own[list(names)] -= SPENT
            continue
        lead |= dict.fromkeys(names, LEAD if so_far else LEAD + ANEW)
        if so_far < min(MANY, sum(max(1, m.count or 1) for m in alike if not m.loose)):
            missing |= names
    before = _together(own)
    for name, more in lead.items():
        own[name] += more
    own += before - _together(own)
    if missing and planned:  # what would be the end is rather one of them
        for name in missing:
            own[name] = np.logaddexp(own[name], out[-1] - np.log(len(missing)))
        out[-1] -= HOLD
    elif not lead and any(name in mention.names for mention in said for name in planned[1:]):
        # where something is not to be there, a planner that knows no "without" wants another thing
        out[-1] += 2 * HOLD if any(mention.count == 0 for mention in said) else STOP
    return out


def tinted(
    logits: NDArray[Any], said: Sequence[Mention], named: Sequence[tuple[int, int]]
) -> NDArray[Any]:
    """Give the colour that is said of a name a lead, and those that are said of others none.

    Of a red heart and a green one, one is red and one is green: what is planned already is used up.
    Where a name is said once with a colour and once without, which is meant is left to the planner.

    Args:
        logits: Of all colours and of none, 13.
        said: What the text says.
        named: Name and colour of what is planned, the last without its colour (-1).
    """
    out = np.array(logits, np.float64)
    *before, (name, _) = named
    own = [mention for mention in said if name in mention.names]
    claimed = [COLOURS.index(m.colour) for m in own if m.colour is not None]
    left = {mention.colour for mention in own if _more(mention, before, claimed)}
    free = {mention.colour for mention in said if not mention.names}
    if not left or None in left:
        free |= {mention.colour for mention in own}
    for number, colour in enumerate(COLOURS):
        if colour in left and None not in left:
            out[number] += TINT
        elif colour not in free and any(mention.colour == colour for mention in said):
            out[number] -= TINT
    return out


def _behind(logits: NDArray[Any], names: Sequence[str]) -> NDArray[Any]:
    """Leave the names of what may lie behind: things that are said lead, but not here."""
    grounds = np.array([name in GROUNDS for name in names])
    return np.where(grounds, logits, -np.inf) if grounds.any() else logits


def _once(logits: NDArray[Any], names: Sequence[str], planned: Sequence[int]) -> NDArray[Any]:
    """Leave out looks and styles that are planned already: there is no drawing in neon twice."""
    out = np.array(logits, np.float64)
    out[[number for number in planned if names[number] in MANNERS]] = -np.inf
    return out


def _more(mention: Mention, planned: Sequence[tuple[int, int]], claimed: Sequence[int]) -> bool:
    """Tell whether there is more of what is mentioned than is planned.

    What is mentioned without a colour is planned in any that no other mention of it claims.
    """
    colours = [own for name, own in planned if name in mention.names]
    if mention.colour is None:
        so_far = sum(own not in claimed for own in colours)
    else:
        so_far = colours.count(COLOURS.index(mention.colour))
    return mention.count is None or so_far < mention.count


def _named(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """List names and colours of a plan that is being written; -1 for the last one's colour."""
    names = [*numbers[:1], *numbers[_HEAD::FIELDS]]
    return list(zip(names, [*numbers[1:2], *numbers[_HEAD + 1 :: FIELDS], -1], strict=False))


def _together(logits: NDArray[Any]) -> float:
    """Give the logit of any of several: the logarithm of the sum of their exponentials."""
    highest = float(logits.max())
    return highest + float(np.log(np.exp(logits - highest).sum()))


def _crowded(plan: Plan) -> bool:
    """Tell whether the last thing overlaps another that it should be beside.

    Two of one name should, and two shapes, unless one is inside the other. What is worn overlaps
    its wearer, and who rides overlaps what is ridden.
    """
    *others, last = plan
    return any(
        overlap(last, other) and not _within(last, other)
        for other in others
        if not other.behind and (other.name == last.name or {other.name, last.name} <= SHAPES)
    )


def _within(one: Item, other: Item) -> bool:
    return (
        one.name != other.name
        and abs(one.x - other.x) < abs(one.width - other.width) / 2
        and abs(one.y - other.y) < abs(one.height - other.height) / 2
    )


def _drawn(logits: NDArray[Any], doubt: float, at: float) -> int:
    """Draw one of several by their logits, sharpened; `at` in [0, 1) decides."""
    # rounded, so that engines that differ in the last bits nearly always draw the same
    wide = np.round(np.asarray(logits, np.float64), 3)
    chances = np.exp((wide - wide.max()) / doubt).cumsum()
    return int(min(np.searchsorted(chances, at * chances[-1], side="right"), len(wide) - 1))


def _bin(value: float) -> int:
    return int(min(max(value * BINS, 0), BINS - 1))
