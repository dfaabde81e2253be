"""A text and all names that a plan can hold in -> what the text says of which, word for word.

A planner reads a text through its embedding, where rare names lie close together and a colour slips
from one thing to the next: it may write "flatbread" for "crutch", and two green hearts for a green
one and a red one. What the text says by name is known without it, and leads; so does the colour
that stands right before a name. A name inside a longer one is not said: a growing heart is no
heart; nor is one that only says what kind of thing the next one is: a house cat is no house. A
colour and a shape are two words, although there is a drawing called "red square".

Source: See et al. 2017, arXiv 1704.04368, section 2.2 (words of the input may be copied), with a
fixed lead in place of a learned one. That a colour is that of the noun it stands before: Feng et
al. 2023, arXiv 2212.05032, section 3, with a phrase as simple as that in place of a parse tree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from molnar.base.aliases import ALIASES
from molnar.base.cielab import PALETTE
from molnar.base.looks import LOOK_WORDS, MANNERS
from molnar.base.types import SHAPES, Mention
from molnar.text.words import NUMBERS, SOME, STOP_WORDS, singulars

_WORD = re.compile(r"[^\W_]+")
_IRREGULAR = {"mice": "mouse", "geese": "goose", "people": "person",
              "children": "child", "feet": "foot", "teeth": "tooth"}  # fmt: skip
_COUNTS = {"a": 1, "an": 1, **NUMBERS}
#: With these, shapes are no things but pieces of a composition, which is planned as one.
_COMPOSED = re.compile(r"\bgrids? of\b|\bconcentric\b")
_BEHIND = {"transparent": ("transparent background",)}  # what else a ground is called
_DENIED = frozenset({"without", "no", "not"})
_JOINTS = frozenset({"and", "or", "to"})
_SOME = SOME | {"lots", "lot", "couple"}
_TIED = frozenset({"-", "'", "\u2019"})
_KINDS = frozenset({"like", "headed", "themed", "style", "s"})  # after what ties them to a name
#: What looks are called, the longest first; "tiled" and "cut paper" may be said of a thing alone.
_LOOKS = sorted(
    (
        (tuple(_WORD.findall(said)), look)
        for look, own in LOOK_WORDS.items()
        for said in own
        if said not in ("tiled", "cut paper")
    ),
    key=lambda called: -len(called[0]),
)
_BACK = 3  # words before a name, of which one may be its colour, and as many before that

Spoken = tuple[str, ...]


def said_of(text: str, names: tuple[str, ...]) -> tuple[Mention, ...]:
    """List what a text says of the names in it; the longest that fit, in the plural, too.

    Args:
        text: As the model reads it.
        names: All that a plan can hold.

    Returns:
        Looks, then other names in the order of the text, and after them, one by one, colours that
        stand before none.

    Example:
        >>> said_of("a dog and two red foxes", ("fox", "dog"))[1]
        Mention(names=frozenset({0}), colour='red', count=2)
    """
    text = text.lower()
    places = list(_WORD.finditer(text))
    words = tuple(place.group() for place in places)
    gaps = ["", *(text[a.end() : b.start()] for a, b in pairwise(places))]  # before each word
    found, words, gaps = _looks(words, gaps, names)  # the rest is read as if they were not there
    cut = {at for at, gap in enumerate(gaps) if set(gap) - set(" -'\u2019")}
    free = {at for at, word in enumerate(words) if word in PALETTE}
    before = 0  # where what is said of the name before this one ends
    composed = _COMPOSED.search(text) is not None
    spans = _spans(words, names)
    begins = {at for at, _ in spans if not gaps[at].strip("- ") and not _idle(words, at)}
    for (begin, end), (numbers, several) in sorted(spans.items()):
        # of two names with nothing between, the first says what kind of thing the second is
        if end in begins or _of_kind(words, gaps, end) or _idle(words, begin):
            continue
        if composed and any(names[number] in SHAPES for number in numbers):
            continue
        least = max([before, *(at for at in cut if at <= begin)])
        at = _colour_of(words, gaps, least, begin)
        free -= {at, *range(begin, end)}
        count = _count_of(words, gaps, least, begin if at is None else at, several)
        if _denied(words, least, begin):
            count = 0
            if any(names[number] == "background" for number in numbers):
                numbers, count = frozenset(_clear(names)), 1
        loose = _loose(words, before, begin, cut) or words[end : end + 1] == ("of",)
        also = _elided(words, least, at)
        if also is not None:  # "one red and one blue circle"
            free.discard(also)
            other = _COUNTS.get(words[also - 1], 1)
            found.append(Mention(numbers, words[also], other, loose))
        found.append(Mention(numbers, None if at is None else words[at], count, loose))
        before = end
    return (*found, *(Mention(frozenset(), words[at]) for at in sorted(free)))


def _looks(
    words: Spoken, gaps: Sequence[str], names: tuple[str, ...]
) -> tuple[list[Mention], Spoken, list[str]]:
    """Find looks, which are no things but how all is drawn.

    Returns:
        What is said of them, and words and gaps without them.
    """
    found: list[Mention] = []
    kept: list[str] = []
    between: list[str] = []
    at, gap = 0, ""
    while at < len(words):
        look = next((one for one in _LOOKS if words[at : at + len(one[0])] == one[0]), None)
        if look is None:
            kept.append(words[at])
            between.append(gap + gaps[at])
            at, gap = at + 1, ""
            continue
        if look[1] in names:
            count = 0 if _denied(words, 0, at) else 1
            found.append(Mention(frozenset([names.index(look[1])]), count=count))
        at, gap = at + len(look[0]), gap + gaps[at]
    return found, tuple(kept), between


def _of_kind(words: Spoken, gaps: Sequence[str], end: int) -> bool:
    """Tell whether a name only says of what kind the next word is: heart-shaped, a child's."""
    after = words[end : end + 1]
    return after == ("shaped",) or (bool(after) and gaps[end] in _TIED and after[0] in _KINDS)


def _idle(words: Spoken, begin: int) -> bool:
    """Tell whether a name is no thing: by a famous artist, it snows, a dog plus a cat."""
    lead = words[max(0, begin - 3) : begin]
    return lead == ("by", "a", "famous") or lead[-1:] == ("it",) or words[begin] == "plus"


def _denied(words: Spoken, least: int, begin: int) -> bool:
    """Tell whether "no" or "without" stands before a name, or before its adjectives."""
    for at in range(begin - 1, max(least, begin - 1 - _BACK) - 1, -1):
        if words[at] in _DENIED:
            return True
        if words[at] not in PALETTE and words[at] not in ("a", "an", "the", "any"):
            return False
    return False


def _clear(names: tuple[str, ...]) -> list[int]:
    """Give what "no background" says."""
    return [number for number, name in enumerate(names) if name == "transparent"]


def _elided(words: Spoken, least: int, at: int | None) -> int | None:
    """Find the colour of another one that is not named: one RED and one blue circle."""
    if at is None or at - 3 < least or words[at - 1] not in _COUNTS or words[at - 2] != "and":
        return None
    return at - 3 if words[at - 3] in PALETTE else None


def _spans(
    words: Spoken, names: tuple[str, ...]
) -> dict[tuple[int, int], tuple[frozenset[int], bool]]:
    """Find names: begin and end -> their numbers, and whether they are said in the plural."""
    known, longest = _index(names)
    spans = [
        (begin, end, *called)
        for begin in range(len(words))
        for end in range(begin + 1, min(len(words), begin + longest) + 1)
        if (called := _called(words[begin:end], known))[0]
    ]
    found: dict[tuple[int, int], tuple[frozenset[int], bool]] = {}
    taken: set[int] = set()
    # "a sad face with sunglasses": a name that begins within another one and ends after it is none
    spans = [
        span for span in spans
        if not any(other[0] < span[0] < other[1] < span[1] for other in spans)
    ]  # fmt: skip
    for begin, end, numbers, several in sorted(spans, key=lambda span: span[0] - span[1]):
        if not taken.issuperset(range(begin, end)):
            found[begin, end] = frozenset(numbers), several
            taken.update(range(begin, end))
    return found


def _called(words: Spoken, known: dict[Spoken, list[int]]) -> tuple[set[int], bool]:
    """List the names that these words are, all of them together, and whether in the plural.

    Any one of the words may be in the plural: faces with steam from nose.
    """
    one = set(known.get(words, ()))
    many = {
        number
        for at, word in enumerate(words)
        for form in _one_of(word)
        for number in known.get((*words[:at], form, *words[at + 1 :]), ())
    }
    return one | many, not one


def _one_of(word: str) -> set[str]:
    """List what a word may be the plural of."""
    man = {f"{word[:-3]}man"} if word.endswith("men") else set()
    irregular = {_IRREGULAR[word]} if word in _IRREGULAR else set()
    return man | irregular | singulars(word)


def _colour_of(words: Spoken, gaps: Sequence[str], least: int, begin: int) -> int | None:
    """Find the colour that stands before a name; none if there are two: a black and white cow."""
    for at in range(begin - 1, max(least, begin - 1 - _BACK) - 1, -1):
        if words[at] in PALETTE and gaps[at + 1] != "-":  # not of blue-eyed
            joined = at - 2 >= 0 and words[at - 1] in _JOINTS and words[at - 2] in PALETTE
            beside = at > 0 and words[at - 1] in PALETTE
            return None if joined or beside else at
        if words[at] in STOP_WORDS or words[at] in _COUNTS or words[at].isdecimal():
            return None
    return None


def _count_of(
    words: Spoken, gaps: Sequence[str], least: int, begin: int, several: bool
) -> int | None:
    """Read the number that stands before a name, or before its colour; None = several."""
    for at in range(begin - 1, max(least, begin - 1 - _BACK) - 1, -1):
        word = words[at]
        number = _COUNTS.get(word, int(word[:3]) if word.isdecimal() else 0)
        if number > 1 and gaps[at + 1] != "-" and words[max(0, at - 1)] not in ("a", "an"):
            return number  # not of a two-headed dragon, nor of a 2 story house
        if word in _SOME or (word == "of" and words[max(0, at - 1)] in _SOME):
            return None
        if number == 1 or word in STOP_WORDS:
            break
    return None if several else 1


def _loose(words: Spoken, least: int, begin: int, cut: set[int]) -> bool:
    """Tell whether only adjectives stand between a name and a comma, "in" or "in the".

    It may be a tag ("a cat, sunset"), the weather or the place ("in fog", "in the woods").
    """
    for at in range(begin, least - 1, -1):
        word = words[at] if at < begin else ""
        if word == "in" or (word == "the" and at > 0 and words[at - 1] == "in"):
            return True
        if word in STOP_WORDS or word in _COUNTS or word.isdecimal():
            return False
        if at in cut:
            return True
    return False


@lru_cache(maxsize=4)
def _index(names: Sequence[str]) -> tuple[dict[Spoken, list[int]], int]:
    known: dict[Spoken, list[int]] = {}
    for number, name in enumerate(names):
        words = tuple(_WORD.findall(name.lower()))
        if (set(words) & set(PALETTE) and set(words) & SHAPES) or name in MANNERS:
            continue  # "flat" may be said of anything; looks are found before
        for called in (name, *ALIASES.get(name, ()), *_BEHIND.get(name, ())):
            known.setdefault(tuple(_WORD.findall(called.lower())), []).append(number)
    return known, max(map(len, known), default=0)
