"""A prompt in, which of its words matter out, and shorter prompts without those that do not.

Each word is left out in turn. What changes, in the plan and in what the network guesses from noise,
is how much the word counts; words that are one name are left out together.

Source: the idea is that of ablation, as Midjourney's /shorten shows it; the second measure is that
of DAAM's section 4.2 turned round (Tang et al. 2023, arXiv 2210.04885): words are judged by what
the picture loses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from molnar.base.arrays import numbers
from molnar.base.errors import RequestError
from molnar.base.rng import generator
from molnar.base.types import Item, Plan, TextEmbedding
from molnar.diffusion.flow import x0_from_velocity
from molnar.pipeline import Pipeline
from molnar.plan.changes import altered
from molnar.plan.items import COLOURS
from molnar.plan.writing import Middle, write
from molnar.seeing.judging import LOOKING, joined, judge_of
from molnar.text.attention import plain
from molnar.text.grammar import parse
from molnar.text.mentions import said_of
from molnar.text.phrases import ARTICLES, phrases, words_in
from molnar.text.phrases import Word as Found
from molnar.text.words import STOP_WORDS

Floats = NDArray[np.float32]

USELESS = 0.12  # weight below which a word is struck out
SHORTER = 5  # prompts
PLACES = (0.5, 0.25, 0.75)  # in the planner's doubts: the middle, and beside it
SEEDS = 2  # noises that words are judged by
PLANNED, GUESSED = 1.0, 1.0  # how much the plan's change counts, and the network's
AT_ONCE = 16
MOST = 60  # words
_PIECE = re.compile(r"[^\s,.;]+|[,.;]")
_JOINED = (
    "and with wearing on in at under above below of behind near beside inside over by to from "
    "next left right"
)
_JOINING = frozenset(_JOINED.split())
_LEADING = _JOINING | ARTICLES | {"its", "his", "her"}
#: Words that say something although they name nothing; the other stop words only join.
_SPEAKING = (
    "very please i me my we you your draw drawing drawn picture image photo illustration painting "
    "art style just only also no any some made like looks looking showing shows all many few lots"
)
_SILENT = STOP_WORDS - frozenset(_SPEAKING.split()) | _LEADING


@dataclass(frozen=True)
class Word:
    """A word of a prompt, or several that are one name.

    Example:
        >>> Word("polka dots", 0.4).useless
        False
    """

    text: str
    weight: float  # 0 to 1: what changes without it, of what changes without the first of all
    begin: int = 0  # where it stands in the text that is read
    end: int = 0

    @property
    def useless(self) -> bool:
        """Whether hardly anything changes without it."""
        return self.weight < USELESS


@dataclass(frozen=True)
class Shortened:
    """What became of a prompt."""

    words: tuple[Word, ...]  # in their order
    prompts: tuple[str, ...]  # longest first


def shorten(pipeline: Pipeline, prompt: str, seed: int = 0) -> Shortened:
    """Find out which words of a prompt matter.

    Args:
        pipeline: A model with a planner.
        prompt: As typed; weights and other syntax are taken out, all its texts are read as one.
        seed: Of the noise and of what the prompt leaves open.

    Returns:
        The words with their weights, and up to 5 different prompts, fewer where there are fewer
        words: each without the words that matter least, the last with little more than one thing.

    Raises:
        RequestError: there is no word in it, there are more than 60, or the model has no planner.

    Example:
        >>> shorten(load("sticker"), "a very nice red star").prompts[-1]  # doctest: +SKIP
        'a star'
    """
    text = _plain(prompt)
    units = list(_units(pipeline, text))
    if not units:
        raise RequestError(f"prompt {prompt[:20]!r} has no words; expected some to choose from")
    if len(units) > MOST:
        raise RequestError(f"prompt has {len(units)} words; expected at most {MOST}, shorten it")
    changes = _changes(pipeline, [text, *(_without(text, [unit]) for unit in units)], seed)
    top = max(float(changes.max()), 1e-9)
    words = tuple(
        Word(text[begin:end], round(float(change) / top, 4), begin, end)
        for (begin, end), change in zip(units, changes, strict=True)
    )
    return Shortened(words, _prompts(text, words))


def _plain(prompt: str) -> str:
    terms = parse(prompt, steps=1).distinct[0]
    texts = (" ".join(plain(part).strip() for part in term.parts) for term in terms)
    return " and ".join(text for text in texts if text.strip()).strip()


def _units(pipeline: Pipeline, text: str) -> Iterator[tuple[int, int]]:
    """Find the words that can be left out, and the names of several words that go as one."""
    meaning = pipeline.meaning
    names = {name.lower() for name in pipeline.names or ()}
    if meaning is not None:
        told = (*meaning.names, *meaning.plurals, *meaning.aliases)
        names |= {name.lower() for name in told}
    names |= {f"{colour} background" for colour in (*COLOURS, "transparent")}
    longest = max((len(name.split()) for name in names), default=1)
    words, at = list(words_in(text)), 0
    while at < len(words):
        size = next(
            (
                size
                for size in range(min(longest, len(words) - at), 1, -1)
                if " ".join(word.text for word in words[at : at + size]) in names
                and _unbroken(text, words[at : at + size])
            ),
            1,
        )
        begin, end = words[at].begin, words[at + size - 1].end
        if size > 1 or words[at].text not in _SILENT:
            yield begin, end
        at += size


def _unbroken(text: str, words: Sequence[Found]) -> bool:
    return all(text[one.end : two.begin].strip(" -'") == "" for one, two in pairwise(words))


def _without(text: str, units: Sequence[tuple[int, int]]) -> str:
    """Take words out of a text, and the articles and joints that then lead nowhere."""
    gone = {begin for begin, _ in units}
    pieces = [  # "" is what was taken out
        "" if match.start() in gone else match.group()
        for match in _PIECE.finditer(text)
        if not any(begin < match.start() < end for begin, end in units)
    ]
    kept = [
        piece
        for k, piece in enumerate(pieces)
        # "beautiful and red": whichever goes, its "and" goes with it.
        if piece and not (piece.lower() == "and" and "" in pieces[max(k - 1, 0) : k + 2])
    ]
    return _tidy(kept)


def _tidy(pieces: Sequence[str]) -> str:
    """Drop words that lead to nothing: at the end, before a comma, or before another of them."""
    kept: list[str] = []
    after = ""  # what follows
    for piece in reversed(pieces):
        bare = piece.lower()
        nothing = not after or after in ",.;" or after in _JOINING
        if (bare in _LEADING and nothing) or (bare in ARTICLES and after in ARTICLES):
            continue
        if bare in ",;" and (not after or after in ",.;"):
            continue
        kept.append(piece)
        after = bare
    kept.reverse()
    while kept and (kept[0].lower() in _JOINING or kept[0] in ",.;"):
        kept.pop(0)
    for k, (one, two) in enumerate(pairwise(list(kept))):
        if one.lower() in ("a", "an"):
            kept[k] = one[0] + ("n" if two[0].lower() in "aeiou" else "")
    return re.sub(r" ([,.;])", r"\1", " ".join(kept))


def _changes(pipeline: Pipeline, texts: Sequence[str], seed: int) -> NDArray[np.float64]:
    """Say how much differs from the first text for each of the others."""
    judge = judge_of(pipeline)
    cells = pipeline.bundle.manifest.latent.shape(height=judge.size[0], width=judge.size[1])
    read = [pipeline.read(text) for text in texts]
    said = [judge.texts([text]) for text in read]
    planned, guessed = np.zeros(len(texts) - 1), np.zeros(len(texts) - 1)
    # Without chance: that something else was drawn at random is no change. Boxes stay, too.
    plans, *beside = (
        [_likely(pipeline, *one, at) for one in zip(read, said, strict=True)] for at in PLACES
    )
    # What is left open may be what a word says, by luck: once, not always.
    for ways in (plans, *beside):
        planned += [_unlike(ways[0], way) for way in ways[1:]]
    same = [plans[0], *(altered(plans[0], plan) for plan in plans[1:])]
    for number in range(SEEDS):
        told = [pipeline.told(text, plan, cells[1:]) for text, plan in zip(said, same, strict=True)]
        noise = generator(seed + number, LOOKING).standard_normal((1, *cells)).astype(np.float32)
        found = _guesses(pipeline, told, noise)
        guessed += ((found[1:] - found[:1]) ** 2).mean(axis=(1, 2, 3)) ** 0.5
    return PLANNED * planned / max(float(planned.max()), 1e-9) + GUESSED * guessed / max(
        float(guessed.max()), 1e-9
    )


def _likely(pipeline: Pipeline, read: str, text: TextEmbedding, at: float) -> Plan:
    """Plan a text as the planner would in the middle of its doubts, or elsewhere in them."""
    names, rng = tuple(pipeline.names or ()), Middle(at)
    ask = partial(pipeline.parts.plan, text=text)
    return write(ask, names, rng, said=said_of(read, names))


def _guesses(pipeline: Pipeline, told: Sequence[TextEmbedding], noise: Floats) -> Floats:
    """Guess the picture from noise alone, told this or that: N C h w."""
    found = []
    for begin in range(0, len(told), AT_ONCE):
        some = told[begin : begin + AT_ONCE]
        x, t = np.repeat(noise, len(some), 0), np.ones(len(some), np.float32)
        velocity = numbers(pipeline.parts.velocity(x, t, joined(some)))
        found.append(x0_from_velocity(x, velocity, t))
    return np.concatenate(found)


def _unlike(one: Plan, other: Plan) -> float:
    """Say how much of one plan another does not have: names count most, then colours, places."""
    rest = list(other)
    missing = 0.0
    for item in one:
        same = [had for had in rest if had.name == item.name and had.behind == item.behind]
        if not same:
            missing += 1
            continue
        match = min(same, key=lambda had: (had.colour != item.colour, _apart(item, had)))
        rest.remove(match)
        missing += 0.5 * (match.colour != item.colour) + 0.1 * min(1.0, _apart(item, match))
    return missing + len(rest)


def _apart(one: Item, other: Item) -> float:
    return abs(one.x - other.x) + abs(one.y - other.y) + abs(one.width - other.width)


def _prompts(text: str, words: Sequence[Word]) -> tuple[str, ...]:
    """Leave out the useless words, and then, prompt by prompt, what matters least.

    What is said of a thing goes before the thing: "red" before "star".
    """
    worth = [word.weight for word in words]
    for phrase in phrases(text, [(word.begin, word.end) for word in words]):
        within = [k for k, w in enumerate(words) if phrase[0].begin <= w.begin < phrase[-1].end]
        own = [k for k in within if not words[k].useless]
        if own:
            worth[own[-1]] = max(worth[k] for k in own)
    order = sorted(range(len(words)), key=lambda k: (worth[k], k))
    useless = sum(value < USELESS for value in worth)
    least = max(min(useless, len(words) - SHORTER), int(len(words) > SHORTER), 0)
    texts = []
    for count in np.linspace(least, len(words) - 1, SHORTER).round().astype(int):
        gone = [(words[k].begin, words[k].end) for k in order[:count]]
        texts.append(_without(text, gone) if gone else text)
    return tuple(dict.fromkeys(short for short in texts if short))
