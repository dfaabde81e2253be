"""Ids in, embeddings out: padding and neighbours in the batch never matter, order always does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from molnar.base.errors import ConfigError
from molnar.text.embeddings import TextEncoder, TextEncoderConfig


@pytest.fixture
def encoder() -> TextEncoder:
    torch.manual_seed(0)
    config = TextEncoderConfig(vocab_size=50, length=12, width=32, layers=2, heads=4, pooled=24)
    encoder = TextEncoder(config)
    for parameter in encoder.parameters():  # branches start near zero; make them matter
        torch.nn.init.normal_(parameter, std=0.3)
    return encoder.eval()


def test_shapes_and_scale(encoder: TextEncoder) -> None:
    ids = torch.tensor([[1, 7, 9, 2, 0], [1, 2, 0, 0, 0]])
    tokens, pooled = encoder(ids, ids != 0)
    assert tokens.shape == (2, 5, 64)
    assert tokens.dtype == pooled.dtype == torch.float32
    assert torch.allclose(pooled.norm(dim=-1), torch.ones(2), atol=1e-5)
    assert (tokens[1, 2:] == 0).all()


def test_padding_and_what_it_holds_change_nothing(encoder: TextEncoder) -> None:
    short = torch.tensor([[1, 7, 9, 2]])
    long = torch.tensor([[1, 7, 9, 2, 33, 44, 0, 5]])
    mask = torch.arange(8)[None] < 4
    tokens, pooled = encoder(short, torch.ones_like(short, dtype=torch.bool))
    padded, padded_pooled = encoder(long, mask)
    assert torch.allclose(padded[:, :4], tokens, atol=1e-5)
    assert torch.allclose(padded_pooled, pooled, atol=1e-5)


def test_the_rest_of_the_batch_changes_nothing(encoder: TextEncoder) -> None:
    ids = torch.tensor([[1, 7, 9, 2, 0], [1, 8, 2, 0, 0], [1, 5, 6, 7, 2]])
    tokens, pooled = encoder(ids, ids != 0)
    for row in range(3):
        one, one_pooled = encoder(ids[row : row + 1], ids[row : row + 1] != 0)
        assert torch.allclose(one[0], tokens[row], atol=1e-5)
        assert torch.allclose(one_pooled[0], pooled[row], atol=1e-5)


def test_order_and_context_show_in_the_last_state_only(encoder: TextEncoder) -> None:
    ids = torch.tensor([[1, 7, 9, 2], [1, 8, 9, 2]])
    tokens, _ = encoder(ids, ids != 0)
    first, last = tokens.chunk(2, dim=-1)
    assert torch.equal(first[0, 2], first[1, 2])  # the same word at the same place
    assert not torch.allclose(last[0, 2], last[1, 2], atol=1e-3)  # after another word
    swapped, _ = encoder(ids[:, [0, 2, 1, 3]], ids != 0)
    assert not torch.allclose(swapped[0, [0, 2, 1, 3]], tokens[0], atol=1e-3)


def test_uneven_heads_are_refused() -> None:
    with pytest.raises(ConfigError, match="width=30 heads=4"):
        TextEncoderConfig(vocab_size=9, width=30)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_onnx_gives_the_same_at_any_batch(encoder: TextEncoder, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    ids = torch.tensor([[1, 7, 9, 2, 0, 0], [1, 2, 0, 0, 0, 0]])
    program = torch.onnx.export(
        encoder,
        (ids, ids != 0),
        dynamo=True,
        verbose=False,
        input_names=["ids", "mask"],
        output_names=["tokens", "pooled"],
        dynamic_shapes={"ids": {0: torch.export.Dim("B")}, "mask": {0: torch.export.Dim("B")}},
    )
    program.save(str(tmp_path / "text.onnx"))
    session = onnxruntime.InferenceSession(tmp_path / "text.onnx")
    many = torch.tensor([[1, 4, 2, 0, 0, 0], [1, 5, 6, 7, 8, 2], [1, 2, 0, 0, 0, 0]])
    got = session.run(None, {"ids": many.numpy(), "mask": (many != 0).numpy()})
    wanted = encoder(many, many != 0)
    for one, two in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, two.detach().numpy(), atol=1e-5)
