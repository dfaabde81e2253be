"""Pixels are what the spec says, at any size."""

import numpy as np
import pytest
from PIL import Image

from molnar.base.errors import DataError
from molnar.lab.data.palette import name_of
from molnar.lab.data.render import render
from molnar.lab.data.spec import Background, Spec, Thing
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.world import World, WorldConfig


@pytest.fixture(scope="module")
def world(stickers: Stickers) -> World:
    return World(WorldConfig(seed=21, size=64), stickers)


def disc(x: float = 0.5, y: float = 0.5, size: float = 0.5) -> Thing:
    return Thing(kind="shape", name="circle", x=x, y=y, size=size, colour="red", rgb=(218, 34, 40))


def test_a_disc_has_the_area_and_place_of_a_disc() -> None:
    spec = Spec(kind="single", things=(disc(0.375, 0.625),))
    image, masks = render(spec, 200).image, render(spec, 200).masks
    area = masks[0].astype(float).sum() / 255
    assert area == pytest.approx(np.pi * 50**2, rel=1e-3)
    y, x = np.nonzero(masks[0] > 127)
    assert (x.mean() + 0.5, y.mean() + 0.5) == pytest.approx((75, 125), abs=0.01)
    assert tuple(image[125, 75]) == (218, 34, 40, 255)
    assert tuple(image[5, 195]) == (255, 255, 255, 255)


def test_on_nothing_alpha_is_coverage_and_colour_is_premultiplied() -> None:
    ground = Background(colour=None, rgb=(0, 0, 0))
    drawn = render(Spec(kind="single", things=(disc(),), background=ground), 64)
    np.testing.assert_array_equal(drawn.image[..., 3], drawn.masks[0])
    assert tuple(drawn.image[0, 0]) == (0, 0, 0, 0)
    assert (drawn.image[..., :3] <= drawn.image[..., 3:]).all()
    edge = (drawn.masks[0] > 60) & (drawn.masks[0] < 200)
    expected = drawn.masks[0][edge] * (218 / 255)
    np.testing.assert_allclose(drawn.image[edge][:, 0], expected, atol=1)


@pytest.mark.parametrize("kind", ["counting", "attribution", "nested", "homage"])
def test_where_a_mask_is_full_the_pixels_have_the_colour(world: World, kind: str) -> None:
    for index in range(15):
        spec = world.spec(index, kind)
        drawn = world.render(spec, 128)
        assert len(drawn.masks) == len(spec.things)
        for thing, mask in zip(spec.things, drawn.masks, strict=True):
            full = drawn.image[mask == 255]
            assert len(full) or kind == "homage"
            assert (full[:, :3] == np.array(thing.rgb)).all()
            assert name_of(thing.rgb or (0, 0, 0)) == thing.colour


def test_masks_never_cover_more_than_everything(world: World) -> None:
    for index in range(30):
        total = world.sample(index).masks.astype(int).sum(axis=0)
        assert total.max() <= 255 + len(world.sample(index).masks)


def test_the_inner_thing_hides_the_outer(world: World) -> None:
    drawn = world.render(world.spec(2, "nested"), 128)
    inner, outer = drawn.masks[1] == 255, drawn.masks[0]
    assert inner.any()
    assert (outer[inner] == 0).all()


@pytest.mark.parametrize("kind", ["two", "sticker", "sticker_count"])
def test_a_large_picture_shows_what_the_small_one_shows(world: World, kind: str) -> None:
    for index in range(5):
        spec = world.spec(index, kind)
        small, large = world.render(spec, 64).image, world.render(spec, 256).image
        shrunk = np.asarray(Image.fromarray(large).convert("RGBA").reduce(4)).astype(int)
        opaque = (large[..., 3] == 255).all()
        if opaque:
            assert np.abs(shrunk - small).mean() < 4.0


def test_sizes_need_not_be_round(world: World) -> None:
    spec = world.spec(0, "counting")
    for size in (8, 37, 130):
        assert world.render(spec, size).image.shape == (size, size, 4)


def test_flip_and_turn_change_a_sticker_within_its_box(stickers: Stickers) -> None:
    def drawn(**changes: object) -> np.ndarray:
        thing = {"kind": "sticker", "name": "rocket", "style": "noto", "x": 0.5, "y": 0.5}
        spec = Spec(kind="sticker", things=(Thing(**(thing | {"size": 0.6} | changes)),))
        return render(spec, 64, stickers).image.astype(int)

    plain = drawn()
    np.testing.assert_allclose(drawn(flip=True), plain[:, ::-1], atol=3)
    turned = drawn(angle=8.0)
    assert np.abs(turned - plain).max() > 30
    assert np.abs(turned - plain).mean() < 15


def test_a_sticker_needs_stickers() -> None:
    thing = Thing(kind="sticker", name="rocket", style="noto", x=0.5, y=0.5, size=0.5)
    with pytest.raises(DataError, match="give stickers"):
        render(Spec(kind="sticker", things=(thing,)), 64)
