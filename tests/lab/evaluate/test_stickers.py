"""Sticker recognition, on a pack of shapes drawn as if they were stickers: no pack is needed."""

import numpy as np
import pytest

from molnar.lab.data.palette import COLOURS, PALETTE
from molnar.lab.data.shapes import SHAPES
from molnar.lab.evaluate import stickers
from molnar.lab.evaluate.stickers import (
    Gallery,
    by_lot,
    copied,
    describe_by_rule,
    jittered,
    judge_accuracy,
    recognise,
)

STYLES = ("dark", "plain", "light")


def drawing(shape, style, side=64):
    """A shape in its own colour and a style's tint, with a stripe: uint8 64 64 4."""
    ticks = (np.arange(side) + 0.5) / side * 2.4 - 1.2
    x, y = np.meshgrid(ticks, ticks)
    inside = np.asarray(SHAPES[shape](x, y)) < 0
    colour = (
        np.array(PALETTE[COLOURS[list(SHAPES).index(shape)]]) * 0.75 + 60 * STYLES.index(style) / 2
    )
    image = np.zeros((side, side, 4), np.uint8)
    image[inside, :3] = np.clip(colour, 0, 255)
    image[inside & (abs(y - 0.1) < 0.1), :3] = 30
    image[..., 3] = inside * 255
    return image


class Pack:
    """What a sticker pack offers, in memory."""

    def __init__(self):
        self.pictures = {
            (shape, style): drawing(shape, style) for shape in SHAPES for style in STYLES
        }
        self.drawings = tuple(sorted(self.pictures))
        self.sprites = {key: Sprite(image) for key, image in self.pictures.items()}

    def styles_of(self, name):
        return tuple(style for shape, style in self.drawings if shape == name)


class Sprite:
    def __init__(self, image):
        self.pixels = image  # alpha is 0 or 255 alone: straight and premultiplied are the same


@pytest.fixture(scope="module")
def pack():
    return Pack()


@pytest.fixture(scope="module")
def gallery(pack):
    return Gallery.of(pack, describe_by_rule)


def test_a_drawing_is_nearest_to_itself(pack, gallery):
    for key in pack.drawings:
        near = gallery.nearest(pack.pictures[key])
        assert (near[0].name, near[0].style) == key
        assert near[0].similarity > 0.99
        assert len(near) == 5


def test_moved_scaled_and_blurred_it_still_is(pack, gallery):
    rng = np.random.default_rng(0)
    named = [
        gallery.nearest(jittered(pack.pictures[key], rng), 1)[0].name == key[0]
        for key in pack.drawings
    ]
    assert np.mean(named) > 0.9


def test_a_drawing_left_out_is_found_by_its_other_styles(gallery):
    near = gallery.nearest(drawing("heart", "plain"), without=("heart", "plain"))
    assert ("heart", "plain") not in [(one.name, one.style) for one in near]
    assert "heart" in [one.name for one in near]


def test_recognition_is_scored_by_prompt(pack, gallery):
    def model(prompt, seed):
        name = prompt.removeprefix("a ")
        return jittered(
            pack.pictures["circle" if seed else name, "plain"], np.random.default_rng(seed)
        )

    found = recognise(model, gallery, [("a star", "star"), ("a heart", "heart")], seeds=(0, 1))
    assert found.top1.value == 0.5  # seed 1 always draws a circle
    assert len(found.sightings) == 4
    assert [row[:3] for row in found.rows] == [("a star", "star", 0.5), ("a heart", "heart", 0.5)]


def test_a_drawing_pasted_is_a_copy_and_a_new_one_is_not(pack, gallery):
    def pasted(prompt, seed):
        return pack.pictures["star", "plain"]

    def new(prompt, seed):  # the upper half of one, the lower of another
        upper, lower = pack.pictures["star", "dark"], pack.pictures["star", "light"]
        return np.concatenate([upper[:32], lower[32:]])

    by_paste, by_model = (
        recognise(source, gallery, [("a star", "star")], (0,)).sightings for source in (pasted, new)
    )
    assert by_paste[0].copied
    assert not by_model[0].copied
    assert copied((*by_paste, *by_model)).value == 0.5


def test_the_judge_is_measured(pack, gallery, monkeypatch):
    monkeypatch.setattr(stickers, "drawing_held_out", lambda name, style: style == "light")
    found = judge_accuracy(gallery, pack, ["star", "heart", "cross"])
    assert found.jittered.value > 0.9
    assert found.heldout.value > 0.8
    assert 0 <= found.copies.value <= found.jittered.value  # a copy is found, if at all, by name


def test_an_empty_gallery_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        Gallery([], np.zeros((0, 4), np.float32), describe_by_rule)


def test_concepts_are_drawn_by_lot_and_always_the_same():
    class Named:
        concepts = dict.fromkeys(("fox", "owl", "fire", "otter", "dog", "red circle", "keycap: #"))

    asked = by_lot(Named(), 3)
    assert len(asked) == len(dict(asked)) == 3
    assert asked == by_lot(Named(), 99)[:3]
    every = {name: prompt for prompt, name in by_lot(Named(), 99)}
    assert every == {"fox": "a fox", "owl": "an owl", "fire": "fire", "otter": "an otter"}
