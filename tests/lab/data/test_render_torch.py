"""The batched renderer draws what the plain one draws."""

from dataclasses import replace

import numpy as np
import pytest

from molnar.base.errors import DataError
from molnar.lab.data.render_torch import TorchRenderer
from molnar.lab.data.spec import KINDS, STICKER_KINDS
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.world import World, WorldConfig


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_the_plain_renderer(stickers: Stickers, kind: str) -> None:
    world = World(WorldConfig(seed=31), stickers)
    specs = [world.spec(index, kind) for index in range(6)]
    images = TorchRenderer(stickers).render(specs, 96).numpy()
    for spec, image in zip(specs, images, strict=True):
        expected = world.render(spec, 96).image
        gap = np.abs(image.astype(int) - expected)
        if kind in STICKER_KINDS:
            # two ways to shrink differ along edges, never in place: no shift fits better
            assert gap.mean() < 2.5
            assert np.percentile(gap, 95) <= 24
            for axis in (0, 1):
                for step in (-1, 1):
                    shifted = np.roll(image.astype(int), step, axis)
                    assert np.abs(shifted - expected).mean() > gap.mean()
        else:
            assert gap.max() <= 1


def test_a_batch_is_its_pictures(stickers: Stickers) -> None:
    world = World(WorldConfig(seed=32), stickers)
    specs = [world.spec(index) for index in range(8)]
    renderer = TorchRenderer(stickers)
    together = renderer.render(specs, 48)
    for spec, image in zip(specs, together, strict=True):
        gap = (renderer.render([spec], 48)[0].int() - image.int()).abs()
        assert gap.max() <= 1


def test_what_cannot_be_drawn_is_refused() -> None:
    world = World()
    with pytest.raises(DataError, match="reserved"):
        TorchRenderer(None).render([replace(world.spec(0), look="neon")], 32)
