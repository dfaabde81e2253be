from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from molnar.base.errors import ConfigError
from molnar.upscale.objective import upscale_loss
from molnar.upscale.upscaler import Upscaler, UpscalerConfig, enlarge

TINY = UpscalerConfig(width=8, blocks=3)


def awake(config: UpscalerConfig = TINY) -> Upscaler:
    """An upscaler whose last layer is not at its zero start."""
    torch.manual_seed(0)
    upscaler = Upscaler(config)
    torch.nn.init.normal_(upscaler.last.weight, std=0.1)
    return upscaler.eval()


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("height, width", [(16, 16), (5, 9), (1, 1)])
def test_shapes(scale: int, height: int, width: int) -> None:
    upscaler = awake(UpscalerConfig(width=8, blocks=2, scale=scale))
    large = upscaler(torch.randn(2, 4, height, width))
    assert large.shape == (2, 4, scale * height, scale * width)


def test_the_start_is_the_smooth_enlargement() -> None:
    image = torch.rand(1, 4, 6, 7) * 2 - 1
    assert torch.equal(Upscaler(TINY)(image), enlarge(image, 4))


def test_the_smooth_enlargement_keeps_place_and_colour() -> None:
    image = torch.rand(1, 4, 8, 8)
    back = torch.nn.functional.avg_pool2d(enlarge(torch.full_like(image, 0.3), 4), 4)
    torch.testing.assert_close(back, torch.full_like(image, 0.3))
    torch.testing.assert_close(enlarge(image.flip(-1), 4), enlarge(image, 4).flip(-1))


def test_the_default_costs_what_it_says() -> None:
    with FlopCounterMode(display=False) as counter:
        Upscaler(UpscalerConfig())(torch.zeros(1, 4, 128, 128))
    assert counter.get_total_flops() < 2.5e9


def test_blocks_counts_the_convolutions() -> None:
    upscaler = Upscaler(UpscalerConfig(blocks=5))
    assert sum(isinstance(m, torch.nn.Conv2d) for m in upscaler.modules()) == 5


def test_gradients_reach_every_parameter() -> None:
    upscaler = awake()
    upscaler(torch.randn(1, 4, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in upscaler.parameters())


def test_one_batch_is_overfitted() -> None:
    torch.manual_seed(0)
    upscaler = Upscaler(UpscalerConfig(width=16, blocks=2))
    high = (torch.rand(1, 4, 32, 32) > 0.5).float() * 2 - 1
    high = torch.nn.functional.interpolate(high[..., ::8, ::8], scale_factor=8.0, mode="nearest")
    low = torch.nn.functional.avg_pool2d(high, 4)
    before = upscale_loss(upscaler(low), high).total.item()
    optimizer = torch.optim.Adam(upscaler.parameters(), lr=1e-2)
    for _ in range(80):
        loss = upscale_loss(upscaler(low), high).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3 * before


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"width": 2, "channels": 4}, "width 2.*channels 4"),
        ({"blocks": 1}, "blocks is 1"),
        ({"scale": 0}, "scale is 0"),
    ],
)
def test_impossible_sizes_are_named(changes: dict[str, int], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        UpscalerConfig(**changes)


@pytest.mark.filterwarnings("ignore")  # the exporters of some torch versions warn of themselves
def test_onnx_computes_the_same_at_other_sizes(tmp_path: Path) -> None:
    upscaler, path = awake(), tmp_path / "upscaler.onnx"
    torch.onnx.export(
        upscaler,
        (torch.zeros(2, 4, 8, 12),),
        path,
        input_names=["image"],
        dynamic_axes={"image": {0: "batch", 2: "height", 3: "width"}},
        dynamo=False,
        opset_version=18,
    )
    session = onnxruntime.InferenceSession(path)
    for shape in ((1, 4, 16, 16), (3, 4, 5, 7)):
        image = torch.rand(shape) * 2 - 1
        with torch.no_grad():
            wanted = upscaler(image).numpy()
        np.testing.assert_allclose(
            session.run(None, {"image": image.numpy()})[0], wanted, atol=1e-4
        )
