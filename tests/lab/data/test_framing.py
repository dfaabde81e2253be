"""Pictures of any shape: the same things, whole and in place, in a wider or taller frame."""

import numpy as np
import pytest
import torch

from molnar.lab.data.places import Place
from molnar.lab.data.placing import framed
from molnar.lab.data.render import render
from molnar.lab.data.render_torch import TorchRenderer
from molnar.lab.data.spec import KINDS, Spec, Thing
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.train.recipe import Drawings
from molnar.lab.train.supply import Crew, CrewSource, DeviceSource, WorldMaker
from molnar.plan.items import spread

SHAPES = [(64, 112), (112, 64), (96, 96)]


@pytest.fixture(scope="module")
def world(stickers: Stickers) -> World:
    return World(WorldConfig(seed=13, place_p=0.3, look_p=0.1), stickers)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_whole_and_related_as_said(
    world: World, kind: str, shape: tuple[int, int]
) -> None:
    side = min(shape)
    for index in range(8):
        sample = world.sample(index, kind, shape)
        assert sample.image.shape == (*shape, 4)
        assert sample.spec is not None
        assert sample.masks is not None
        assert sample.masks.shape == (len(sample.spec.things), *shape)
        for thing, mask in zip(sample.spec.things, sample.masks, strict=True):
            assert mask.max() > 100
            if sample.spec.homage is None:
                assert thing.size / 2 <= thing.x + 0.01
                assert thing.x * side + thing.size * side / 2 <= shape[1] + 1
                assert thing.y * side + thing.size * side / 2 <= shape[0] + side * 0.1
        relation = sample.spec.relation
        if relation is not None and relation.name != "inside":
            first, second = (sample.spec.things[k] for k in (relation.subject, relation.object))
            assert {
                "on": first.y < second.y, "in front of": first.x != second.x,
                "left of": first.x < second.x, "right of": first.x > second.x,
                "above": first.y < second.y, "below": first.y > second.y,
            }[relation.name]  # fmt: skip


def test_a_square_frame_changes_nothing(world: World) -> None:
    for index in range(20):
        spec = world.spec(index)
        assert framed(spec, 96, 96) == spec
        np.testing.assert_array_equal(
            render(spec, 96, world.stickers, (96, 96)).image, world.render(spec, 96).image
        )


def test_a_wide_frame_is_used(world: World) -> None:
    spread = [world.sample(k, "position", (64, 160)).spec for k in range(40)]
    xs = [thing.x for spec in spread if spec is not None for thing in spec.things]
    assert max(xs) > 1.6
    assert min(xs) < 0.7


@pytest.mark.parametrize("shape", SHAPES)
def test_the_batched_renderer_draws_the_same(
    world: World, stickers: Stickers, shape: tuple[int, int]
) -> None:
    specs = [framed(world.spec(index, kind), *shape) for kind in KINDS for index in range(2)]
    images = TorchRenderer(stickers).render(specs, min(shape), shape).numpy()
    for spec, image in zip(specs, images, strict=True):
        expected = render(spec, min(shape), stickers, shape).image
        assert image.shape == expected.shape
        assert np.abs(image.astype(int) - expected).mean() < (3.5 if spec.look is None else 6)


def test_feet_stay_on_the_ground_of_a_tall_frame() -> None:
    thing = Thing(kind="sticker", name="bus", style="noto", x=0.5, y=0.7, size=0.6)
    spec = Spec(kind="sticker", things=(thing,), place=Place(name="city"))
    (moved,) = framed(spec, 160, 96, [0.5]).things
    foot, before = moved.y + 0.6 * 0.5 / 2, 0.7 + 0.6 * 0.5 / 2
    assert foot * 96 / 160 == pytest.approx(before), "as large a share of the height as before"


def test_captions_are_of_the_frame_whoever_draws(stickers: Stickers) -> None:
    world = World(WorldConfig(seed=3, geometry_p=0.2), stickers)
    maker = WorldMaker(world.config, Drawings(), None)
    crew = Crew(world, maker, 0)
    device = DeviceSource(world, crew, torch.device("cpu"))
    expected = [world.sample(index, shape=(96, 160)).caption for index in range(60)]
    for source in (device, CrewSource(world, crew)):
        images, captions, plans = source.pictures(0, 60, (96, 160))
        assert list(captions) == expected
        assert images.shape == (60, 4, 96, 160)
        for plan in plans:  # what lies behind fills the frame, as it will when a plan is drawn
            assert plan is not None
            assert plan[0] == spread(plan[:1], 96, 160)[0]
            assert plan[0].width == pytest.approx(160 / 96)
