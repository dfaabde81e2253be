"""Attention against a softmax written out."""

import math

import torch

from molnar.base.nn.attention import Attention, attend


def test_attend_is_softmax_of_scaled_products() -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 3, 5, 8), torch.randn(2, 3, 7, 8), torch.randn(2, 3, 7, 8)
    weights = (q @ k.transpose(-1, -2) / math.sqrt(8)).softmax(-1)
    expected = (weights @ v).transpose(1, 2).reshape(2, 5, 24)
    assert torch.allclose(attend(q, k, v), expected, atol=1e-5)


def test_masked_keys_are_never_seen() -> None:
    q, k, v = torch.randn(1, 1, 4, 8), torch.randn(1, 1, 6, 8), torch.randn(1, 1, 6, 8)
    mask = torch.tensor([[True, True, True, True, False, False]])
    cut = attend(q, k[:, :, :4], v[:, :, :4])
    assert torch.allclose(attend(q, k, v, mask), cut, atol=1e-6)


def test_starts_silent_and_qk_norm_bounds_the_logits() -> None:
    layer = Attention(32, 4, context=16)
    x, context = torch.randn(2, 5, 32), torch.randn(2, 3, 16)
    assert not layer(x, context).any()
    torch.nn.init.normal_(layer.out.weight)
    large, small = layer(1000 * x, context), layer(x, context)
    assert torch.allclose(large, small, atol=1e-3), "queries are normalised: size is no matter"
