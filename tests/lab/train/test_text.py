"""Texts in, text encoder out: with a teacher, without one, and the lexicon that follows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from molnar.base.errors import DataError
from molnar.lab.data.palette import SHADES
from molnar.lab.data.synonyms import synonyms
from molnar.lab.train.corpus import StickerText, build_corpus, read_stickers, words_of
from molnar.lab.train.lexicon import build_lexicon
from molnar.lab.train.teacher import cached
from molnar.lab.train.text import Student, TextTask, TextTaskConfig, neighbours_loss, relational
from molnar.lab.train.tokenizer import train_tokenizer
from molnar.text.embeddings import TextEncoderConfig

STICKERS = [
    StickerText("1f436", "dog face", ("dog", "pet", "puppy")),
    StickerText("2764-fe0f", "red heart", ("love", "heart")),
    StickerText("1f44b-1f3fd", "waving hand: medium skin tone", ("hand",)),
    StickerText("23-20e3", "keycap: #", ("keycap",)),
]


@pytest.fixture(autouse=True)
def few_synonyms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave each name ten other words, so that no test depends on how long the list has become."""
    few = {name: said[:10] for name, said in synonyms().items()}
    monkeypatch.setattr("molnar.lab.train.corpus.synonyms", lambda: few)


def bag_of_words(texts: Sequence[str]) -> Any:
    """Stand in for the teacher: each word a fixed random direction, a text their mean."""
    rows = []
    for text in texts:
        words = text.split() or [""]
        seeds = [int(hashlib.sha256(word.encode()).hexdigest()[:8], 16) for word in words]
        row = sum(np.random.default_rng(seed).normal(size=24) for seed in seeds)
        rows.append(row / np.linalg.norm(row))
    return np.array(rows, np.float32)


def task(folder: Path, *, teacher: Any = bag_of_words) -> TextTask:
    corpus = build_corpus(STICKERS, words=["sofa", "boat"], num_captions=60)
    tokenizer = train_tokenizer(dict.fromkeys([*corpus.short, *corpus.captions], 2), vocab_size=500)
    sizes = TextEncoderConfig(
        vocab_size=tokenizer.vocab_size, width=24, layers=1, heads=2, mlp_ratio=2, pooled=24
    )
    config = TextTaskConfig(heldout=20)
    return TextTask(tokenizer, corpus, cache=folder, teacher=teacher, encoder=sizes, config=config)


def descend(task: TextTask, steps: int) -> tuple[float, float]:
    """Train; give the mean loss over fixed batches before and after."""
    optimiser = torch.optim.AdamW(task.module.parameters(), lr=5e-3)

    @torch.no_grad()
    def measure() -> float:
        return float(np.mean([float(task.loss(task.batch(seen, 32))[0]) for seen in range(10)]))

    before = measure()
    for step in range(steps):
        loss, _ = task.loss(task.batch(1000 + step * 32, 32))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return before, measure()


def test_distillation_comes_nearer_to_the_teacher(tmp_path: Path) -> None:
    made = task(tmp_path)
    cosine = made.heldout(made.module)["cosine_caption"]
    before, after = descend(made, 60)
    assert after < 0.8 * before
    assert made.heldout(made.module)["cosine_caption"] > cosine + 0.05
    assert 0 <= made.heldout(made.module)["retrieval_short"] <= 1
    assert made.objective == "distillation"


def test_without_a_teacher_paraphrases_attract(tmp_path: Path) -> None:
    made = task(tmp_path, teacher=None)
    assert made.objective == "contrastive"
    before, after = descend(made, 80)
    assert after < before - 0.25  # many of these few pairs share a text, which bounds it
    assert set(made.heldout(made.module)) == {"retrieval_pair"}
    assert not list(tmp_path.iterdir())  # nothing to keep


def test_batches_depend_on_texts_seen_alone(tmp_path: Path) -> None:
    one, two = task(tmp_path), task(tmp_path)
    for seen in (0, 64, 6400):
        a, b = one.batch(seen, 16), two.batch(seen, 16)
        assert all(torch.equal(a[key], b[key]) for key in a)
        assert a["mask"].any(dim=0).all()  # no column is padding alone
    assert not torch.equal(one.batch(0, 16)["target"], one.batch(64, 16)["target"])


def test_heldout_texts_are_never_drawn(tmp_path: Path) -> None:
    made = task(tmp_path)
    drawn = {tuple(row[row != 0].tolist()) for n in range(200) for row in made.batch(n, 8)["ids"]}
    tokens = made.tokenizer.encode(made._texts[1])
    held = {tuple(tokens.ids[i][tokens.mask[i]].tolist()) for i in made._orders[1][-20:]}
    trained = {tuple(tokens.ids[i][tokens.mask[i]].tolist()) for i in made._orders[1][:-20]}
    assert not drawn & (held - trained)


def test_an_untrained_encoder_starts_from_the_teachers_words(tmp_path: Path) -> None:
    made = task(tmp_path)
    encoder = made.exported(made.module)
    vectors = bag_of_words(["red", "star", "dog"])
    ids = torch.tensor([made.tokenizer.ids(word) for word in ("red", "star", "dog")])
    assert ids.shape == (3, 1)
    states, _ = encoder(ids, torch.ones_like(ids, dtype=torch.bool))
    assert isinstance(made.module, Student)
    pooled = made.module.encoder.pool(states[:, 0, 24:])
    cosines = torch.nn.functional.normalize(pooled, dim=-1) @ torch.from_numpy(vectors).T
    assert cosines.argmax(dim=1).tolist() == [0, 1, 2]


def test_sheet_and_description(tmp_path: Path) -> None:
    made = task(tmp_path)
    made.sheet(made.module, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes()[:4] == b"\x89PNG"
    assert made.describe()["kind"] == "text"
    assert made.describe()["config"]["width"] == 24
    json.dumps(made.describe())
    assert "neighbours.weight" not in made.exported(made.module).state_dict()


def test_neighbours_loss_is_zero_when_told_right_whatever_the_padding_says() -> None:
    first = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    told = torch.cat([first.roll(1, dims=1), first, first.roll(-1, dims=1)], dim=-1)
    tokens = torch.cat([first, first], dim=-1)
    assert float(neighbours_loss(tokens, told, mask)) == pytest.approx(0, abs=1e-6)
    told[1, 3:] = -5.0  # said where nothing is
    assert float(neighbours_loss(tokens, told, mask)) == pytest.approx(0, abs=1e-6)
    assert float(neighbours_loss(tokens, -told, mask)) == pytest.approx(2, abs=1e-5)


def test_relational_is_zero_for_the_teachers_own_geometry() -> None:
    unit = torch.nn.functional.normalize(
        torch.randn(6, 4, generator=torch.Generator().manual_seed(1)), dim=-1
    )
    turned = (
        unit @ torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(2)))[0]
    )
    assert float(relational(turned, unit, 0.1)) == pytest.approx(0, abs=1e-4)
    assert float(relational(unit.flip(0), unit, 0.1)) > 0.1


def test_teacher_vectors_are_computed_once(tmp_path: Path) -> None:
    calls = []

    def teacher(texts: Sequence[str]) -> Any:
        calls.append(len(texts))
        return bag_of_words(texts)

    path = tmp_path / "cache" / "short.npz"
    one = cached(teacher, ["a", "b"], path)
    two = cached(teacher, ["a", "b"], path)
    np.testing.assert_allclose(one, two, atol=1e-3)
    cached(teacher, ["a", "c"], path)
    assert calls == [2, 2]


def test_corpus_is_a_function_of_its_seed_and_leaves_out_variants() -> None:
    one, two, other = (build_corpus(STICKERS, num_captions=30, seed=s) for s in (3, 3, 4))
    assert one == two
    assert one.captions != other.captions
    assert len(one.captions) == 30
    assert {"dog face", "puppy", "a dog face", "waving hand: medium skin tone"} <= set(one.short)
    assert "a waving hand: medium skin tone" not in one.short
    assert ("dog face", "puppy") in one.pairs
    given = build_corpus([], captions=["a fox"], num_captions=5)
    assert given.captions[0] == "a fox"
    assert len(given.captions) == 5


def test_words_of_a_text() -> None:
    assert words_of("A t-shirt, 3D: the dog\u2019s") == ["a", "t-shirt", "3d", "the", "dog's"]


def test_stickers_are_read_or_refused_by_name(tmp_path: Path) -> None:
    row = {"codepoints": "1f436", "name": "dog face", "keywords": ["dog"]}
    (tmp_path / "index.json").write_text(json.dumps([row]))
    [sticker] = read_stickers(tmp_path)
    assert (sticker.emoji, sticker.plain) == ("\U0001f436", True)
    (tmp_path / "index.json").write_text('[{"name": "dog"}]')
    with pytest.raises(DataError, match=r"index\.json"):
        read_stickers(tmp_path)


def test_lexicon_knows_what_was_drawn_and_suggests_only_that() -> None:
    def embed(texts: Sequence[str]) -> Any:
        return bag_of_words([{"hound": "dog"}.get(text, text) for text in texts])

    def teacher(texts: Sequence[str]) -> Any:
        return bag_of_words([{"sofa": "heart"}.get(text, text) for text in texts])

    lexicon = build_lexicon(
        STICKERS[:2],
        ["two dogs on a red background", "a circle"],
        embed=embed,
        teacher=teacher,
        common=["sofa", "dog", "zzz"],
    )
    assert lexicon.vectors is not None
    assert lexicon.words[: len(lexicon.vectors)] == (
        "background", "circle", "dog", "face", "heart", "red", "two",
    )  # fmt: skip
    assert lexicon.knows("puppy")
    assert lexicon.knows("dogs")
    assert lexicon.emoji == {"\U0001f436": "dog face", "\u2764": "red heart"}
    reds = {shade for shade, name in SHADES.items() if name == "red"}
    assert set(lexicon.related) == {"sofa", "zzz"} | reds, "of the colours, only red was drawn"
    assert lexicon.unknown("zzz", embed)[0].nearest == []  # the teacher knows of none
    assert [u.nearest[0] for u in lexicon.unknown("a sofa and a hound", embed)] == ["heart", "dog"]
    assert lexicon.unknown("scarlet", embed)[0].nearest == ["red"], "whatever the teacher thinks"
    assert build_lexicon(STICKERS[:1], []).vectors is None


def test_damaged_teacher_vectors_are_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "short.npz"
    right = cached(bag_of_words, ["a", "b"], path)
    whole = path.read_bytes()
    for damaged in (b"", b"rotten", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        np.testing.assert_array_equal(cached(bag_of_words, ["a", "b"], path), right)
        with np.load(path) as stored:
            assert stored["vectors"].shape == right.shape
