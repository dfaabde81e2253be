"""Copies in scenes: true drawings are found where they lie, anything else is none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from molnar.base.likeness import describe_by_rule
from molnar.lab.data.concepts import COMMON
from molnar.lab.data.stickers import Stickers
from molnar.lab.evaluate import copies
from molnar.lab.evaluate.repeats import Repeats, measure
from molnar.lab.evaluate.stickers import Gallery
from molnar.plan.items import Item

NAMES = COMMON[40:52]
BEHIND = Item(name="background", colour="white", behind=True)


@pytest.fixture(scope="module")
def gallery(pack: Stickers) -> Gallery:
    return Gallery.of(pack, describe_by_rule)


def boxed(pack: Stickers, name: str, x: float) -> Item:
    """Put a drawing into a box of its own shape, as plans do."""
    left, top, right, bottom = pack.sprite(name, "noto").box
    wide, high = right - left, bottom - top
    longer = max(wide, high)
    return Item(name=name, x=x, y=0.5, width=0.47 * wide / longer, height=0.47 * high / longer)


@pytest.fixture(scope="module")
def planning(pack: Stickers):
    """Two of the drawings side by side, others for every prompt and seed."""

    def planned(prompt: str, seed: int) -> tuple[Item, ...]:
        two = np.random.default_rng([len(prompt), seed]).choice(len(NAMES), 2, replace=False)
        sides = zip(two, (0.26, 0.76), strict=True)
        return (
            BEHIND,
            *(boxed(pack, NAMES[k], x) for k, x in sides),
            Item(name=NAMES[0], x=0.5, y=0.1, width=0.05, height=0.05),  # too small to look at
            Item(name="star", colour="red", x=0.5, y=0.9, width=0.2, height=0.2),  # no drawing
        )

    return planned


def test_prompts_are_of_two_concepts_and_always_the_same(pack: Stickers) -> None:
    asked = copies.prompts(pack)
    assert len(asked) == copies.NUM_PROMPTS
    assert asked == copies.prompts(pack)
    assert all(" and " in prompt for prompt in asked)
    empty = Stickers(folder=Path(), concepts={}, size=64, sprites={}, problems=[])
    assert copies.prompts(empty) == []


def test_true_drawings_in_a_scene_are_copies(pack: Stickers, gallery: Gallery, planning) -> None:
    def source(prompt, seed):
        ground = np.full((128, 128, 3), (255, 255, 255) if seed else (40, 90, 200), np.uint8)
        return copies.laid(pack, copies.visible(planning(prompt, seed), pack), ground)

    found, shown = copies.measure(source, planning, pack, gallery, (0, 1), number=4)
    assert found["copies"][0] == 1.0
    assert found["judge_true"][0] > 0.9
    assert found["judge_between"][0] < 0.1
    assert (found["num_prompts"], found["num_pictures"], found["num_things"]) == (4, 8, 16)
    assert not any(picture.right for picture in shown)
    assert found["scenes"].keys() == {"repeats", "judge_planted", "judge_fresh"}


def test_half_of_one_and_half_of_another_is_no_copy(
    pack: Stickers, gallery: Gallery, planning
) -> None:
    def source(prompt, seed):
        image = np.full((128, 128, 3), 255, np.uint8)
        for item in copies.visible(planning(prompt, seed), pack):
            other = replace(item, name=NAMES[(NAMES.index(item.name) + 5) % len(NAMES)])
            one, two = (copies.laid(pack, [x], image * 0 + 255) for x in (item, other))
            mixed = one.astype(int) + two
            image = np.minimum(image, (mixed // 2).astype(np.uint8))
        return image

    found, _ = copies.measure(source, planning, pack, gallery, (0,), number=4)
    assert found["copies"][0] == 0.0
    assert found["judge_true"][0] > 0.8


def test_a_cut_stays_inside_the_picture() -> None:
    image = np.arange(100 * 100 * 3, dtype=np.uint8).reshape(100, 100, 3)
    corner = copies.cut(image, Item(name="x", x=0.0, y=1.0, width=0.4, height=0.2))
    assert corner.shape == (11, 23, 3)
    assert copies.cut(image, Item(name="x", x=2.0, y=0.5, width=0.1, height=0.1)).size


def test_a_training_scene_is_found_and_a_fresh_one_repeats_nothing(pack: Stickers) -> None:
    pairs = copies.pairs(pack, 6)
    scenes = []
    for pair in pairs:
        judge = Repeats(pack, pair, seed=1)
        assert not judge(np.full((64, 64, 3), 255, np.uint8)), "white repeats nothing"
        assert judge(judge.scenes[3]), "a training scene repeats itself"
        large = np.kron(judge.scenes[5], np.ones((2, 2, 1), np.uint8))
        assert judge(np.roll(large, 2, axis=1)), "moved, at another size"
        scenes.append((pair, [judge.scene() for _ in range(4)]))
    found = measure(pack, scenes)
    assert found["repeats"][0] <= 0.15, "drawn with another seed"
    assert found["judge_planted"][0] >= 0.8
    assert found["judge_fresh"][0] <= 0.15


def test_copies_of_whole_training_scenes_are_counted(pack: Stickers) -> None:
    scenes = [(pair, Repeats(pack, pair).scenes[:4]) for pair in copies.pairs(pack, 4)]
    assert measure(pack, scenes)["repeats"][0] == 1.0
