"""Segmentation: soft edges make no new colours, holes show what is behind."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from molnar.lab.data.palette import COLOURS, PALETTE, contrasts
from molnar.lab.evaluate.segments import judged_size, label_colours, segment


@pytest.mark.parametrize("ground", ["white", "black", "orange", "gray"])
def test_soft_edges_make_no_new_colours(paint, ground):
    for colour in COLOURS:
        if contrasts(colour, ground):
            sharp = paint([("circle", colour, 64, 64, 30)], ground)
            soft = ndimage.gaussian_filter(sharp.astype(float), (2, 2, 0)).round().astype(np.uint8)
            labels, _ = label_colours(soft)
            assert {COLOURS[k] for k in np.unique(labels)} == {colour, ground}


def test_regions_are_measured(paint):
    found = segment(
        paint([("square", "red", 40, 50, 20), ("circle", "blue", 95, 90, 16)], "yellow")
    )
    assert found.background == "yellow"
    assert [region.colour for region in found.regions] == ["red", "blue"]
    red, blue = found.regions
    assert red.area_px == pytest.approx(36 * 36, rel=0.02)
    assert blue.area_px == pytest.approx(np.pi * 16**2, rel=0.02)
    assert red.centre == pytest.approx((40, 50), abs=0.2)
    assert red.box == (22, 32, 58, 68)


def test_a_hole_shows_the_background_and_an_enclosed_object_fills_its_host(paint):
    ring, disc = segment(
        paint(
            [
                ("ring", "red", 34, 64, 26),
                ("square", "blue", 94, 64, 28),
                ("star", "yellow", 94, 64, 14),
            ]
        )
    ).regions[:2]
    areas = {region.colour: region.area_px for region in (ring, disc)}
    assert areas["blue"] == pytest.approx((2 * 0.9 * 28) ** 2, rel=0.03)
    assert areas["red"] == pytest.approx(np.pi * 26**2 * (1 - 0.56**2), rel=0.05)


def test_what_is_seen_through_a_ring_is_no_object(paint):
    found = segment(paint([("heart", "pink", 64, 64, 56), ("ring", "black", 64, 58, 18)]))
    assert sorted(region.colour for region in found.regions) == ["black", "pink"]


def test_specks_are_not_objects(paint):
    image = paint([("circle", "red", 64, 64, 30)])
    image[4:8, 4:8] = PALETTE["blue"]
    assert [region.colour for region in segment(image).regions] == ["red"]


def test_equal_objects_a_little_apart_are_two(paint):
    found = segment(paint([("square", "green", 40, 64, 22), ("square", "green", 84, 64, 22)]))
    assert len(found.regions) == 2


def test_alpha_is_background_when_asked_and_white_otherwise(paint):
    rgb = paint([("circle", "red", 64, 64, 30)], "black")
    alpha = (rgb[..., :1] > 100).astype(np.uint8) * 255
    image = np.concatenate([rgb, alpha], -1)
    assert segment(image).background == "white"
    assert segment(image, use_alpha=True).background == "transparent"


@pytest.mark.parametrize(("height", "width"), [(512, 512), (64, 64), (300, 150)])
def test_any_size_is_judged_at_128(paint, height, width):
    image = np.zeros((height, width, 3), np.uint8)
    assert max(judged_size(image).shape[:2]) == 128
    large = Image.fromarray(paint([("star", "red", 64, 64, 40)])).resize(
        (width, height), Image.Resampling.BOX
    )
    assert [region.colour for region in segment(np.asarray(large)).regions] == ["red"]


def test_a_picture_without_a_flat_pixel_has_no_objects():
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    assert segment(noise).regions == ()


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_what_is_no_picture_is_refused(image):
    with pytest.raises(ValueError, match="expected uint8"):
        judged_size(image)
