"""A text in, its words and the phrases that each tell of one thing out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from molnar.base.looks import LOOK_WORDS

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
#: What ends a phrase: what follows tells of another thing, or of where it is. Longest first.
_CUTS = sorted(
    """
    and|wearing|with|on|in|at|under|over|above|below|beneath|behind|beside|inside|inside of|near
    |between|next to|on top of|in front of|in the middle of|to the left of|to the right of
    |on the left of|on the right of|left of|right of|on the left|on the right|at the top
    |at the bottom
    """.replace("\n", "").replace("    ", "").split("|"),
    key=len,
    reverse=True,
)  # fmt: skip
_CUT = re.compile(rf"[,;.:!?]+|\b(?:{'|'.join(_CUTS)})\b", re.IGNORECASE)
SOMEONE = frozenset(["someone", "somebody", "something", "anyone", "anybody", "anything"])
_EMPTY = "person people thing things kind sort type look whose making symbol sign emoji"
#: Words that say of a thing no more than that it is one: "someone crying" is crying.
FILLERS = SOMEONE.union(_EMPTY.split())
#: What may also go on about the same thing: "a building with towers", "tall shade on a beach".
SOFT = frozenset({"with", "on", "in", "at", "under", "over"})
ARTICLES = frozenset({"a", "an", "the"})
#: After these an article goes on with the same phrase: "the bones of a head".
_JOINTS = frozenset({"of", "for", "from", "by", "to", "until", "like"})

#: What is done with a thing: after these what is known needs no article to be another thing.
TAKING = frozenset({
    "eating", "drinking", "holding", "carrying", "juggling", "playing", "riding", "driving",
    "reading", "selling", "making", "cooking", "baking", "catching", "chasing", "fighting",
    "kicking", "throwing", "watching", "pushing", "pulling", "cutting",
})  # fmt: skip

_HOW = """
masterpiece best high good top quality trending artstation highly very super extremely detailed
detail details intricate ultra hd uhd hdr resolution 4k 8k 16k beautiful gorgeous stunning amazing
cinematic dramatic epic digital concept art artwork artistic illustration illustrated portrait
minimalist minimalistic minimal logo icon sticker emoji clipart vector cute kawaii adorable pretty
lovely realistic photorealistic photo photograph photography render rendered rendering octane unreal
engine sharp focus bokeh lighting lit studio vibrant colorful colourful pastel sketch oil painting
painted paint paints acrylic gouache anime manga cartoon smooth award winning wallpaper close-up
closeup full body profile picture image style styled aesthetic professional happy sad angry sleeping
running flying old young fluffy shiny golden wooden vintage retro modern fantasy magical scary funny
festive summer winter soft bright dark
"""
#: Words that, after a comma and without an article, say how a picture is to be, and of no thing.
MANNER = frozenset(_HOW.split())

#: What a thing has of itself, and is not drawn beside it: "a cat with green eyes".
_OWN = """
    eye eyes eyed ear ears nose noses mouth mouths lips tongue tongues tooth teeth fangs tusk tusks
    snout beak face faces smile grin frown cheeks cheek chin forehead
    hair fur mane beard mustache moustache eyebrows eyebrow head heads neck body belly skin arm arms
    hand hands finger fingers leg legs foot feet paw paws claws claw tail tails wing wings feathers
    fins antlers hooves petals thorns
    trunk horns scales spots stripes stem roots
    """
FEATURES = frozenset(_OWN.split())


class Word(NamedTuple):
    """A word of a text and where it stands."""

    text: str  # lower case
    begin: int
    end: int


def words_in(text: str) -> Iterator[Word]:
    """List the words of a text, in order."""
    for match in _WORD.finditer(text):
        yield Word(match.group().lower().replace("\u2019", "'"), match.start(), match.end())


#: Words of looks, the longest first.
_LOOKS = sorted(
    {tuple(w.text for w in words_in(said)) for own in LOOK_WORDS.values() for said in own},
    key=lambda look: (-len(look), look),
)


def phrases(text: str, known: Sequence[tuple[int, int]]) -> Iterator[list[Word]]:
    """Cut a text into phrases, each of one thing; never within a known name or saying.

    "the bones of a head" is one phrase, and so is "a picture of a spook" (`Meaning._first` finds
    where its thing begins); "a pooch chasing a lorry" is two: its second article begins another.
    """
    return (phrase for clause in clauses(text, known) for phrase in clause)


def clauses(text: str, known: Sequence[tuple[int, int]]) -> Iterator[list[list[Word]]]:
    """Cut a text into clauses of phrases: those of one clause may together tell of one thing.

    "a canopy with poles on a field" is one clause of three phrases; "a pooch and a lorry" is two,
    and so is "a pooch pixel art".
    """
    clause: list[list[Word]] = []
    for phrase, soft in _cut(text, known):
        if clause and not soft:
            yield clause
            clause = []
        words = [word.text for word in phrase]
        ends = (at for at in range(1, len(words)) if look_end(words, at) == len(words))
        at = next(ends, len(words))
        clause.append(phrase[:at])
        if phrase[at:]:  # how all of it is drawn
            yield from (clause, [phrase[at:]])
            clause = []
    if clause:
        yield clause


def is_manner(text: str, phrase: Sequence[Word]) -> bool:
    """Tell whether a phrase of a longer text only says how things are to look.

    Example:
        >>> [one] = phrases("highly detailed", [])
        >>> is_manner("a cat, highly detailed", one), is_manner("highly detailed", one)
        (True, False)
    """
    more = sum(len(word.text) for word in phrase) < sum(len(w.text) for w in words_in(text))
    return more and all(word.text in MANNER for word in phrase)


def acts(words: Sequence[Word], end: int) -> bool:
    """Tell whether what ends at a place in the text does something: "a panda | drinking tea"."""
    after = next((word for word in words if word.begin >= end), None)
    return after is not None and after.text.endswith("ing")


def look_end(words: Sequence[str], at: int) -> int:
    """Tell where a look ends that begins at a word; `at` itself if none does.

    Example:
        >>> look_end(["a", "pixel", "art", "knight"], 1), look_end(["a", "knight"], 1)
        (3, 1)
    """
    return next((at + len(look) for look in _LOOKS if (*words[at : at + len(look)],) == look), at)


def thing_at(words: Sequence[str], start: int, leads: Callable[[str], bool]) -> int:
    """Find the first word that speaks of the thing itself: no number, colour or look.

    Args:
        words: of a phrase.
        start: where to begin.
        leads: tells whether a word merely leads to a thing.
    """
    at = start
    while at < len(words):
        after = at + 1 if leads(words[at]) else look_end(words, at)
        if after == at:
            break
        at = after
    return at


def without_looks(words: Sequence[str]) -> list[str]:
    """Leave out the words of looks: they say nothing of what a thing is.

    Example:
        >>> without_looks(["neon", "sign", "of", "kitties"])
        ['of', 'kitties']
    """
    kept, at = [], 0
    while at < len(words):
        after = look_end(words, at)
        kept += [words[at]] if after == at else []
        at = max(after, at + 1)
    return kept


def feature_end(
    phrase: Sequence[Word], known: Sequence[tuple[int, int]] = (), *, loose: bool = True
) -> int | None:
    """Tell where a phrase ends that names what a thing has of itself; None if it names more.

    What is done at its end is no part of it: "a beard | holding". A known name in it that is not
    the feature's own word is another thing: "a cat with a horse face".

    Args:
        phrase: "big green eyes".
        known: where known names stand in the text.
        loose: any of its words may be such a feature, as after "with"; else its last one, and not
            one of many ("on its head" is on the thing's own, "on a hand" is on another's).

    Example:
        >>> [one] = phrases("big green eyes", [])
        >>> feature_end(one), feature_end(one, [(4, 14)])
        (14, None)
    """
    words = list(phrase)
    while len(words) > 1 and words[-1].text.endswith("ing"):
        words.pop()
    own = {(word.begin, word.end) for word in words if word.text in FEATURES}
    strict = words[-1].text in FEATURES and words[0].text not in ("a", "an")
    return words[-1].end if own and own.issuperset(known) and (loose or strict) else None


def takes(words: Sequence[str]) -> bool:
    """Tell whether somebody does something with a thing that is said next.

    Example:
        >>> takes(["a", "viking", "drinking"]), takes(["a", "bag", "for", "carrying"])
        (True, False)
    """
    least = 2 + (bool(words) and words[0] in ARTICLES)
    if len(words) < least or words[-1] not in TAKING:
        return False
    return words[-2] not in _JOINTS and words[-2] not in FILLERS


def _cut(text: str, known: Sequence[tuple[int, int]]) -> Iterator[tuple[list[Word], bool]]:
    """List the phrases, and of each whether only a soft cut stands before it."""
    cuts = [
        match
        for match in _CUT.finditer(text)
        if not any(begin <= match.start() < end for begin, end in known)
    ]
    phrase: list[Word] = []
    soft, since = False, 0  # end of the last word that is none of a cut
    for word in words_in(text):
        if any(match.start() <= word.begin < match.end() for match in cuts):
            continue
        passed = [match.group().lower() for match in cuts if since <= match.start() < word.begin]
        other = bool(phrase) and word.text in ARTICLES and phrase[-1].text not in _JOINTS
        other = other and not any(begin < word.begin < end for begin, end in known)
        begins = any(begin == word.begin for begin, _ in known)
        if begins and word.text not in FEATURES:  # who holds hands holds no other thing
            other = other or takes([before.text for before in phrase])
        if phrase and (passed or other):
            yield phrase, soft
            phrase, soft = [], bool(passed) and SOFT.issuperset(passed)
        phrase.append(word)
        since = word.end
    if phrase:
        yield phrase, soft
