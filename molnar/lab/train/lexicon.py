"""Drawings, captions and a text encoder in, `words.json` out: which words a model was taught."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from molnar.lab.data.palette import SHADES
from molnar.lab.train.corpus import StickerText, words_of
from molnar.lab.train.teacher import Teacher
from molnar.text.words import COUNT, STOP_WORDS, Embed, Lexicon, stems

WIDTH = 192  # numbers per word that are kept of its sentence vector; fewer blur the cosines
NEAR = 0.51  # cosine of the teacher from which a word is related ("lorry" to "truck": .54)
LEAST = 0.4  # cosine from which the single nearest word is worth naming ("piano" to "key": .38)


def build_lexicon(
    stickers: Sequence[StickerText],
    captions: Iterable[str],
    *,
    embed: Embed | None = None,
    teacher: Teacher | None = None,
    common: Sequence[str] = (),
) -> Lexicon:
    """Collect the known words and their neighbours.

    Args:
        stickers: The drawings that were trained on.
        captions: Captions that were trained on.
        embed: The trained text encoder, for the small vectors.
        teacher: For related words of `common`; without it there are none.
        common: Common English words.
    """
    drawn = Counter(word for caption in captions for word in words_of(caption))
    drawn.update(word for sticker in stickers for word in words_of(sticker.name))
    content = sorted(word for word in drawn if word not in STOP_WORDS and word[:1].isalpha())
    # "dogs" is known through "dog" and would only take its place among the suggestions.
    suggested = [word for word in content if len(word) > 1 and drawn.keys().isdisjoint(stems(word))]
    other = {w for s in stickers for keyword in s.keywords for w in words_of(keyword)}
    words = (*suggested, *sorted({*content, *other}.difference(suggested)))
    bare = Lexicon(words=words)
    related: dict[str, list[int]] = {}
    if teacher is not None:
        strange = [word for word in common if len(word) > 2 and not bare.knows(word)]
        related = _related(strange, suggested, teacher)
    shades = {shade: name for shade, name in SHADES.items() if name in suggested}
    related |= {s: [suggested.index(name)] for s, name in shades.items() if not bare.knows(s)}
    vectors, projection = _small(embed, suggested) if embed is not None else (None, None)
    return Lexicon(words, _emoji(stickers), related, vectors, projection)


def _emoji(stickers: Sequence[StickerText]) -> dict[str, str]:
    """Map each drawing's character, without the mark that asks for its colour form, to its name."""
    return {s.emoji.replace("\ufe0f", ""): s.name for s in stickers if not s.emoji.isascii()}


def _related(
    strange: Sequence[str], suggested: Sequence[str], teacher: Teacher
) -> dict[str, list[int]]:
    if not strange:
        return {}
    cosines = teacher(strange) @ teacher(suggested).T
    best = np.argsort(-cosines, axis=1, kind="stable")[:, :COUNT]
    # A word without neighbours is kept too: then nothing taught is near, and nobody should guess.
    return {
        word: _near(row, order) for word, row, order in zip(strange, cosines, best, strict=True)
    }


def _near(cosines: Any, order: Any) -> list[int]:
    """Give the related words of one row, or the single nearest if that is not too far."""
    near = [int(i) for i in order if cosines[i] >= NEAR]
    return near or [int(i) for i in order[:1] if cosines[i] >= LEAST]


def _small(embed: Embed, words: Sequence[str]) -> tuple[Any, Any]:
    """Keep the principal directions of the words' vectors, as int8."""
    full = np.concatenate(
        [np.asarray(embed(words[i : i + 256])) for i in range(0, len(words), 256)]
    )
    axes = np.linalg.svd(full, full_matrices=False)[2][:WIDTH].T
    projection = _int8(axes)
    small = full @ projection.astype(np.float32)
    return _int8(small / np.linalg.norm(small, axis=1, keepdims=True)), projection


def _int8(array: Any) -> Any:
    return np.round(array * (127 / np.abs(array).max())).astype(np.int8)
