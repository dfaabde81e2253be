"""Stickers, words and a small grammar in, training texts out: what a text encoder learns to read.

A `Corpus` holds short texts (words, names, keywords, templates), long ones (captions), and pairs
that say the same thing in two ways. Everything is a pure function of the seed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from molnar.base.errors import DataError
from molnar.lab.data import shapes
from molnar.lab.data.palette import COLOURS
from molnar.lab.data.synonyms import synonyms

_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")


def _list(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.replace("\n", " ").split(";"))


SHAPES = tuple(shapes.SHAPES)
STYLES = _list("""
3d; flat; outline; glossy; cartoon; blob; noto; twemoji; fluent; emoji; sticker; icon; high
contrast; black and white
""")
LOOKS = _list("""
pixel art; line drawing; halftone; mosaic; watercolour; watercolor; blueprint; neon; paper cut
""")
NUMBERS = _list("""
one; two; three; four; five; six; seven; eight; nine
""")
RELATIONS = _list("""
left of; to the left of; right of; to the right of; above; below; on top of; under; behind; in
front of; inside; on; next to; beside
""")
WEARABLES = _list("""
hat; top hat; party hat; glasses; sunglasses; crown; beret; scarf; cap; bow; bow tie
""")
PLACES = _list("""
on a beach; in a kitchen; in a bar; under a night sky; in the snow; in a forest; at sunset; in the
rain; in a city; in space; under water; in a field; in the desert; in the mountains; in a living
room; in a meadow; in the woods; in the fog; in falling snow
""")
GROUNDS = _list("""
on a {} background; with a {} background; {} background; on {}; on a plain {} background; on a {}
gradient background; on a {} striped background; on a {} dotted background
""")
CLEAR = _list("""
on a transparent background; with transparent background; transparent
""")
ACTIVITIES = _list("""
dancing; sleeping; running; singing; swimming; jumping; reading; cooking; flying; playing; smiling
""")
GEOMETRY = _list("""
a grid of {n} {c} {s}s; concentric {c} {s}s; {n} concentric {s}s in {c}; interrupted {c} lines; a
disordered grid of {c} {s}s; rows of {c} {s}s with disorder; {c} horizontal lines; {c} vertical
stripes; {n} overlapping {c} {s}s; a spiral of {c} {s}s; scattered {c} dots; a {c} {s} rotated; a
{c} polygon; a checkerboard in {c} and white; a tilted {c} {s}
""")
SIZES = ("", "", "", "small", "big", "large", "tiny", "huge")
_OPPOSITES = _list("""
left of; right of; to the left of; to the right of; above; below; on top of; under; behind; in
front of; next to; beside
""")
# Relation -> how the other thing stands to the first.
INVERSE = {
    **dict(zip(_OPPOSITES[::2], _OPPOSITES[1::2], strict=True)),
    **dict(zip(_OPPOSITES[1::2], _OPPOSITES[::2], strict=True)),
}


@dataclass(frozen=True, slots=True)
class StickerText:
    """What is written about one drawing concept."""

    codepoints: str  # hexadecimal, joined by "-": "1f436"
    name: str
    keywords: tuple[str, ...]

    @property
    def plain(self) -> bool:
        """Whether it is neither a flag nor a variant by skin tone (those would swamp the rest)."""
        return "skin tone" not in self.name and not self.name.startswith("flag:")

    @property
    def emoji(self) -> str:
        """The character itself."""
        return "".join(chr(int(part, 16)) for part in self.codepoints.split("-"))


@dataclass(frozen=True, slots=True)
class Corpus:
    """Training texts of a text encoder."""

    short: list[str]
    captions: list[str]
    pairs: list[tuple[str, str]]  # two texts with one meaning


def read_stickers(folder: str | Path) -> list[StickerText]:
    """Read names and keywords from `folder`/index.json.

    Raises:
        DataError: The file is missing or not a list of {codepoints, name, keywords}.
    """
    path = Path(folder) / "index.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [StickerText(r["codepoints"], r["name"], tuple(r["keywords"])) for r in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: {error!r}; expected a list of codepoints, name, keywords"
        ) from error


def build_corpus(
    stickers: Sequence[StickerText],
    *,
    words: Sequence[str] = (),
    captions: Sequence[str] = (),
    num_captions: int = 40_000,
    seed: int = 0,
) -> Corpus:
    """Collect the texts a run trains on.

    Args:
        stickers: Names and keywords; may be empty.
        words: Extra common words, so that words without a drawing land near words with one.
        captions: Captions of the world; the grammar below tops them up to `num_captions`.
        num_captions: Captions in all.
        seed: Chooses the captions.
    """
    rng = np.random.Generator(np.random.Philox(seed))
    plain = [sticker for sticker in stickers if sticker.plain]
    toned = [sticker for sticker in stickers if not sticker.plain]
    coloured = [f"{c} {s}" for c in COLOURS for s in SHAPES]
    lists = [
        COLOURS,
        SHAPES,
        STYLES,
        LOOKS,
        NUMBERS,
        RELATIONS,
        WEARABLES,
        PLACES,
        ACTIVITIES,
        coloured,
    ]
    short = [text for texts in lists for text in texts]
    pairs: list[tuple[str, str]] = []
    for sticker in plain:
        other = synonyms().get(sticker.name, ())
        short += [*_templates(sticker, rng), *other]
        pairs += [
            (sticker.name, said) for said in (*sticker.keywords, *other) if said != sticker.name
        ]
        pairs.append((sticker.name, " ".join(sticker.keywords)))
    short += [sticker.name for sticker in toned]
    names = [sticker.name for sticker in plain]
    drawn = [describe(rng, names) for _ in range(max(0, num_captions - len(captions)))]
    pairs += drawn[: num_captions // 2]
    long = [*captions, *(caption for caption, _ in drawn)]
    return Corpus([*dict.fromkeys([*short, *words])], long, pairs)


def words_of(text: str) -> list[str]:
    """List the words of a text in lower case, without punctuation."""
    return _WORD.findall(text.lower().replace("\u2019", "'"))


def describe(rng: np.random.Generator, names: Sequence[str]) -> tuple[str, str]:
    """Draw a caption and a paraphrase of it from the grammar."""
    kind = rng.choice(4, p=[0.3, 0.35, 0.15, 0.2])
    if kind == 0:
        one = two = _thing(rng, names)
        if rng.random() < 0.3:
            wear = f"{_article(_pick(rng, WEARABLES))}"
            one, two = f"{one} wearing {wear}", f"{two} with {wear}"
        elif rng.random() < 0.2:
            one = two = f"{one} {_pick(rng, ACTIVITIES)}"
    elif kind == 1:
        a, b, relation = _thing(rng, names), _thing(rng, names), _pick(rng, RELATIONS)
        one, two = f"{a} {relation} {b}", f"{b} {INVERSE.get(relation, relation)} {a}"
        if relation not in INVERSE:
            two = one
    elif kind == 2:
        things = [_thing(rng, names) for _ in range(int(rng.integers(2, 5)))]
        one, two = _join(things), _join(things[::-1])
    else:
        words = {"n": _pick(rng, NUMBERS), "c": _pick(rng, COLOURS), "s": _pick(rng, SHAPES)}
        one = two = _pick(rng, GEOMETRY).format(**words)
    return _surround(rng, one, two)


def _surround(rng: np.random.Generator, one: str, two: str) -> tuple[str, str]:
    """Add a background, a place, a style or a look to both forms."""
    draw = rng.random()
    if draw < 0.3:
        colour = _pick(rng, COLOURS)
        one, two = (f"{text} {_pick(rng, GROUNDS).format(colour)}" for text in (one, two))
    elif draw < 0.45:
        place = _pick(rng, PLACES)
        one, two = f"{one} {place}", f"{place}, {two}"
    elif draw < 0.55:
        one, two = (f"{text} {_pick(rng, CLEAR)}" for text in (one, two))
    if rng.random() < 0.4:
        style = _pick(rng, STYLES if rng.random() < 0.6 else LOOKS)
        one, two = (
            f"{one}, {style} style",
            f"{style} {two}" if rng.random() < 0.5 else f"{two}, {style}",
        )
    return one, two


def _thing(rng: np.random.Generator, names: Sequence[str]) -> str:
    drawing = bool(names) and rng.random() < 0.55
    noun = _pick(rng, names) if drawing else _pick(rng, SHAPES)
    colour = _pick(rng, COLOURS) if not drawing or rng.random() < 0.25 else ""
    words = " ".join(word for word in (_pick(rng, SIZES), colour, noun) if word)
    if rng.random() < 0.2:
        plural = words if words.endswith("s") else words + "s"
        return f"{_pick(rng, NUMBERS[1:6])} {plural}"
    return _article(words)


def _templates(sticker: StickerText, rng: np.random.Generator) -> list[str]:
    colour = _pick(rng, COLOURS)
    return [
        sticker.name,
        *sticker.keywords,
        _article(sticker.name),
        f"{_article(sticker.name)} {_pick(rng, GROUNDS).format(colour)}",
        f"{_article(colour + ' ' + sticker.name)}",
        f"{_pick(rng, STYLES)} {sticker.name}",
    ]


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0].lower() in "aeiou" else f"a {noun}"


def _join(things: Sequence[str]) -> str:
    return f"{', '.join(things[:-1])} and {things[-1]}"
