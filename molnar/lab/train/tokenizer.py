"""Texts with weights in, tokenizer out: byte-level BPE that keeps the model's own words whole.

Source: Sennrich et al. 2016, arXiv 1508.07909, section 3.2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from molnar.base.errors import ConfigError
from molnar.lab.data.palette import COLOURS
from molnar.lab.train import corpus as texts
from molnar.text.tokens import SPECIALS, Tokenizer


def train_tokenizer(
    weights: Mapping[str, int], *, vocab_size: int = 8192, length: int = 32
) -> Tokenizer:
    """Train a tokenizer on weighted texts.

    Args:
        weights: Text to weight, which counts as that many copies. Words that matter need high
            weights, because merges are made in order of frequency.
        vocab_size: Ids in all; 260 are taken by markers and bytes.
        length: Ids per text, markers included, at least 3.

    Raises:
        ConfigError: `vocab_size` or `length` is too small.
    """
    if vocab_size < 256 + len(SPECIALS) or length < 3:
        raise ConfigError(
            f"got vocab_size={vocab_size} length={length}; "
            f"expected at least {256 + len(SPECIALS)} and 3"
        )
    backend = tokenizers.Tokenizer(models.BPE())
    backend.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(tokenizers.Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        show_progress=False,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    backend.train_from_iterator(_copies(weights), trainer=trainer)
    return Tokenizer(backend, length)


def _copies(weights: Mapping[str, int]) -> Iterator[str]:
    for text, weight in sorted(weights.items()):
        for _ in range(weight):
            yield text


def piece_weights(
    body: texts.Corpus, stickers: list[texts.StickerText], common: list[str]
) -> dict[str, int]:
    """Weigh words for the tokenizer: what is drawn above all, then what people say most.

    Args:
        body: Captions and short texts.
        stickers: Names and keywords of drawings.
        common: Common words, most frequent first.
    """
    weights: Counter[str] = Counter()
    for rank, word in enumerate(common):
        weights[word] += 1 + max(1, 6000 // (rank + 300))
    for sticker in stickers:
        for word in " ".join((sticker.name, *sticker.keywords)).lower().replace(":", " ").split():
            weights[word] = max(weights[word], 40 if sticker.plain else 6)
    for caption in body.captions:
        for word in caption.lower().replace(",", " ").split():
            weights[word] = max(weights[word], 60)
    for group in (COLOURS, texts.SHAPES, texts.STYLES, texts.LOOKS, texts.NUMBERS,
                  texts.RELATIONS, texts.WEARABLES, texts.PLACES, texts.ACTIVITIES):  # fmt: skip
        for word in " ".join(group).split():
            weights[word] += 200
    for character in "0123456789abcdefghijklmnopqrstuvwxyz.,:;!?-()[]\"'&#/%":
        weights[character] += 60
    for mark in ",.!?:;":  # so that a comma after a word stays a piece of its own
        weights["a" + mark] += 100
    return dict(weights)
