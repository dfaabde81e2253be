"""Texts with weights in, tokenizer out: byte-level BPE that keeps the model's own words whole.

Source: Sennrich et al. 2016, arXiv 1508.07909, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from molnar.base.errors import ConfigError
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
