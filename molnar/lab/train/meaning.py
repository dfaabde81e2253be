"""A sentence encoder and drawings in, `meaning.safetensors` out: what untaught words stand for."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from molnar.base.looks import LOOK_WORDS
from molnar.lab.data import concepts
from molnar.lab.data.captions import HYPERNYMS, NUMBERS, PLACE_WORDS, STYLE_WORDS, WEATHER_WORDS
from molnar.lab.data.palette import COLOURS, SHADES
from molnar.lab.data.places import PLACES
from molnar.lab.data.shapes import SHAPES
from molnar.lab.data.synonyms import everyday, nouns, synonyms
from molnar.lab.data.wardrobe import ACCESSORIES
from molnar.lab.train import thesaurus
from molnar.lab.train.corpus import StickerText, words_of
from molnar.lab.train.teacher import Teacher
from molnar.lab.train.thesaurus import Nouns
from molnar.text.meaning import Meaning
from molnar.text.nearest import LOUD
from molnar.text.words import STOP_WORDS

WIDTH = 96  # numbers kept of a word's sentence vector
MOST = 40_000  # words, the most frequent ones
CLOSE = 0.44  # cosine of a word and a name from which the one can stand for the other
DECAY = 1e-4  # of the classifier's weights
ROUNDS = 250  # of its descent
EVERYDAY = 10.0  # logits by which an everyday name is likelier to be meant than another
DEFINITIONS = 2  # of a word: those of its most frequent senses
LIST = "frequency_dictionary_en_82_765.txt"
COMMON_SHARE = 1e-3  # frequency at which a word counts half as much as a rare one
_LEADING = """
a an the some many several one two three four five six seven eight nine ten small tiny little
large big huge very
"""
#: What else people call a look or a style -> as captions say it.
_LOOKS = {
    "pixel art": "8 bit; 16 bit; 16-bit; pixel style; pixel graphics; retro pixel art; "
    "8 bit pixel art; 8-bit pixel art; 16 bit pixel art; 16-bit pixel art",
    "line drawing": "ink drawing; pen and ink; pen and ink drawing; pencil sketch; pencil drawing; "
    "line sketch; lineart; black line drawing; black line art; black and white line art; "
    "black and white line drawing",
    "halftone": "pop art; comic book style; comic style; comic strip style",
    "mosaic": "mosaic tile; stained glass; stained glass mosaic; stained glass style",
    "watercolor": "aquarelle; water color; water colour; watercolors; watercolours",
    "blueprint": "technical drawing; schematic drawing; architectural drawing",
    "neon": "neon light; neon lights; neon lit; neon-lit; neon tube; neon tubes",
    "paper cut": "paper cutout; cut-out paper; cutout paper; paper-cut; papercraft; paper craft; "
    "layered paper",
    "3d": "3 d; 3-d; three-dimensional; three dimensional; claymation; plasticine",
    "flat": "flat design; flat style; flat color; flat colour; flat vector",
}
_ALIKE = {
    "a pair of": "two", "a couple of": "two", "a brace of": "two", "a trio of": "three",
    "half a dozen": "six", "a quartet of": "four", "a foursome of": "four",
    # the fruit, where no thing follows that could be of this colour
    "oranges": "tangerines", "an orange": "a tangerine", "one orange": "one tangerine",
    # Vera Molnár drew by rule, and then a little against it; so does a kind of scene of the world
    **{f"{said} {name}": "of a disordered grid of black square outlines"
       for said in ("after", "by", "in the style of", "inspired by")
       for name in ("vera molnár", "vera molnar", "molnár", "molnar")},
    **{f"neon {colour}": colour for colour in COLOURS},  # a bright one
    "gold medal": "1st place medal", "silver medal": "2nd place medal",
    "bronze medal": "3rd place medal", "orange juice": "juice", "stained glass window": "window",
    **{text: look for look, texts in _LOOKS.items() for text in texts.split("; ")},
}  # fmt: skip
#: What people say of where something is -> how captions say the place that is most like it.
_WHERE = {
    "at the beach": "by the sea; on the sea; at sea; in the sea; by the ocean; on the ocean; "
    "on the shore; at the seaside; on the coast; by the water",
    "underwater": "under the sea; in the ocean; at the bottom of the sea; beneath the waves",
    "in the night sky": "in space; in outer space; among the stars; at night; at midnight",
    "in a forest": "in the jungle; in a jungle; among the trees; in the forest",
    "in a meadow": "in the garden; in a garden; in the park; in a park; on the grass; "
    "in the grass; in the countryside; on a farm",
    "in the snow": "in winter; on the ice; at the north pole; in the arctic",
    "in the city": "on the street; in the street; in a town; in the town; downtown; "
    "in new york; in tokyo; in paris",
    "in a living room": "at home; in a room; in the room; in the living room; "
    "in an office; in the office; in a bedroom; in the bedroom; in a library",
    "in a kitchen": "in the kitchen; in a bakery; at the stove",
    "in a bar": "in the bar; in a pub; in the pub; in a restaurant; in a cafe; in a nightclub",
    "in the mountains": "on a mountain; on the mountain; in the hills; on a hill; on a cliff",
    "in the desert": "on a dune; in the sahara; in the wild west",
}


def frequencies() -> dict[str, float]:
    """List common English words with their share of all text, 0..1; empty without `symspellpy`.

    The PyPI package of that name carries the list; it is read in training only.
    """
    spec = importlib.util.find_spec("symspellpy")
    if spec is None or spec.origin is None:
        return {}
    text = (Path(spec.origin).parent / LIST).read_text(encoding="utf-8-sig")
    counts = {word: int(count) for word, count in map(str.split, text.splitlines())}
    total = sum(counts.values())
    return {word: count / total for word, count in counts.items()}


def build_meaning(
    stickers: Sequence[StickerText],
    captions: Iterable[str],
    teacher: Teacher,
    common: Sequence[str],
    frequent: dict[str, float] | None = None,
    nouns: Nouns | None = None,
) -> Meaning:
    """Collect words and the names they can stand for.

    Args:
        stickers: The drawings that were trained on.
        captions: Captions of scenes without drawings: how shapes and backgrounds are spoken of.
        teacher: Gives the vectors.
        common: Common English words, most frequent first.
        frequent: Their shares of all text; without it the order decides.
        nouns: Definitions and kinds of things; without it words are vectors alone.
    """
    called, captions = _called(stickers), list(captions)
    sayings = _sayings(stickers, captions)
    keys = _keys(called, stickers, sayings)
    shares = frequent or {word: 0.1 / (rank + 10) for rank, word in enumerate(common)}
    said = {word for texts in keys.values() for text in texts for word in words_of(text)}
    listed = sorted(shares, key=lambda word: -shares[word])[:MOST]
    words = sorted({word for word in (*listed, *common, *said) if _useful(word)})
    full = _vectors(words, teacher, nouns)
    axes = np.linalg.svd(full.T @ full)[0][:, :WIDTH]
    small = full @ axes
    small /= np.linalg.norm(small, axis=1, keepdims=True) + 1e-9
    share = np.array([shares.get(word, 0.0) for word in words], np.float32)
    small *= (COMMON_SHARE / (COMMON_SHARE + share))[:, None]
    rows = dict(zip(words, range(len(words)), strict=True))
    names, other = tuple(keys), dict[str, str]()
    if nouns is not None:
        named = thesaurus.tied(nouns, called, keys, teacher)
        other = thesaurus.kinds(nouns, keys, named)
        keys |= {n: (*keys[n], told) for n, told in thesaurus.described(nouns, named).items()}
    bags = [np.stack([_bag(text, rows, small) for text in keys[name]]) for name in names]
    weights, biases = classifier(bags)
    rare = {concepts.names_of(one.name)[0] for one in stickers if one.name not in concepts.COMMON}
    meaning = Meaning(
        words=rows,
        vectors=_int8(small),
        names=names,
        plurals=tuple(_plural(name) for name in names),
        articles=tuple(concepts.article(name).strip() for name in names),
        name_vectors=_int8(np.stack([_centre(bag) for bag in bags])),
        key_vectors=_int8(np.concatenate(bags)),
        key_counts=tuple(map(len, bags)),
        weights=weights.astype(np.float16),
        biases=(biases + [EVERYDAY * (n not in rare) for n in names]).astype(np.float16),
        aliases=_aliases(stickers),
        taught=_taught(captions),
        leading=frozenset((*_LEADING.split(), *COLOURS, *_words(STYLE_WORDS.values()))),
        alike=alike(),
        alone=alone(),
    )
    said_of = {text: name for name, texts in sayings.items() for text in texts}
    exact = {text: names.index(name) for text, name in said_of.items() if " " in text}
    return replace(meaning, kinds=_close(meaning, other | said_of) | exact | stood_in(names))


def alike() -> dict[str, str]:
    """Give words that read as others: numbers, shades of colours, places."""
    where = {text: said for said, texts in _WHERE.items() for text in texts.split("; ")}
    return {**_ALIKE, **SHADES, **where}


def stood_in(names: Sequence[str]) -> dict[str, int]:
    """Give what is listed as standing for a name: word -> row of the name, where there is one."""
    rows = {name: row for row, name in enumerate(names)}
    listed = (*everyday().items(), *nouns().items())
    return {word: rows[name] for name, words in listed if name in rows for word in words}


def alone() -> frozenset[str]:
    """List the words that stand for a name only where nothing more is said of it."""
    return frozenset(word for words in nouns().values() for word in words)


def classifier(bags: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Learn to tell N names by what is said of them: multinomial regression, every name as much.

    Args:
        bags: of each name, the unit vectors of its texts, float32 M K.

    Returns:
        Weights float32 N K and biases float32 N, for vectors of length `nearest.LOUD`.
    """
    x = torch.from_numpy(LOUD * np.concatenate(bags).astype(np.float32))
    wanted = torch.from_numpy(np.repeat(np.arange(len(bags)), [len(bag) for bag in bags]))
    each = torch.tensor([1 / len(bag) for bag in bags])[wanted] / len(bags)
    weights = torch.zeros(len(bags), x.shape[1], requires_grad=True)
    biases = torch.zeros(len(bags), requires_grad=True)
    descent = torch.optim.LBFGS([weights, biases], max_iter=ROUNDS)

    def loss() -> float:
        descent.zero_grad()
        surprise = F.cross_entropy(x @ weights.T + biases, wanted, reduction="none")
        total = (surprise * each).sum() + DECAY * weights.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return float(total.detach())

    descent.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach().numpy(), biases.detach().numpy()


def _close(meaning: Meaning, other: dict[str, str]) -> dict[str, int]:
    """Keep the words that can well mean their names: in WordNet a figure may be a snowman.

    Returns:
        Word -> row of its name.
    """
    stands = meaning.taught | meaning.leading
    return {
        word: meaning.names.index(name)
        for word, name in other.items()
        if word not in stands and (meaning.cosine(word, name) or 0.0) >= CLOSE
    }


def _vectors(words: Sequence[str], teacher: Teacher, nouns: Nouns | None) -> NDArray[Any]:
    """Embed words, each together with the definitions of what it most often means."""
    full = np.asarray(teacher(words))
    if nouns is not None:
        told = [
            (row, f"{word}: {nouns.senses[one].gloss}")
            for row, word in enumerate(words)
            for one in nouns.of.get(word, ())[:DEFINITIONS]
        ]
        if told:
            defined = np.zeros_like(full)
            np.add.at(defined, [row for row, _ in told], teacher([text for _, text in told]))
            full = full + defined / (np.linalg.norm(defined, axis=1, keepdims=True) + 1e-9)
    return np.asarray(full - full.mean(axis=0))


def _called(stickers: Sequence[StickerText]) -> dict[str, tuple[str, ...]]:
    """Give every name that can stand for a phrase, with what else it is called, itself first."""
    own = [*SHAPES, *(_bare(piece.noun) for piece in ACCESSORIES.values()), *PLACES]
    called: dict[str, tuple[str, ...]] = {name: (name,) for name in own}
    for sticker in stickers:
        if not concepts.is_geometric(sticker.name):
            said = concepts.names_of(sticker.name)
            called[said[0]] = said
    return called


def _keys(
    called: dict[str, tuple[str, ...]],
    stickers: Sequence[StickerText],
    sayings: dict[str, tuple[str, ...]],
) -> dict[str, tuple[str, ...]]:
    """Add to what names are called the keywords of their drawings, and what people say."""
    words = {concepts.names_of(sticker.name)[0]: sticker.keywords for sticker in stickers}
    return {n: (*said, *words.get(n, ()), *sayings.get(n, ())) for n, said in called.items()}


def _sayings(
    stickers: Sequence[StickerText], captions: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """List what people say for names, without what captions say of other things."""
    drawn = (one.name for one in stickers if not concepts.is_geometric(one.name))
    index = {concepts.names_of(name)[0]: name for name in drawn}
    listed = "\n".join(captions).lower()
    return {
        name: tuple(text for text in synonyms().get(said, ()) if text not in listed)
        for name, said in ({name: name for name in _called(())} | index).items()
    }


def _aliases(stickers: Sequence[StickerText]) -> tuple[str, ...]:
    other = [alias for one in stickers for alias in concepts.names_of(one.name)[1:]]
    return tuple(dict.fromkeys((*other, *map(_plural, other))))


def _plural(name: str) -> str:
    return name if concepts.is_plural(name) else concepts.plural(name)


def _bare(noun: str) -> str:
    return noun.removeprefix("an ").removeprefix("a ")


def _centre(bags: NDArray[Any]) -> NDArray[np.float32]:
    """Mean of a name's own words and, as much again, of all that goes with it."""
    found: NDArray[np.float32] = 0.5 * bags[0] + 0.5 * np.mean(bags, axis=0)
    return found / (np.linalg.norm(found) + 1e-9)


def _bag(text: str, rows: dict[str, int], vectors: NDArray[Any]) -> NDArray[Any]:
    own = [rows[word] for word in words_of(text) if word in rows]
    total = vectors[own].sum(axis=0) if own else np.zeros(vectors.shape[1], np.float32)
    return total / (np.linalg.norm(total) + 1e-9)


def _taught(captions: Iterable[str]) -> frozenset[str]:
    """List the words that stand as they are: not those of drawings, which names tell better."""
    known = [*captions, *PLACE_WORDS, *WEATHER_WORDS, *NUMBERS, *COLOURS, *HYPERNYMS]
    known += [text for texts in (*PLACE_WORDS.values(), *WEATHER_WORDS.values()) for text in texts]
    known += [text for look, texts in LOOK_WORDS.items() for text in (look, *texts)]
    known += [*STYLE_WORDS.values(), *(piece.noun for piece in ACCESSORIES.values())]
    return _words(known)


def _words(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(word for text in texts for word in words_of(text))


def _useful(word: str) -> bool:
    return word.isascii() and word.isalpha() and len(word) > 2 and word not in STOP_WORDS


def _int8(array: NDArray[Any]) -> NDArray[np.int8]:
    return np.asarray(np.round(array * (127 / np.abs(array).max())), np.int8)
