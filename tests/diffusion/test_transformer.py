from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from molnar.base.errors import ConfigError
from molnar.diffusion.transformer import Transformer, TransformerConfig

NAMES = ["x", "t", "tokens", "mask", "pooled"]
CHANNELS, LENGTH, TEXT, POOLED = 4, 6, 12, 10
Inputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def tiny(patch: int = 2, **changes: Any) -> TransformerConfig:
    sizes = {"width": 32, "depth": 2, "heads": 2, "hidden": 48, **changes}
    return TransformerConfig(
        latent_channels=CHANNELS, text_width=TEXT, pooled_width=POOLED, patch=patch, **sizes
    )


def awake(patch: int = 2) -> Transformer:
    """A network none of whose weights is still at its zero start."""
    torch.manual_seed(0)
    net = Transformer(tiny(patch))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return net.eval()


def inputs(batch: int = 2, height: int = 8, width: int = 4, seed: int = 1) -> Inputs:
    draw = torch.Generator().manual_seed(seed)
    real = torch.randint(1, LENGTH + 1, (batch, 1), generator=draw)
    return (
        torch.randn(batch, CHANNELS, height, width, generator=draw),
        torch.rand(batch, generator=draw),
        torch.randn(batch, LENGTH, TEXT, generator=draw),
        torch.arange(LENGTH) < real,
        torch.randn(batch, POOLED, generator=draw),
    )


@pytest.mark.parametrize("patch", [1, 2])
@pytest.mark.parametrize("height, width", [(8, 8), (4, 12), (2, 2)])
def test_the_velocity_has_the_shape_of_the_latent(patch: int, height: int, width: int) -> None:
    given = inputs(3, height, width)
    assert awake(patch)(*given).shape == given[0].shape


def test_the_start_is_zero() -> None:
    assert torch.equal(Transformer(tiny())(*inputs()), torch.zeros(2, CHANNELS, 8, 4))


def test_the_default_has_23_million_parameters() -> None:
    with torch.device("meta"):
        net = Transformer(TransformerConfig())
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(23.2e6, rel=0.01)


def test_padded_text_changes_nothing() -> None:
    net, (x, t, tokens, mask, pooled) = awake(), inputs()
    assert not mask.all()
    junk = torch.where(mask[..., None], tokens, 100 * torch.randn_like(tokens))
    torch.testing.assert_close(net(x, t, junk, mask, pooled), net(x, t, tokens, mask, pooled))


def test_padding_to_another_length_changes_nothing() -> None:
    net, (x, t, tokens, mask, pooled) = awake(), inputs()
    longer = torch.cat([tokens, torch.randn(2, 5, TEXT)], dim=1)
    padded = torch.cat([mask, torch.zeros(2, 5, dtype=torch.bool)], dim=1)
    torch.testing.assert_close(
        net(x, t, longer, padded, pooled), net(x, t, tokens, mask, pooled), atol=1e-5, rtol=1e-4
    )


def test_a_text_with_no_real_token_is_possible() -> None:
    x, t, tokens, mask, pooled = inputs()
    assert awake()(x, t, tokens, torch.zeros_like(mask), pooled).isfinite().all()


@pytest.mark.parametrize("which", range(5), ids=NAMES)
def test_every_input_counts(which: int) -> None:
    net, given, other = awake(), inputs(), inputs(seed=2)
    changed = list(given)
    changed[which] = ~given[3] if which == 3 else other[which]
    assert (net(*changed) - net(*given)).abs().max() > 1e-3


def test_samples_do_not_see_each_other() -> None:
    net, given = awake(), inputs(3)
    alone = tuple(part[1:2] for part in given)
    torch.testing.assert_close(net(*given)[1:2], net(*alone), atol=1e-5, rtol=1e-4)


def test_places_matter() -> None:
    # Without positions, a mirrored latent would give the mirrored velocity.
    net, (x, *rest) = awake(1), inputs()
    assert (net(x.flip(-1), *rest).flip(-1) - net(x, *rest)).abs().max() > 1e-2


def test_gradients_reach_every_parameter() -> None:
    net = awake()
    net(*inputs()).square().sum().backward()
    idle = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_the_zero_start_can_be_left() -> None:
    net = Transformer(tiny())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (net(*inputs()) - 1).square().mean().backward()
        optimizer.step()
    idle = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_one_batch_is_overfitted() -> None:
    torch.manual_seed(0)
    net = Transformer(tiny(depth=1))
    given = inputs(4, 4, 4)
    wanted = torch.randn(4, CHANNELS, 4, 4)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(80):
        loss = (net(*given) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"width": 30, "heads": 4}, "width 30.*heads 4"),
        ({"width": 12, "heads": 2}, "width 12.*heads 2"),
        ({"patch": 0}, "patch is 0"),
    ],
)
def test_impossible_sizes_are_named(changes: dict[str, int], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        TransformerConfig(**changes)


def by_export(net: Transformer, path: Path) -> None:
    free = torch.export.Dim.DYNAMIC
    first = {0: free}
    shapes = ({0: free, 2: free, 3: free}, first, first, first, first)
    torch.onnx.export(
        net, inputs(), path, input_names=NAMES, dynamic_shapes=shapes, dynamo=True, verbose=False
    )


def by_trace(net: Transformer, path: Path) -> None:
    axes = {name: {0: "batch"} for name in NAMES} | {"x": {0: "batch", 2: "height", 3: "width"}}
    torch.onnx.export(
        net, inputs(), path, input_names=NAMES, dynamic_axes=axes, dynamo=False, opset_version=18
    )


@pytest.mark.filterwarnings("ignore")  # the exporters of some torch versions warn of themselves
@pytest.mark.parametrize(
    "export, patch",
    [(by_trace, 1), (by_trace, 2), pytest.param(by_export, 2, marks=pytest.mark.slow)],
)
def test_onnx_computes_the_same_at_other_sizes(
    export: Callable[[Transformer, Path], None], patch: int, tmp_path: Path
) -> None:
    net, path = awake(patch), tmp_path / "velocity.onnx"
    export(net, path)
    session = onnxruntime.InferenceSession(path)
    for size in ((1, 8, 8), (3, 4, 10)):
        given = inputs(*size)
        feeds = {name: part.numpy() for name, part in zip(NAMES, given, strict=True)}
        with torch.no_grad():
            wanted = net(*given).numpy()
        np.testing.assert_allclose(session.run(None, feeds)[0], wanted, atol=1e-4)
