"""Names are set apart, whatever their sentences share."""

from __future__ import annotations

import numpy as np
import torch

from molnar.lab.train.naming import apart, digest, name_vectors
from molnar.lab.train.tokenizer import train_tokenizer
from molnar.text.embeddings import TextEncoder, TextEncoderConfig


def cosines(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return (unit @ unit.T)[~np.eye(len(unit), dtype=bool)]


def test_what_all_share_is_taken_away() -> None:
    draw = np.random.default_rng(0)
    shared = draw.standard_normal(32)
    alike = (shared + 0.4 * draw.standard_normal((12, 32))).astype(np.float32)
    found = apart(alike)
    assert cosines(alike).mean() > 0.8
    assert abs(cosines(found)).mean() < 0.15
    assert abs(float(np.linalg.norm(found, axis=1).mean()) - 1) < 1e-5


def test_nothing_is_lost_but_the_mean() -> None:
    draw = np.random.default_rng(1)
    vectors = draw.standard_normal((9, 16)).astype(np.float32)
    centred = vectors - vectors.mean(axis=0)
    back, *_ = np.linalg.lstsq(apart(vectors), centred, rcond=None)
    np.testing.assert_allclose(apart(vectors) @ back, centred, atol=1e-4)


def test_every_name_is_read_once_and_alone() -> None:
    torch.manual_seed(0)
    tokenizer = train_tokenizer({"a red circle": 9, "a fox": 9}, vocab_size=300)
    encoder = TextEncoder(
        TextEncoderConfig(
            vocab_size=tokenizer.vocab_size,
            length=tokenizer.length,
            width=16,
            layers=1,
            heads=2,
            pooled=8,
        )
    ).eval()
    names = ("circle", "fox", "red circle", "square")
    found = name_vectors(tokenizer, encoder, names)
    assert tuple(found) == names
    assert all(vector.shape == (8,) for vector in found.values())
    again = name_vectors(tokenizer, encoder, names)
    assert all(np.array_equal(found[name], again[name]) for name in names)
    assert name_vectors(tokenizer, encoder, ()) == {}


def test_a_digest_is_of_names_and_reader_and_not_of_rounding() -> None:
    torch.manual_seed(0)
    config = TextEncoderConfig(vocab_size=300, length=8, width=16, layers=1, heads=2, pooled=16)
    encoder, other = TextEncoder(config), TextEncoder(config)
    told = digest(encoder, ["fox", "dog"])
    assert told == digest(encoder, ["fox", "dog"])
    assert told != digest(encoder, ["dog", "fox"])
    assert told != digest(other, ["fox", "dog"])
    other.load_state_dict(encoder.state_dict())
    assert told == digest(other, ["fox", "dog"])
