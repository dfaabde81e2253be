"""Weighted texts in, tokenizer out: heavy words stay whole."""

from __future__ import annotations

from molnar.lab.train.tokenizer import train_tokenizer


def test_weight_decides_which_words_stay_whole() -> None:
    texts = ("axolotl", "porcupine")
    sizes = {"vocab_size": 267, "length": 8}  # room for seven merges
    for heavy, light in (texts, texts[::-1]):
        tokenizer = train_tokenizer({heavy: 50, light: 2}, **sizes)
        assert tokenizer.count(heavy) < tokenizer.count(light)


def test_vocabulary_is_never_larger_than_asked() -> None:
    tokenizer = train_tokenizer({"a red circle on a blue square": 3}, vocab_size=270)
    assert tokenizer.vocab_size == 270
    assert tokenizer.length == 32


def test_order_of_the_texts_does_not_matter() -> None:
    texts = {"red circle": 3, "blue square": 4, "green star": 5}
    one = train_tokenizer(texts, vocab_size=290)
    two = train_tokenizer(dict(reversed(texts.items())), vocab_size=290)
    assert one.ids("red blue green starry") == two.ids("red blue green starry")
