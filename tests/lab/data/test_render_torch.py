"""The batched renderer draws what the plain one draws."""

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


def test_looks_are_those_of_the_plain_renderer() -> None:
    world = World(WorldConfig(seed=33, look_p=1.0))
    specs = [world.spec(index, "single") for index in range(16)]
    assert len({spec.look for spec in specs}) > 4
    images = TorchRenderer(None).render(specs, 64).numpy()
    for spec, image in zip(specs, images, strict=True):
        # a rounding more or less may tip a few pixels of a look over one of its edges
        gap = np.abs(image.astype(int) - world.render(spec, 64).image)
        assert (gap > 8).mean() < 0.02


def test_what_cannot_be_drawn_is_refused(stickers: Stickers) -> None:
    world = World(WorldConfig(), stickers)
    with pytest.raises(DataError, match="give stickers"):
        TorchRenderer(None).render([world.spec(0, "sticker")], 32)


def test_drawings_in_a_colour_look_as_on_the_cpu(stickers: Stickers) -> None:
    world = World(WorldConfig(seed=8, tint_p=1.0, geometry_p=0.0, size=96), stickers)
    specs = [world.spec(index, "sticker") for index in range(12)]
    specs = [spec for spec in specs if spec.things[0].rgb is not None and spec.look is None]
    assert len(specs) >= 5
    drawn = TorchRenderer(stickers).render(specs, 96).numpy()
    for image, spec in zip(drawn, specs, strict=True):
        exact = world.render(spec).image
        assert np.abs(image.astype(int) - exact).mean() < 2.0
