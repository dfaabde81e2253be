"""Places: recognisable, the same at every size, opaque, and true to what they say of themselves."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from PIL import Image

from molnar.base.errors import DataError
from molnar.lab.data.palette import PALETTE, lab, name_of
from molnar.lab.data.places import (
    OUTDOOR,
    PATTERNS,
    PLACES,
    STANDING,
    WEATHER,
    Place,
    colours_behind,
    ground,
    overlay,
    paint,
    weather,
)

SIZES = [(128, 128), (72, 128), (128, 72), (90, 131), (8, 8)]


def place(name: str, variant: int = 0, weather: str | None = None) -> Place:
    colours = ("red", "white") if name in PATTERNS else ()
    return Place(name=name, variant=variant, colours=colours, weather=weather)


@cache
def painted(name: str, variant: int = 0, size: int = 64) -> np.ndarray:
    return paint(place(name, variant), height=size, width=size)


def shrunk(image: np.ndarray, size: int) -> np.ndarray:
    """Average colours down to a square of `size`: float [size, size, 3]."""
    picture = Image.fromarray(np.clip(image[..., :3] + 0.5, 0, 255).astype(np.uint8))
    return np.asarray(picture.resize((size, size), Image.Resampling.BOX)).astype(np.float64)


@pytest.mark.parametrize("name", [*PLACES, *PATTERNS])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_pixel_is_opaque_and_in_range(name: str, height: int, width: int) -> None:
    for variant in (0, 7, 2**16 - 1):
        image = paint(place(name, variant), height=height, width=width)
        assert image.shape == (height, width, 4)
        assert image.dtype == np.float32
        assert (image[..., 3] == 255.0).all()
        assert image.min() >= 0.0
        assert image.max() <= 255.0


@pytest.mark.parametrize("name", [*PLACES, *PATTERNS])
def test_the_same_place_is_the_same_picture(name: str) -> None:
    first = paint(place(name, 5), height=64, width=64)
    paint(place(name, 6), height=64, width=64)
    np.testing.assert_array_equal(paint(place(name, 5), height=64, width=64), first)


@pytest.mark.parametrize("name", [*PLACES, *PATTERNS])
def test_the_composition_is_the_same_at_every_size(name: str) -> None:
    for variant in range(3):
        large = paint(place(name, variant), height=512, width=512)
        for size in (64, 128):
            small = painted(name, variant, size)[..., :3]
            assert np.abs(shrunk(large, size) - small).mean() < {64: 1.6, 128: 1.0}[size]


def test_the_composition_is_the_same_at_every_size_of_a_wide_picture() -> None:
    for name in PLACES:
        large = paint(place(name, 3), height=288, width=512)[..., :3]
        small = paint(place(name, 3), height=72, width=128)[..., :3]
        averaged = large.reshape(72, 4, 128, 4, 3).mean(axis=(1, 3))
        assert np.abs(averaged - small).mean() < 1.5


def test_a_stranger_would_name_every_place() -> None:
    """The mean of some variants of each place, at 16 px, is nearest to other variants of it."""

    def thumbnails(variants: range) -> np.ndarray:
        return np.stack([[shrunk(painted(n, v), 16) for v in variants] for n in PLACES])

    centres = thumbnails(range(100, 120)).mean(axis=1)
    # half of the variants are mirrored; so is what they are compared with
    centres = (centres + centres[:, :, ::-1]) / 2.0
    seen = thumbnails(range(20))
    distance = np.abs(seen[:, :, None] - centres[None, None]).mean(axis=(3, 4, 5))
    right = distance.argmin(axis=2) == np.arange(len(PLACES))[:, None]
    assert right.mean() >= 0.95


@pytest.mark.parametrize("name", PLACES)
def test_variants_differ(name: str) -> None:
    thumbnails = [shrunk(painted(name, variant), 16) for variant in range(12)]
    for index, one in enumerate(thumbnails):
        for other in thumbnails[:index]:
            assert np.abs(one - other).mean() > 1.0


@pytest.mark.parametrize("name", PLACES)
def test_about_half_of_the_variants_are_mirrored(name: str) -> None:
    """What stands at one side in a variant stands at the other in another."""
    images = np.stack([shrunk(painted(name, variant), 32) for variant in range(16)])
    lean = (images[:, :, :16] - images[:, :, :15:-1]).reshape(16, -1)
    alike = np.sign(lean @ lean[0])
    assert (alike > 0).any()
    assert (alike < 0).any()


@pytest.mark.parametrize("name", sorted(STANDING))
def test_things_stand_on_something(name: str) -> None:
    for variant in range(12):
        image = painted(name, variant)[..., :3]
        level = ground(place(name, variant))
        assert 0.5 < level < 0.95
        row = round(level * 64)
        below, above = image[row:].mean(axis=(0, 1)), image[: row // 2].mean(axis=(0, 1))
        assert np.linalg.norm(lab(below) - lab(above)) > 10.0


def test_elsewhere_things_may_be_anywhere() -> None:
    assert STANDING.issubset(PLACES)
    for name in {*PLACES, *PATTERNS} - STANDING:
        assert ground(place(name, 9)) == 0.5


def test_the_ground_moves_with_the_variant() -> None:
    levels = {ground(place("beach", variant)) for variant in range(20)}
    assert len(levels) == 20


# ---------------------------------------------------------------- patterns


@pytest.mark.parametrize("name", [pattern for pattern in PATTERNS if pattern != "gradient"])
def test_a_pattern_holds_its_two_colours_alone(name: str) -> None:
    for variant in range(8):
        image = painted(name, variant, 128)[..., :3].reshape(-1, 3)
        colours, counts = np.unique(image, axis=0, return_counts=True)
        two = np.sort(counts)[-2:]
        assert two.sum() > 0.75 * counts.sum()
        assert two.min() > 0.15 * counts.sum()
        kept = colours[np.argsort(counts)[-2:]]
        assert {name_of(tuple(map(int, rgb))) for rgb in kept} == {"red", "white"}
        # everything else lies on the line between them: smoothed edges
        share = (colours - kept[0]) @ (kept[1] - kept[0]) / ((kept[1] - kept[0]) ** 2).sum()
        assert np.abs(colours - kept[0] - share[:, None] * (kept[1] - kept[0])).max() < 0.1


def test_a_gradient_goes_from_one_colour_to_the_other() -> None:
    for variant in range(8):
        image = painted("gradient", variant)[..., :3]
        assert name_of(tuple(map(int, image[0, 0]))) == "red"
        assert name_of(tuple(map(int, image[-1, -1]))) == "white"
        assert np.abs(np.diff(image, axis=0)).max() < 8.0
        assert np.abs(np.diff(image, axis=1)).max() < 8.0


# ---------------------------------------------------------------- weather


@pytest.mark.parametrize("name", WEATHER)
def test_weather_is_premultiplied_and_leaves_things_in_sight(name: str) -> None:
    for variant in range(6):
        front = overlay(place("city", variant, name), height=64, width=96)
        assert front.shape == (64, 96, 4)
        assert front.dtype == np.float32
        alpha = front[..., 3:]
        assert 0.0 <= alpha.min() <= alpha.max() <= 255.0
        assert front.min() >= 0.0
        assert (front[..., :3] <= alpha + 1e-3).all()
        assert 0.005 < alpha.mean() / 255.0 < 0.35


@pytest.mark.parametrize("name", WEATHER)
def test_weather_is_seen_behind_things_too(name: str) -> None:
    for spot in sorted(OUTDOOR):
        dry = painted(spot, 2)
        wet = paint(place(spot, 2, name), height=64, width=64)
        assert np.abs(wet - dry).mean() > 6.0
        assert (wet[..., 3] == 255.0).all()


def test_weather_can_be_laid_over_a_plain_ground() -> None:
    for name in WEATHER:
        near, far = (weather(name, 1, height=64, width=64, near=near) for near in (True, False))
        assert not np.array_equal(near, far)
        np.testing.assert_array_equal(near, overlay(place("snow", 1, name), height=64, width=64))


def test_without_weather_nothing_lies_before_the_things() -> None:
    assert not overlay(place("beach"), height=16, width=24).any()


# ---------------------------------------------------------------- what lies behind a box


def test_the_colour_behind_a_box_is_that_of_the_picture() -> None:
    image = painted("meadow", 4)[..., :3]
    top = colours_behind(place("meadow", 4), (0.0, 0.0, 1.0, 0.05))
    bottom = colours_behind(place("meadow", 4), (0.25, 0.9, 0.75, 1.4))
    assert top.shape == (3,)
    assert top.dtype == np.float32
    assert np.abs(top - image[:3].mean(axis=(0, 1))).max() < 6.0
    assert np.abs(bottom - image[58:, 16:48].mean(axis=(0, 1))).max() < 8.0
    assert top[2] > top[1] > top[0]  # sky
    assert bottom[1] > bottom[0] > bottom[2]  # grass


def test_a_box_may_be_smaller_than_a_pixel() -> None:
    found = colours_behind(place("stripes"), (0.501, 0.501, 0.502, 0.502))
    assert name_of(tuple(map(int, found))) in PALETTE


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "moon"}, "place is 'moon'; expected one of beach, kitchen"),
        ({"name": "beach", "weather": "hail"}, "weather is 'hail'; expected one of rain, snowfall"),
        ({"name": "bar", "weather": "rain"}, "place of rain is 'bar'; expected one of beach, city"),
        ({"name": "stripes", "colours": ("red", "beige")}, "colour is 'beige'; expected one of"),
        ({"name": "stripes", "colours": ("red",)}, "stripes has colours .*expected 2 different"),
        ({"name": "stripes", "colours": ("red", "red")}, "expected 2 different"),
        ({"name": "beach", "colours": ("red", "blue")}, "expected 0 different"),
        ({"name": "beach", "variant": 2**16}, "variant is 65536; expected 0 to 65535"),
        ({"name": "beach", "variant": -1}, "variant is -1"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(given: dict, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        Place(**given)
    assert "\n" not in str(caught.value)


def test_refusals_of_the_other_functions() -> None:
    with pytest.raises(DataError, match="weather is 'hail'"):
        weather("hail", 0, height=32, width=32, near=True)
    with pytest.raises(DataError, match="expected sides of 8 or more"):
        paint(place("beach"), height=4, width=64)
    with pytest.raises(DataError, match="with something inside"):
        colours_behind(place("beach"), (0.5, 0.2, 0.5, 0.4))
