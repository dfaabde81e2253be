"""Text in, ids out: nothing crashes, nothing is lost, nothing is dropped in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from molnar.base.errors import BundleError, ConfigError
from molnar.lab.train.tokenizer import train_tokenizer
from molnar.text.tokens import SPECIALS, Tokenizer

TEXTS = {"a red circle left of a blue square": 9, "two yellow stars, white background": 9}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TEXTS, vocab_size=400, length=12)


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(codec=None), max_size=60))
def test_any_unicode_comes_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.text(tokenizer.ids(text)) == tokenizer.normalise(text)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200))
@example(text="0\x80\x80\x80\x80\x1f")  # ends beyond the length with what Python calls a space
def test_encoding_is_framed_padded_and_consistent(tokenizer: Tokenizer, text: str) -> None:
    tokens = tokenizer.encode([text, "a red circle"])
    assert tokens.ids.dtype == np.int64
    assert tokens.mask.dtype == bool
    assert tokens.ids.shape == tokens.mask.shape == (2, 12)
    row = tokens.ids[0][tokens.mask[0]]
    assert row[0] == tokenizer.start
    assert row[-1] == tokenizer.end
    assert len(row) == 2 + min(10, tokenizer.count(text))
    assert (tokens.ids[0][len(row) :] == tokenizer.pad).all()
    assert bool(tokenizer.truncated(text)) == (tokenizer.count(text) > 10)
    assert len(tokenizer.pieces(text)) == tokenizer.count(text)


def test_taught_words_are_one_piece_and_case_and_space_do_not_matter(tokenizer: Tokenizer) -> None:
    assert tokenizer.pieces(" A  RED\tcircle,") == ["a", "red", "circle", ","]
    tokens = tokenizer.encode(["a red circle", " A\nRED \uff23ircle "])
    assert (tokens.ids[0] == tokens.ids[1]).all()


def test_empty_text_still_has_real_tokens(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode([""])
    assert tokens.ids[0].tolist()[:2] == [tokenizer.start, tokenizer.end]
    assert tokens.mask.sum() == 2


@pytest.mark.parametrize("name", SPECIALS)
def test_typing_a_marker_does_not_make_one(tokenizer: Tokenizer, name: str) -> None:
    assert tokenizer.ids(name)
    assert not set(tokenizer.ids(f"a {name} b")) & {0, 1, 2, 3}


def test_words_that_do_not_fit_are_named(tokenizer: Tokenizer) -> None:
    text = "a red circle left of a blue square left zyxwvu of"
    assert tokenizer.count("a red circle left of a blue square left") == 9
    assert tokenizer.truncated(text) == ["zyxwvu", "of"]  # the tenth piece is a part of zyxwvu
    assert tokenizer.truncated("a red circle") == []


def test_a_saved_tokenizer_is_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    again = Tokenizer.load(tmp_path / "tokenizer.json")
    assert again.length == tokenizer.length
    assert again.vocab_size == tokenizer.vocab_size
    text = "two stars \U0001f436 <end>"
    assert (again.encode([text]).ids == tokenizer.encode([text]).ids).all()


def test_training_is_deterministic() -> None:
    one, two = (train_tokenizer(dict(t), vocab_size=320) for t in (TEXTS.items(), TEXTS.items()))
    assert one.ids("a red circle zebra") == two.ids("a red circle zebra")


def test_a_file_that_is_no_tokenizer_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    with pytest.raises(BundleError, match=r"tokenizer\.json"):
        Tokenizer.load(path)
    path.write_text("{}")
    with pytest.raises(BundleError, match="not a tokenizer"):
        Tokenizer.load(path)


def test_a_tokenizer_without_length_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    text = path.read_text(encoding="utf-8")
    begin = text.index('"truncation": {')
    end = text.index("}", begin) + 1
    path.write_text(text[:begin] + '"truncation": null' + text[end:], encoding="utf-8")
    with pytest.raises(BundleError, match="no length"):
        Tokenizer.load(path)


@pytest.mark.parametrize(("vocab_size", "length"), [(259, 8), (300, 2)])
def test_sizes_that_cannot_work_are_refused(vocab_size: int, length: int) -> None:
    with pytest.raises(ConfigError, match="at least 260 and 3"):
        train_tokenizer(TEXTS, vocab_size=vocab_size, length=length)
