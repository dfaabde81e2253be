"""A drawing in another colour: its main colour changes, what is told apart from it does not."""

import numpy as np
import pytest

from molnar.base.cielab import PALETTE
from molnar.lab.data.draw import Draw
from molnar.lab.data.palette import COLOURS, name_of
from molnar.lab.data.spec import Spec
from molnar.lab.data.stickers import Sprite, Stickers
from molnar.lab.data.tinting import in_colour, main_colour, main_of, tinted
from molnar.lab.data.world import World, WorldConfig

BODY, SHADOW, EYE = (230, 150, 40), (160, 100, 25), (20, 60, 220)


def drawing() -> np.ndarray:
    """An orange body with a shadow below, one blue eye, and nothing around."""
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[5:35, 5:35] = (*BODY, 255)
    pixels[25:35, 5:35] = (*SHADOW, 255)
    pixels[10:14, 10:14] = (*EYE, 255)
    return pixels


def test_the_main_colour_is_that_of_most_of_a_drawing_and_its_shadow_follows() -> None:
    main, share = main_colour(drawing())
    assert main == BODY
    assert share == pytest.approx(1 - 16 / 900, abs=0.02), "all but the eye"


@pytest.mark.parametrize("colour", [name for name in COLOURS if name != "orange"])
def test_body_and_shadow_change_and_the_eye_stays(colour: str) -> None:
    after = tinted(drawing(), BODY, PALETTE[colour])
    body, shadow, eye = after[8, 20, :3], after[30, 20, :3], after[12, 12, :3]
    assert name_of(tuple(int(v) for v in body)) == colour
    assert np.abs(eye - EYE).max() < 1
    assert shadow.sum() < body.sum(), "darker than the rest, as it was"
    assert (after[..., 3] == drawing()[..., 3]).all()
    assert not after[0, 0].any(), "nothing stays nothing"
    assert (after[..., :3] <= after[..., 3:] + 1e-3).all(), "premultiplied"


def test_what_is_lighter_stays_lighter() -> None:
    pixels = drawing()
    pixels[5:9, 5:35] = (250, 210, 150, 255)
    after = tinted(pixels, BODY, PALETTE["purple"])
    assert after[6, 20, :3].sum() > after[12, 30, :3].sum()


def test_half_transparent_edges_keep_their_share() -> None:
    pixels = drawing()
    pixels[4, 5:35] = (115, 75, 20, 128)  # the body's colour, premultiplied
    edge = tinted(pixels, BODY, PALETTE["green"])[4, 20]
    assert edge[3] == 128
    assert np.abs(edge[:3] - np.array(PALETTE["green"]) * 128 / 255).max() < 4


def sprite(pixels: np.ndarray) -> Sprite:
    return Sprite(pixels, (5, 5, 35, 35), BODY)


def test_colours_are_seen_on_what_lies_behind_and_names_with_a_colour_keep_theirs() -> None:
    draw = Draw(np.random.default_rng(0))
    chosen = [in_colour(draw, "cat face", sprite(drawing()), "blue") for _ in range(200)]
    assert {colour for colour, _ in chosen} >= {"red", "yellow", "green", "white", "pink"}
    assert all(colour != "blue" for colour, _ in chosen)
    assert all(name_of(rgb) == colour for colour, rgb in chosen if rgb is not None)
    assert in_colour(draw, "red heart", sprite(drawing()), None) == (None, None)


def test_a_drawing_of_many_colours_has_no_main_one() -> None:
    pixels = np.zeros((42, 42, 4), np.uint8)
    for row, colour in enumerate(("red", "yellow", "green", "cyan", "blue", "pink")):
        pixels[7 * row : 7 * row + 7] = (*PALETTE[colour], 255)
    assert in_colour(Draw(np.random.default_rng(0)), "kite", sprite(pixels), None) == (None, None)


def test_worlds_say_the_colour_and_plan_it_and_draw_it(stickers: Stickers) -> None:
    world = World(WorldConfig(seed=4, tint_p=1.0, geometry_p=0.0, styles={"noto": 1.0}), stickers)
    coloured = 0
    for index in range(120):
        sample = world.sample(index, "sticker")
        assert isinstance(sample.spec, Spec) and sample.plan is not None
        (thing,) = sample.spec.things
        assert sample.plan[1].colour == thing.colour
        if thing.colour is None or sample.spec.look is not None:
            continue
        assert thing.colour in sample.caption.lower()
        if thing.rgb is not None:
            coloured += 1
            share = main_of(stickers.sprite(thing.name, "noto"))[1]
            assert sample.masks is not None
            seen = sample.image[sample.masks[0] > 250][:, :3].astype(float)
            near = np.linalg.norm(seen - np.array(thing.rgb), axis=1) < 90
            assert near.mean() > 0.4 * share, f"{thing.name} is not {thing.colour}"
    assert coloured > 30


def test_without_tints_nothing_changes(stickers: Stickers) -> None:
    plain = World(WorldConfig(seed=4, geometry_p=0.0), stickers)
    assert all(t.rgb is None for i in range(40) for t in plain.spec(i, "sticker").things)
