"""Accessories sit on their wearers whatever their place, size, angle and mirroring."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from molnar.base.errors import DataError
from molnar.lab.data import concepts, wearing
from molnar.lab.data.palette import COLOURS, PALETTE, name_of, variants
from molnar.lab.data.render import render
from molnar.lab.data.spec import Background, Spec, Thing
from molnar.lab.data.stickers import STYLES, Stickers
from molnar.lab.data.wardrobe import ACCESSORIES, toned
from molnar.lab.data.wearing import (
    HEADS,
    NOUNS,
    SLOTS,
    WEARERS,
    Accessory,
    Worn,
    bounds,
    fits,
    layer,
    placed,
    reach,
)

PAIRS = [(name, colour) for name, piece in ACCESSORIES.items() for colour in piece.colours]


def dog(**changes: object) -> Thing:
    thing = Thing(kind="sticker", name="dog face", x=0.45, y=0.55, size=0.5, style="noto")
    return replace(thing, **changes)  # type: ignore[arg-type]


def accessory(name: str, colour: str | None = None) -> Accessory:
    colour = colour or ACCESSORIES[name].colours[0]
    return Accessory(name=name, colour=colour, rgb=PALETTE[colour])


def worn(name: str, /, **changes: object) -> Worn:
    piece = placed(dog(), accessory(name), 1.25)
    return replace(piece, **changes)  # type: ignore[arg-type]


def on_canvas(piece: Worn, size: int) -> np.ndarray:
    """The accessory alone on a picture: size size 4, premultiplied, 0..255."""
    left, top, colour, alpha = layer(piece, size)
    full = np.concatenate([colour, alpha[..., None] * 255.0], axis=-1)
    height, width = alpha.shape
    wide = np.zeros((3 * size, 3 * size, 4), np.float32)
    wide[size + top : size + top + height, size + left : size + left + width] = full
    return wide[size : 2 * size, size : 2 * size]


# -- the table -------------------------------------------------------------------------------------


def test_every_anchor_lies_in_its_box_and_every_wearer_is_drawn_in_noto() -> None:
    for (concept, style), anchors in HEADS.items():
        assert style in STYLES
        assert anchors, f"{concept} in {style} wears nothing"
        for slot, anchor in anchors.items():
            assert slot in SLOTS
            assert all(0.0 < value <= 1.0 for value in anchor), (concept, style, slot)
    assert all("noto" in styles for styles in WEARERS.values())


def test_no_wearer_has_a_hat_or_glasses_already() -> None:
    dressed = ("hat", "glasses", "cowboy", "mask", "monocle", "snowman", "halo")
    assert not [name for name in WEARERS if any(word in name for word in dressed)]


def test_many_of_the_common_concepts_are_wearers() -> None:
    assert len(set(WEARERS) & set(concepts.COMMON)) >= 40


def test_heads_are_where_heads_are() -> None:
    for key, anchors in HEADS.items():
        heights = [anchors[slot][1] for slot in SLOTS if slot in anchors]
        assert heights == sorted(heights), f"{key}: hat above eyes above neck"


def test_fits_follows_the_table() -> None:
    assert fits("dog face", "noto", "beret")
    assert fits("dog face", "fluent-3d", "sunglasses")
    assert not fits("dog face", "fluent-high-contrast", "beret")
    assert not fits("baby chick", "noto", "glasses")
    assert not fits("pizza", "noto", "beret")
    assert not fits("dog face", "noto", "sword")


def test_nouns_read_after_wearing() -> None:
    assert NOUNS["beret"] == "a beret"
    assert NOUNS["glasses"] == "glasses"
    assert ACCESSORIES["glasses"].plural
    assert not ACCESSORIES["scarf"].plural
    for name, noun in NOUNS.items():
        assert noun.removeprefix("a ") == name


# -- placing ---------------------------------------------------------------------------------------


def test_an_accessory_follows_place_and_size() -> None:
    at = placed(dog(), accessory("beret"), 1.25)
    moved = placed(dog(x=0.25, y=0.75), accessory("beret"), 1.25)
    assert (moved.x - at.x, moved.y - at.y) == pytest.approx((-0.2, 0.2))
    assert (moved.width, moved.height) == pytest.approx((at.width, at.height))
    larger = placed(dog(size=1.0), accessory("beret"), 1.25)
    assert (larger.width, larger.height) == pytest.approx((2 * at.width, 2 * at.height))
    assert (larger.x - 0.45, larger.y - 0.55) == pytest.approx(
        (2 * (at.x - 0.45), 2 * (at.y - 0.55))
    )


@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
def test_the_anchor_is_a_fraction_of_the_tight_box(
    aspect: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HEADS["dog face", "noto"], "eyes", (0.75, 0.25, 0.5))
    got = placed(dog(), accessory("glasses"), aspect)
    wide, high = (0.5, 0.5 / aspect) if aspect >= 1 else (0.5 * aspect, 0.5)
    piece = ACCESSORIES["glasses"]
    assert (got.x, got.y) == pytest.approx((0.45 + wide / 4, 0.55 - high / 4))
    assert got.width == pytest.approx(0.5 * wide * piece.width)
    assert got.height == pytest.approx(got.width * piece.tall)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("angle", [0.0, 8.0, -30.0, 120.0])
def test_it_sits_where_the_renderer_draws_the_mark(
    stickers: Stickers, monkeypatch: pytest.MonkeyPatch, flip: bool, angle: float
) -> None:
    # the pack's dog face is a brown box, 44 by 36, with a white spot at (12, 10): see conftest
    monkeypatch.setitem(HEADS["dog face", "noto"], "eyes", (12 / 44, 10 / 36, 0.3))
    thing = dog(flip=flip, angle=angle, x=0.52, y=0.47)
    ground = Background(colour="black", rgb=(0, 0, 0))
    picture = render(Spec(kind="sticker", things=(thing,), background=ground), 128, stickers)
    spot = np.argwhere(picture.image[..., 2] > 200)
    y, x = (spot.mean(axis=0) + 0.5) / 128
    left, top, right, bottom = stickers.sprite("dog face", "noto").box
    got = placed(thing, accessory("glasses"), (right - left) / (bottom - top))
    assert (got.x, got.y) == pytest.approx((x, y), abs=1.5 / 128)
    assert (got.angle, got.flip) == (angle, flip)


@pytest.mark.parametrize("name", ACCESSORIES)
def test_reach_is_what_sticks_out_of_the_wearer(name: str) -> None:
    thing, aspect = dog(), 1.25
    left, top, right, bottom = bounds(placed(thing, accessory(name), aspect))
    wide, high = thing.size, thing.size / aspect
    grown = reach("dog face", "noto", name, aspect)
    assert min(grown) >= 0.0
    assert grown[0] == pytest.approx(max(0.0, (thing.x - wide / 2 - left) / wide), abs=1e-9)
    assert grown[1] == pytest.approx(max(0.0, (thing.y - high / 2 - top) / high), abs=1e-9)
    assert grown[2] == pytest.approx(max(0.0, (right - thing.x - wide / 2) / wide), abs=1e-9)
    assert grown[3] == pytest.approx(max(0.0, (bottom - thing.y - high / 2) / high), abs=1e-9)
    if name in ("beret", "top hat", "party hat", "cap", "crown"):
        assert grown[1] > 0.15


# -- drawing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACCESSORIES)
def test_a_drawing_fills_its_box_and_stays_in_it(name: str) -> None:
    piece = ACCESSORIES[name]
    axis = np.linspace(-1.5, 1.5, 301)
    x, y = np.meshgrid(axis, axis * max(1.0, piece.tall))
    inside = np.zeros(x.shape, bool)
    for _, distance in piece.regions:
        inside |= distance(x, y) < 0
    assert 0.9 < np.abs(x[inside]).max() <= 1.0 or name == "beret"
    assert 0.85 * piece.tall < np.abs(y[inside]).max() <= piece.tall


@pytest.mark.parametrize("angle", [0.0, 25.0])
@pytest.mark.parametrize("name", ACCESSORIES)
def test_a_layer_is_premultiplied_and_inside_its_bounds(name: str, angle: float) -> None:
    piece = worn(name, angle=angle)
    left, top, colour, alpha = layer(piece, 128)
    assert colour.dtype == alpha.dtype == np.float32
    assert colour.shape == (*alpha.shape, 3)
    assert alpha.min() >= 0.0
    assert 0.9 < alpha.max() <= 1.0
    assert colour.min() >= 0.0
    assert (colour <= 255.0 * alpha[..., None] + 1e-2).all()
    rows, columns = np.nonzero(alpha > 0)
    x0, y0, x1, y1 = (side * 128 for side in bounds(piece))
    assert left + columns.min() >= x0 - 1.5
    assert top + rows.min() >= y0 - 1.5
    assert left + columns.max() + 1 <= x1 + 1.5
    assert top + rows.max() + 1 <= y1 + 1.5
    edge = (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1])
    assert max(side.max() for side in edge) == 0.0, "cut off"


@pytest.mark.parametrize("name", ACCESSORIES)
def test_same_composition_at_any_size(name: str) -> None:
    piece = worn(name, angle=10.0)
    small, large = on_canvas(piece, 64), on_canvas(piece, 512)
    shrunk = large.reshape(64, 8, 64, 8, 4).mean(axis=(1, 3))
    gap = np.abs(small - shrunk)
    assert gap.mean() < 1.0
    assert gap[..., 3].max() < 100.0


@pytest.mark.parametrize("name", ACCESSORIES)
def test_mirrored_and_turned_as_pillow_does(name: str) -> None:
    upright = worn(name, x=0.5, y=0.5)
    picture = on_canvas(upright, 256)
    mirrored = on_canvas(replace(upright, flip=True), 256)
    np.testing.assert_allclose(mirrored, picture[:, ::-1], atol=0.1)
    alpha = Image.fromarray(picture[..., 3].astype(np.uint8))
    expected = np.asarray(alpha.rotate(-30.0, Image.Resampling.BILINEAR), dtype=np.float32)
    turned = on_canvas(replace(upright, angle=30.0), 256)[..., 3]
    assert np.abs(turned - expected).mean() < 0.6


@pytest.mark.parametrize(("name", "colour"), PAIRS)
def test_an_accessory_looks_like_its_colour(name: str, colour: str) -> None:
    assert colour in COLOURS
    for rgb in (PALETTE[colour], *variants(colour)[:6]):
        _, _, paint, alpha = layer(worn(name, rgb=rgb, colour=colour), 128)
        mean = paint[alpha > 0.9].mean(axis=0)
        assert name_of((int(mean[0]), int(mean[1]), int(mean[2]))) == colour


@pytest.mark.parametrize("colour", COLOURS)
def test_form_shows_in_every_colour(colour: str) -> None:
    rgb = np.array(PALETTE[colour])
    shade, opacity = toned(PALETTE[colour], "dark")
    assert opacity == 1.0
    assert np.abs(np.array(shade) - rgb).max() > 30
    assert all(0 <= value <= 255 for value in shade)


@pytest.mark.parametrize("name", ACCESSORIES)
def test_torch_agrees_with_numpy(name: str) -> None:
    x, y = np.meshgrid(np.linspace(-1.2, 1.2, 40), np.linspace(-1.2, 1.2, 40))
    for _, distance in ACCESSORIES[name].regions:
        got = distance(torch.from_numpy(x), torch.from_numpy(y))
        np.testing.assert_allclose(got.numpy(), distance(x, y), atol=1e-12)


def test_the_drawing_may_reach_outside_the_picture() -> None:
    left, top, _, alpha = layer(worn("top hat", x=0.02, y=-0.05), 64)
    assert left < 0
    assert top < 0
    assert alpha.max() > 0.9


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("thing", "name", "aspect", "says"),
    [
        (dog(name="pizza"), "beret", 1.0, "cannot wear a beret; it can wear nothing"),
        (dog(name="baby chick"), "glasses", 1.0, "it can wear: beret"),
        (dog(style=None), "beret", 1.0, "cannot wear"),
        (dog(), "sword", 1.0, "no accessory 'sword'; there are: beret"),
        (dog(), "beret", 0.0, "width over its height"),
        (dog(), "beret", float("nan"), "width over its height"),
    ],
)
def test_errors_are_one_line(thing: Thing, name: str, aspect: float, says: str) -> None:
    wanted = Accessory(name=name, colour="red", rgb=PALETTE["red"])
    with pytest.raises(DataError, match=says) as caught:
        placed(thing, wanted, aspect)
    assert "\n" not in str(caught.value)


def test_an_unknown_accessory_cannot_be_drawn() -> None:
    with pytest.raises(DataError, match="no accessory 'sword'"):
        layer(worn("beret", name="sword"), 64)
    with pytest.raises(DataError, match="no accessory 'sword'"):
        reach("dog face", "noto", "sword", 1.0)


def test_the_table_is_read_whole() -> None:
    assert wearing._read("a b: noto 1 2 3, -, 4 5 6;\n  fluent -, 7 8 9, -") == {
        ("a b", "noto"): {"head": (0.01, 0.02, 0.03), "neck": (0.04, 0.05, 0.06)},
        ("a b", "fluent-color"): {"eyes": (0.07, 0.08, 0.09)},
        ("a b", "fluent-flat"): {"eyes": (0.07, 0.08, 0.09)},
        ("a b", "fluent-3d"): {"eyes": (0.07, 0.08, 0.09)},
    }
