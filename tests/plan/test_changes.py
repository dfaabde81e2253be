"""Plans near a plan: seen from farther off, with things gone, swayed by a seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molnar.base.rng import generator
from molnar.plan.changes import altered, fitted, framed, joined, plain, swayed, within
from molnar.plan.items import MOST, Item, Plan

GROUND = Item(name="background", colour="blue", behind=True)
BEACH = Item(name="beach", behind=True)
DOG = Item(name="dog", x=0.3, y=0.6, width=0.3, height=0.4)
HAT = Item(name="hat", colour="red", x=0.3, y=0.42, width=0.2, height=0.1)
CAT = Item(name="cat", x=0.8, y=0.5, width=0.2, height=0.2)
SCENE = (GROUND, DOG, HAT, CAT)

fractions = st.floats(0.02, 1.2)
items = st.builds(
    lambda x, y, w, h: Item(name="dog", x=x, y=y, width=w, height=h),
    st.floats(-0.2, 1.6), st.floats(-0.2, 1.6), fractions, fractions,
)  # fmt: skip
plans = st.lists(items, max_size=4).map(lambda found: (GROUND, *found))


def corners(item: Item) -> tuple[float, float, float, float]:
    return (
        item.x - item.width / 2, item.y - item.height / 2,
        item.x + item.width / 2, item.y + item.height / 2,
    )  # fmt: skip


@settings(deadline=None)
@given(plan=plans, seed=st.integers(0, 99), ratio=st.sampled_from([0.5, 1.0, 1.5]))
def test_no_strength_moves_nothing(plan: Plan, seed: int, ratio: float) -> None:
    assert swayed(plan, 0.0, generator(seed), ratio) == plan


@settings(deadline=None)
@given(plan=plans, seed=st.integers(0, 99))
def test_a_little_strength_moves_a_little(plan: Plan, seed: int) -> None:
    moved = swayed(plan, 0.001, generator(seed), 1.0)
    for old, new in zip(plan, moved, strict=True):
        assert max(abs(a - b) for a, b in zip(corners(old), corners(new), strict=True)) < 0.02
        assert (new.name, new.colour, new.behind) == (old.name, old.colour, old.behind)


@settings(deadline=None)
@given(seed=st.integers(0, 999), ratio=st.sampled_from([0.5, 1.0, 2.0]))
def test_what_was_inside_stays_inside(seed: int, ratio: float) -> None:
    for item in swayed(SCENE, 1.0, generator(seed), ratio)[1::2]:
        left, top, right, bottom = corners(item)
        assert min(left, top) >= 0
        assert right <= max(ratio, 1.0)
        assert bottom <= max(1 / ratio, 1.0)


def test_a_hat_stays_on_its_head() -> None:
    for seed in range(20):
        _, dog, hat, cat = swayed(SCENE, 0.6, generator(seed), 1.0)
        assert (hat.x - dog.x) / dog.width == pytest.approx((HAT.x - DOG.x) / DOG.width)
        assert (hat.y - dog.y) / dog.height == pytest.approx((HAT.y - DOG.y) / DOG.height)
        assert hat.width / dog.width == pytest.approx(HAT.width / DOG.width)
        assert (cat.x - dog.x) != pytest.approx(CAT.x - DOG.x)


def test_swaying_repeats_and_grows_with_its_strength() -> None:
    def distance(strength: float, seed: int) -> float:
        moved = swayed(SCENE, strength, generator(seed), 1.0)
        return sum(abs(a.x - b.x) + abs(a.y - b.y) for a, b in zip(SCENE, moved, strict=True))

    assert swayed(SCENE, 0.5, generator(3), 1.0) == swayed(SCENE, 0.5, generator(3), 1.0)
    means = [sum(distance(s, seed) for seed in range(30)) for s in (0.0, 0.15, 0.6)]
    assert means[0] == 0 < means[1] < means[2] / 2


def test_one_more_thing_changes_nothing_for_those_before_it() -> None:
    alone, more = (swayed(plan, 0.5, generator(1), 1.0) for plan in (SCENE[:3], SCENE))
    assert more[:3] == alone


@settings(deadline=None)
@given(
    plan=plans,
    old=st.tuples(st.integers(64, 300), st.integers(64, 300)),
    added=st.tuples(*[st.integers(0, 200)] * 4),
)
def test_things_keep_their_pixels_in_a_larger_frame(
    plan: Plan, old: tuple[int, int], added: tuple[int, int, int, int]
) -> None:
    left, top, right, bottom = added
    new = (old[0] + top + bottom, old[1] + left + right)
    for before, after in zip(plan, framed(plan, old, new, (top, left)), strict=True):
        if before.behind:
            assert after.width * min(new) == pytest.approx(new[1])
            assert after.height * min(new) == pytest.approx(new[0])
            assert (after.x * 2, after.y * 2) == pytest.approx((after.width, after.height))
            continue
        pixels = [edge * min(old) for edge in corners(before)]
        shifted = [pixels[0] + left, pixels[1] + top, pixels[2] + left, pixels[3] + top]
        assert [edge * min(new) for edge in corners(after)] == pytest.approx(shifted, abs=1e-6)


def test_a_thing_is_where_its_middle_is() -> None:
    mask = np.zeros((100, 200), bool)
    mask[50:70, 20:40] = True
    assert within(Item(name="dog", x=0.3, y=0.6, width=0.9, height=0.9), mask)
    assert not within(Item(name="dog", x=0.5, y=0.6, width=0.9, height=0.9), mask)
    assert not within(Item(name="dog", x=-0.3, y=0.6), mask)
    assert not within(Item(name="dog", x=2.5, y=0.6), mask)
    assert not within(Item(name="beach", x=0.3, y=0.6, behind=True), mask)


def test_what_is_still_said_stays_where_it_was() -> None:
    moved = Item(name="dog", x=0.9, y=0.1, width=0.1, height=0.1)
    assert altered(SCENE, (GROUND, moved)) == (GROUND, DOG)
    assert altered(SCENE, (BEACH, moved)) == (
        Item(name="beach", behind=True), DOG,
    )  # fmt: skip
    assert altered(SCENE, ()) == (GROUND,)


def test_a_thing_takes_its_new_colour_and_no_other_ones() -> None:
    red, blue = (Item(name="hat", colour=colour, x=0.1) for colour in ("red", "blue"))
    assert altered((HAT,), (blue,)) == (Item(**{**fields(HAT), "colour": "blue"}),)
    # of two, the one of its own colour goes first
    assert altered((HAT,), (blue, red)) == (HAT,)
    # one of two is gone
    two = (HAT, Item(**{**fields(HAT), "x": 0.7}))
    assert altered(two, (red,)) == (HAT,)


def fields(item: Item) -> dict[str, object]:
    return {name: getattr(item, name) for name in item.__slots__}


@settings(deadline=None)
@given(plan=plans, box=st.tuples(fractions, fractions, fractions, fractions))
def test_things_fit_into_a_box_and_keep_their_shape(
    plan: Plan, box: tuple[float, float, float, float]
) -> None:
    found = fitted(plan, box)
    assert len(found) == len(plan) - 1
    if not found:
        return
    edges = np.array([corners(item) for item in found])
    assert edges[:, 0].min() >= box[0] - 1e-6
    assert edges[:, 1].min() >= box[1] - 1e-6
    assert edges[:, 2].max() <= box[0] + box[2] + 1e-6
    assert edges[:, 3].max() <= box[1] + box[3] + 1e-6
    full = (np.ptp(edges[:, ::2]) / box[2], np.ptp(edges[:, 1::2]) / box[3])
    assert max(full) == pytest.approx(1, abs=1e-6)
    for old, new in zip(plan[1:], found, strict=True):
        assert new.width / new.height == pytest.approx(old.width / old.height)


def test_a_plan_holds_so_many_and_no_more() -> None:
    assert joined((GROUND, DOG), (CAT,)) == (GROUND, DOG, CAT)
    assert joined((GROUND, *[DOG] * (MOST - 1)), (CAT,)) == (GROUND, *[DOG] * (MOST - 1))
    assert [plain(item) for item in (GROUND, BEACH, DOG)] == [True, False, False]


def test_a_look_stays_while_it_is_still_said() -> None:
    neon = Item(name="neon", behind=True)
    plan = (GROUND, neon, DOG)
    assert altered(plan, (BEACH, neon, DOG)) == (Item(name="beach", behind=True), neon, DOG)
    assert altered(plan, (BEACH, DOG)) == (Item(name="beach", behind=True), DOG)
    assert altered(plan, (neon,)) == (GROUND, neon)


def test_a_look_moves_nothing() -> None:
    neon = Item(name="neon", behind=True)
    plain, looked = (
        swayed(plan, 0.7, generator(4), 1.0) for plan in (SCENE, (SCENE[0], neon, *SCENE[1:]))
    )
    assert [item for item in looked if item != neon] == [*plain]
