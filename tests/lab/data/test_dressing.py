"""Wearers in the world: what they wear fits, is seen, is whole, and is said."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from molnar.base.errors import DataError
from molnar.lab.data import heldout
from molnar.lab.data.palette import contrasts, stands_out
from molnar.lab.data.spec import Spec
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.wardrobe import ACCESSORIES
from molnar.lab.data.wearing import bounds, fits, placed
from molnar.lab.data.world import World, WorldConfig

KIND = "sticker_wearing"


@pytest.fixture(scope="module")
def world(stickers: Stickers) -> World:
    return World(WorldConfig(seed=5), stickers)


@pytest.fixture(scope="module")
def specs(world: World) -> list[Spec]:
    return [world.spec(index, KIND) for index in range(120)]


def test_one_or_two_accessories_that_fit_and_stand_out(
    specs: list[Spec], stickers: Stickers
) -> None:
    counts = [len(spec.things[0].accessories) for spec in specs]
    assert set(counts) == {1, 2}
    names = {worn.name for spec in specs for worn in spec.things[0].accessories}
    assert len(names) >= 8
    for spec in specs:
        (wearer,) = spec.things
        assert wearer.style is not None
        rgb = stickers.sprites[wearer.name, wearer.style].rgb
        slots = [ACCESSORIES[worn.name].slot for worn in wearer.accessories]
        assert len(set(slots)) == len(slots)
        assert slots == sorted(slots, key=("neck", "eyes", "head").index), "a hat is drawn last"
        for worn, slot in zip(wearer.accessories, slots, strict=True):
            assert fits(wearer.name, wearer.style, worn.name)
            assert worn.colour in ACCESSORIES[worn.name].colours
            assert stands_out(rgb, worn.colour)
            assert slot == "eyes" or contrasts(worn.colour, spec.background.colour or "white")


def test_wearer_and_hat_are_whole(specs: list[Spec], stickers: Stickers) -> None:
    for spec in specs:
        (wearer,) = spec.things
        assert wearer.style is not None
        aspect = stickers.sprites[wearer.name, wearer.style].aspect
        for worn in wearer.accessories:
            left, top, right, bottom = bounds(placed(wearer, worn, aspect))
            assert min(left, top) >= 0
            assert max(right, bottom) <= 1
        assert wearer.size >= 0.35, "and the face is not tiny below it"


def test_what_is_worn_belongs_to_the_mask_of_its_wearer(world: World, specs: list[Spec]) -> None:
    for spec in specs[:20]:
        (wearer,) = spec.things
        bare = world.render(replace(spec, things=(replace(wearer, accessories=()),)), 96)
        dressed = world.render(spec, 96)
        assert (dressed.masks[0] >= bare.masks[0].astype(int) - 1).all()
        changed = np.abs(dressed.image.astype(int) - bare.image).max(-1) > 8
        assert changed.mean() > 0.005
        assert (dressed.masks[0][changed] > 0).all()


def test_captions_say_everything_that_is_worn_in_its_colour(
    world: World, specs: list[Spec]
) -> None:
    for index, spec in enumerate(specs):
        caption = world.caption(spec, index).lower()
        said = re.split(r"\b(?:wearing|with)\b", caption, maxsplit=1)[1]
        for worn in spec.things[0].accessories:
            piece = ACCESSORIES[worn.name]
            noun = piece.noun.split(" ", 1)[-1] if not piece.plural else piece.noun
            words = noun if len(piece.colours) == 1 else f"{worn.colour} {noun}"
            assert words in said


def test_a_tenth_of_the_pairs_is_never_trained_on(world: World, specs: list[Spec]) -> None:
    pairs = [(f"concept {n}", name) for n in range(200) for name in ACCESSORIES]
    share = sum(heldout.accessory_held_out(*pair) for pair in pairs) / len(pairs)
    assert 0.08 < share < 0.12
    for spec in specs:
        assert not heldout.reasons(spec)


def test_drawings_that_can_wear_nothing_are_left_out_or_named(pack: Path) -> None:
    world = World(WorldConfig(), Stickers.open(pack, concepts=("rocket", "pizza"), size=64))
    assert KIND not in {world.spec(index).kind for index in range(200)}
    with pytest.raises(DataError, match="can wear anything"):
        world.spec(0, KIND)
