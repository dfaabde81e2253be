"""A look changes how a picture is drawn, never what is on it or where."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from molnar.base.errors import DataError
from molnar.base.looks import LOOK_WORDS, LOOKS
from molnar.lab.data import looks
from molnar.lab.data.looks import apply
from molnar.lab.data.palette import PALETTE
from molnar.lab.data.render import render
from molnar.lab.data.spec import Background, Rendered, Spec, Thing
from molnar.lab.data.stickers import Stickers

Pixels = NDArray[Any]
SHAPES = ((32, 32), (33, 200), (128, 128), (150, 77), (32, 1024))
#: Mean difference, 0..255, of a look drawn at 512 and reduced from the same look drawn at 128.
SCALE_BOUND = {
    "pixel art": 1.0, "line drawing": 3.0, "halftone": 4.0, "mosaic": 3.0,
    "watercolor": 2.0, "blueprint": 2.5, "neon": 2.0, "paper cut": 1.5,
}  # fmt: skip
#: Least overlap of a shape's mask and what looks different from the ground; a star, all rim, sets
#: it. Tiles are coarse, half of a line lies outside, a glow and a shadow reach beyond the shape.
OVERLAP_BOUND = {
    "pixel art": 0.88, "line drawing": 0.87, "halftone": 0.85, "mosaic": 0.78,
    "watercolor": 0.86, "blueprint": 0.87, "neon": 0.68, "paper cut": 0.8,
}  # fmt: skip
OUTLINES = ("line drawing", "blueprint", "neon")


def scene(
    *things: tuple[str, str, float, float, float], ground: str | None = "white", size: int = 128
) -> Rendered:
    behind = Background(colour=ground, rgb=PALETTE[ground] if ground else (0, 0, 0))
    shapes = tuple(
        Thing(kind="shape", name=name, colour=colour, rgb=PALETTE[colour], x=x, y=y, size=side)
        for name, colour, x, y, side in things
    )
    return render(Spec(kind="counting", things=shapes, background=behind), size)


def three(ground: str | None = "cyan", size: int = 128) -> Pixels:
    return scene(
        ("circle", "pink", 0.27, 0.3, 0.35),
        ("hexagon", "black", 0.7, 0.4, 0.4),
        ("heart", "white", 0.4, 0.75, 0.35),
        ground=ground,
        size=size,
    ).image


def noise(shape: tuple[int, int]) -> Pixels:
    rng = np.random.default_rng(shape[1])
    alpha = rng.integers(0, 256, (*shape, 1))
    colour = (rng.random((*shape, 3)) * (alpha + 1)).astype(np.int64)
    return np.concatenate([colour, alpha], axis=-1).astype(np.uint8)


def outside(empty: Pixels) -> Pixels:
    """What can be reached from the border over empty pixels."""
    reached = np.zeros_like(empty)
    reached[[0, -1]], reached[:, [0, -1]] = empty[[0, -1]], empty[:, [0, -1]]
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= empty
        if (grown == reached).all():
            return reached
        reached = grown


def seen(name: str, drawn: Rendered, ground: str) -> Pixels:
    """Where a picture in a look differs from the same look of its bare ground."""
    bare = apply(name, scene(ground=ground, size=len(drawn.image)).image)
    differs = abs(apply(name, drawn.image).astype(int) - bare).max(axis=-1) > 48
    return ~outside(~differs) if name in OUTLINES else differs


def test_every_look_has_words_and_its_name_is_the_first() -> None:
    assert LOOKS == (
        "pixel art", "line drawing", "halftone", "mosaic",
        "watercolor", "blueprint", "neon", "paper cut",
    )  # fmt: skip
    assert [LOOK_WORDS[name][0] for name in LOOKS] == list(LOOKS)
    phrases = [phrase for name in LOOKS for phrase in LOOK_WORDS[name]]
    assert len(set(phrases)) == len(phrases)


@pytest.mark.parametrize("name", LOOKS)
def test_the_same_picture_gives_the_same_pixels_and_is_left_alone(name: str) -> None:
    image = three()
    before = image.copy()
    image.setflags(write=False)
    first = apply(name, image)
    looks._noise.cache_clear()
    looks._tiles.cache_clear()
    np.random.default_rng().random()
    np.testing.assert_array_equal(apply(name, image), first)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LOOKS)
def test_any_picture_stays_premultiplied_and_keeps_its_shape(
    name: str, shape: tuple[int, int]
) -> None:
    for image in (noise(shape), np.zeros((*shape, 4), np.uint8), np.full((*shape, 4), 255, "u1")):
        drawn = apply(name, image)
        assert drawn.shape == image.shape and drawn.dtype == np.uint8
        assert (drawn[..., :3] <= drawn[..., 3:]).all()


@pytest.mark.parametrize("name", LOOKS)
def test_opaque_stays_opaque_and_empty_stays_empty(name: str) -> None:
    assert (apply(name, three())[..., 3] == 255).all()
    assert not apply(name, np.zeros((64, 64, 4), np.uint8)).any()


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("name", LOOKS)
def test_what_was_transparent_stays_so_but_for_a_small_halo(name: str, size: int) -> None:
    image = scene(("circle", "red", 0.5, 0.5, 0.5), ground=None, size=size).image
    alpha = apply(name, image)[..., 3]
    y, x = np.mgrid[:size, :size] + 0.5
    beyond = np.hypot(x - size / 2, y - size / 2) - size / 4
    reach = 0.04 * size + 1.0 if name in ("pixel art", "neon", "paper cut") else 0.0
    assert not alpha[(image[..., 3] == 0) & (beyond > reach)].any()
    assert (alpha[beyond < -0.05 * size] > 250).all()  # watercolor is soft at the rim


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_is_the_same_at_every_size(name: str) -> None:
    for ground in ("cyan", None):
        large = apply(name, three(ground, 512)).reshape(128, 4, 128, 4, 4).mean(axis=(1, 3))
        assert abs(apply(name, three(ground, 128)) - large).mean() < SCALE_BOUND[name]


def test_every_look_changes_the_picture_and_no_two_are_alike() -> None:
    pictures = {"none": three(), **{name: apply(name, three()) for name in LOOKS}}
    for first, second in combinations(pictures, 2):
        gap = abs(pictures[first].astype(int) - pictures[second])[..., :3].mean()
        assert gap > 1.5, (first, second)


@pytest.mark.parametrize("shape", ["circle", "star", "heart"])
@pytest.mark.parametrize("name", LOOKS)
def test_a_shape_stays_where_and_what_it_is(name: str, shape: str) -> None:
    for colour, ground in (("red", "white"), ("blue", "yellow"), ("white", "black")):
        drawn = scene((shape, colour, 0.45, 0.55, 0.6), ground=ground)
        mask, found = drawn.masks[0] > 127, seen(name, drawn, ground)
        overlap = (mask & found).sum() / (mask | found).sum()
        assert overlap > OVERLAP_BOUND[name], (colour, ground)
        moved = np.argwhere(found).mean(axis=0) - np.argwhere(mask).mean(axis=0)
        assert np.hypot(*moved) < 0.02 * 128


def test_pixel_art_is_32_flat_cells_of_few_colours() -> None:
    drawn = apply("pixel art", three())
    cells = drawn.reshape(32, 4, 32, 4, 4)
    assert (cells == cells[:, :1, :, :1]).all()
    assert len(np.unique(drawn.reshape(-1, 4), axis=0)) <= 14
    tall = apply("pixel art", noise((256, 128)))
    assert (tall.reshape(64, 4, 32, 4, 4) == tall[::4, ::4].reshape(64, 1, 32, 1, 4)).all()


@pytest.mark.parametrize("ground", ["white", "black", "yellow", "blue"])
def test_lines_are_dark_on_white_paper_or_white_on_blue(ground: str) -> None:
    image = scene(("star", "red", 0.5, 0.5, 0.7), ground=ground).image
    ink = apply("line drawing", image)[..., :3].astype(int)
    assert (np.ptp(ink, axis=-1) < 12).all()
    assert (ink.min(axis=-1) == 255).mean() > 0.85
    assert ((ink.max(axis=-1) < 60).mean()) > 0.02
    plan = apply("blueprint", image)[..., :3].astype(int)
    assert (plan[..., 2] > plan[..., 0]).all()
    assert (plan[..., 2] - plan[..., 0] > 90).mean() > 0.8
    assert (plan.min(axis=-1) > 200).mean() > 0.02


def test_small_dark_features_are_inked_and_large_ones_only_outlined() -> None:
    things = (("circle", "black", 0.3, 0.5, 0.08), ("circle", "black", 0.65, 0.5, 0.4))
    drawn = apply("line drawing", scene(*things).image)
    assert drawn[64, 38, 0] < 60 and drawn[64, 83, 0] == 255


@pytest.mark.parametrize("ground", ["white", "yellow", "black"])
def test_neon_glows_in_the_colour_of_the_object_on_the_dark(ground: str) -> None:
    drawn = apply("neon", scene(("star", "green", 0.5, 0.5, 0.7), ground=ground).image)
    light = drawn[..., :3].astype(int)
    assert np.median(light.max(axis=-1)) < 60
    bright = light[light.max(axis=-1) > 200]
    assert len(bright) > 200
    assert (bright.argmax(axis=-1) == 1).mean() > 0.95


@pytest.mark.parametrize("colour", list(PALETTE))
def test_halftone_is_the_colour_when_seen_from_afar(colour: str) -> None:
    flat = scene(ground=colour).image
    drawn = apply("halftone", flat)[..., :3].astype(float)
    assert abs(drawn.mean(axis=(0, 1)) - flat[0, 0, :3]).max() < 36
    assert colour == "white" or np.ptp(drawn, axis=(0, 1)).max() > 60


def test_the_darker_the_larger_the_dots_of_a_halftone() -> None:
    areas = []
    for value in (40, 100, 160, 220, 255):
        flat = np.full((512, 512, 4), value, np.uint8)
        flat[..., 3] = 255
        drawn = apply("halftone", flat)[..., 0].astype(int)
        areas.append((drawn < (drawn.min() + 255) / 2).mean())
    assert areas == sorted(areas, reverse=True)
    assert areas[0] > 0.8 and areas[3] < 0.4 and areas[4] == 0


def test_mosaic_has_many_tiles_with_grout_between_them() -> None:
    drawn = apply("mosaic", scene(ground="white").image)[..., 0].astype(int)
    assert 0.1 < (drawn < 190).mean() < 0.5
    assert len(np.unique(drawn[drawn > 220])) > 10  # no two stones are quite alike


@pytest.mark.parametrize("colour", ["red", "green", "blue"])
def test_watercolor_is_darker_just_inside_a_boundary_and_uneven_within(colour: str) -> None:
    image = scene(("circle", colour, 0.5, 0.5, 0.7)).image
    paint = apply("watercolor", image)[..., :3].astype(float).sum(axis=-1)
    y, x = np.mgrid[:128, :128] + 0.5
    radius = np.hypot(x - 64, y - 64)  # the circle's is 44.8
    within, rim = (radius > 30) & (radius < 40), (radius > 42.5) & (radius < 44)
    assert paint[rim].mean() < paint[within].mean() - 25
    assert 10 < paint[within].std() < 90
    paper = apply("watercolor", scene(ground="white").image)[..., :3]
    assert 240 < paper.min() < paper.max()


def test_paper_casts_its_shadow_down_and_to_the_right() -> None:
    image = scene(("square", "white", 0.5, 0.5, 0.5), ground="yellow").image
    drawn = apply("paper cut", image)[..., 0].astype(int)
    left, right = 64 - 29 - 2, 64 + 29 + 1  # just beyond the square, of half side 28.8
    assert drawn[64, right] < 200 and drawn[right, 64] < 200
    assert drawn[64, left] > 245 and drawn[left, 64] > 245
    assert drawn[64, 64] == 255


def test_looks_apply_to_stickers_of_every_kind(stickers: Stickers) -> None:
    thing = Thing(kind="sticker", name="rocket", style="noto", x=0.5, y=0.5, size=0.8)
    image = render(Spec(kind="sticker", things=(thing,)), 128, stickers).image
    assert len({apply(name, image).tobytes() for name in LOOKS}) == len(LOOKS)


def test_an_unknown_look_or_a_wrong_picture_is_refused_in_one_line() -> None:
    with pytest.raises(DataError, match=r"^got the look 'cubism'; expected one of: pixel art, ."):
        apply("cubism", three())
    small = np.zeros((31, 64, 4), np.uint8)
    wide = np.zeros((64, 1025, 4), np.uint8)
    for wrong in (three()[..., :3], three()[..., 0], three().astype(np.float32), small, wide):
        with pytest.raises(DataError, match=r"^got a picture of .*; expected uint8 \(H, W, 4\)"):
            apply("neon", wrong)
