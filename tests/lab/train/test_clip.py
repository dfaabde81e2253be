from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from molnar.base.errors import ConfigError
from molnar.clip.model import CLIPConfig
from molnar.clip.vision import VisionConfig
from molnar.lab.data.spec import Sample
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.train.clip import ClipData, ClipTask, reader
from molnar.lab.train.tokenizer import train_tokenizer
from molnar.text.embeddings import TextEncoder, TextEncoderConfig

WORLD = World(WorldConfig(size=32))
CONFIG = CLIPConfig(
    vision=VisionConfig(image_size=16, channels=(8, 16), width=24), pooled_width=24, width=24
)


def embed(texts: Sequence[str]) -> Tensor:
    """A vector that depends on the text alone."""
    rows = [
        torch.randn(24, generator=torch.Generator().manual_seed(crc32(t.encode()))) for t in texts
    ]
    return torch.nn.functional.normalize(torch.stack(rows), dim=-1)


def task(wrong: int = 1) -> ClipTask:
    return ClipTask(WORLD, embed, CONFIG, ClipData(wrong=wrong), caption=WORLD.caption)


class Files:
    """Two pictures without specs."""

    def __len__(self) -> int:
        return 2

    def sample(self, index: int) -> Sample:
        image = np.full((20, 20, 4), 255 * index, np.uint8)
        return Sample(image, ["nothing", "a white square"][index])


def test_a_batch_is_pictures_their_captions_and_wrong_ones() -> None:
    batch = task(wrong=2).batch(seen=0, size=8)
    assert batch["image"].shape == (8, 4, 16, 16)
    texts = batch["pooled"].shape[0]
    assert 12 <= texts <= 24
    assert batch["positives"].shape == (8, texts)
    assert batch["positives"][:, :8].diagonal().all()
    assert batch["positives"][:, 8:].float().mean() < 0.1


def test_a_batch_is_a_pure_function_of_what_was_seen() -> None:
    whole, again = task(0).batch(16, 8), task(0).batch(16, 8)
    later = task(0).batch(20, 4)
    assert all(torch.equal(whole[key], again[key]) for key in whole)
    assert torch.equal(whole["image"][4:], later["image"])
    assert torch.equal(whole["pooled"][4:], later["pooled"])


def test_equal_captions_are_extra_positives() -> None:
    batch = ClipTask(Files(), embed, CONFIG).batch(0, 12)
    same = (batch["image"][:, None] == batch["image"][None]).flatten(2).all(dim=2)
    assert 12 < int(same.sum()) < 144
    assert torch.equal(batch["positives"], same)


def test_the_loss_of_a_batch_falls() -> None:
    own = task()
    batch = own.batch(0, 6)
    optimizer = torch.optim.Adam(own.module.parameters(), lr=5e-3)
    losses = []
    for _ in range(12):
        loss, found = own.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert 0 <= found["retrieved"] <= 1


def test_the_sheet_is_a_picture(tmp_path: Path) -> None:
    own = task()
    own.sheet(own.module, tmp_path / "samples" / "0.png")
    with Image.open(tmp_path / "samples" / "0.png") as sheet:
        assert sheet.width == 4 * 192


def test_the_reader_gives_the_frozen_encoders_vectors() -> None:
    tokenizer = train_tokenizer({"a red circle": 9, "a blue square": 9}, vocab_size=270)
    encoder = TextEncoder(
        TextEncoderConfig(
            vocab_size=tokenizer.vocab_size, length=tokenizer.length, width=16, layers=1, pooled=24
        )
    )
    read = reader(tokenizer, encoder)
    pooled = read(["a red circle", "a blue square", "a red circle"])
    assert pooled.shape == (3, 24)
    assert not pooled.requires_grad
    torch.testing.assert_close(pooled[0], pooled[2])
    assert (pooled[0] - pooled[1]).abs().max() > 1e-3
    assert not any(p.requires_grad for p in encoder.parameters())


def test_it_says_what_decides_a_run() -> None:
    assert task(3).describe() == {"kind": "clip", "config": CONFIG, "data": ClipData(wrong=3)}
    with pytest.raises(ConfigError, match="wrong is -1"):
        ClipData(wrong=-1)
