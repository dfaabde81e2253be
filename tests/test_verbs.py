"""Requests made of pictures: what each verb asks for, and that sizes can be asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molnar import verbs
from molnar.base.errors import RequestError
from molnar.base.request import Request, Variation
from molnar.base.types import Item
from molnar.starting import inner, name_of, share
from molnar.verbs import Parent, Wish

PLAN = (
    Item(name="background", colour="blue", behind=True),
    Item(name="circle", colour="red", x=0.25, y=0.5, width=0.3, height=0.3),
    Item(name="star", x=0.75, y=0.5, width=0.2, height=0.2),
)
KNOWN = Request(prompt="a red circle", height=64, width=64, steps=2, sampler="heun", seed=5)


def parent(height: int = 64, width: int = 64, known: bool = True, **changes: Any) -> Parent:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    if not known:
        return Parent(pixels=pixels)
    request = KNOWN.replaced(height=height, width=width, **changes)
    return Parent(pixels=pixels, request=request, plan=PLAN)


def masked(height: int, width: int, box: tuple[int, int, int, int]) -> Any:
    mask = np.zeros((height, width, 3), np.uint8)
    top, left, high, wide = box
    mask[top : top + high, left : left + wide] = 255
    return mask


sizes = st.tuples(st.integers(64, 300), st.integers(64, 300))


def fits(wish: Wish) -> None:
    """Check what holds for all verbs: it can be asked for, and has what it names."""
    wish.request.validated()
    for name in filter(None, (wish.request.image, wish.request.mask)):
        assert name_of(wish.inputs[name]) == name


# ---------------------------------------------------------------- vary


def test_a_variation_is_the_same_request_and_one_step_more() -> None:
    subtle = verbs.vary(parent(), seed=9)
    strong = verbs.vary(parent(), seed=9, strong=True)
    assert subtle.request == KNOWN.replaced(
        count=4, variations=(Variation(seed=9, strength=verbs.SUBTLE),)
    )
    assert strong.request.variations[0].strength == verbs.STRONG > verbs.SUBTLE
    assert not subtle.inputs
    fits(subtle)


def test_variations_of_variations_keep_what_led_to_them() -> None:
    first = verbs.vary(parent(), seed=9).request.single(2)
    second = verbs.vary(Parent(pixels=parent().pixels, request=first), seed=1, strong=True)
    assert [one.seed for one in second.request.variations] == [11, 1]
    assert second.request.seed == 5


def test_another_text_needs_another_plan() -> None:
    planned = parent(plan=PLAN, template="a {red|blue} circle")
    same = verbs.vary(planned, seed=1, prompt="a red circle").request
    other = verbs.vary(planned, seed=1, prompt="a blue square").request
    assert (same.prompt, same.plan) == ("a red circle", PLAN)
    assert (other.prompt, other.plan, other.template) == ("a blue square", (), "")


def test_a_file_is_varied_by_its_pixels_and_needs_a_prompt() -> None:
    with pytest.raises(RequestError, match="expected a prompt"):
        verbs.vary(parent(known=False), seed=1)
    subtle = verbs.vary(parent(known=False), seed=1, prompt="a fox")
    strong = verbs.vary(parent(known=False), seed=1, prompt="a fox", strong=True, count=2)
    assert subtle.request.strength == verbs.FILE_SUBTLE < verbs.FILE_STRONG
    assert (strong.request.strength, strong.request.count) == (verbs.FILE_STRONG, 2)
    fits(subtle)


# ---------------------------------------------------------------- again


def test_again_is_the_same_from_another_seed() -> None:
    varied = KNOWN.replaced(variations=(Variation(seed=1, strength=0.1),), count=3)
    assert verbs.again(varied, seed=8).request == KNOWN.replaced(seed=8, count=3)
    planned = KNOWN.replaced(plan=PLAN, template="a {red|blue} circle")
    assert verbs.again(planned, seed=8).request == planned.replaced(seed=8)
    changed = verbs.again(planned, seed=8, prompt="a blue square").request
    assert changed == KNOWN.replaced(seed=8, prompt="a blue square")


# ---------------------------------------------------------------- edit


@settings(deadline=None, max_examples=40)
@given(size=sizes, known=st.booleans())
def test_an_edit_of_any_size_can_be_asked_for_and_keeps_the_old_pixels(
    size: tuple[int, int], known: bool
) -> None:
    mask = masked(*size, (10, 10, 20, 20))
    wish = verbs.edit(parent(*size, known=known), mask, prompt="a fox", seed=1)
    fits(wish)
    request = wish.request
    top, left, height, width = inner(request)
    assert (top, left, (height, width)) == (0, 0, size)
    part = share(mask, request.replaced(feather=0))
    expected = np.ones(part.shape, bool)
    expected[: size[0], : size[1]] = mask[..., 0] > 0
    np.testing.assert_array_equal(part, expected)


def test_an_edit_replaces_what_is_in_the_mask() -> None:
    mask = masked(64, 64, (20, 4, 28, 28))  # around the circle
    crown = (
        Item(name="beach", behind=True),
        Item(name="fox", x=0.5, y=0.5, width=0.8, height=0.4),
    )
    plan = verbs.edit(parent(), mask, prompt="a fox", seed=1, planned=crown).request.plan
    assert [item.name for item in plan] == ["background", "star", "fox"]
    fox = plan[-1]
    assert 4 / 64 <= fox.x - fox.width / 2 < fox.x + fox.width / 2 <= 32 / 64
    assert 20 / 64 <= fox.y - fox.height / 2 < fox.y + fox.height / 2 <= 48 / 64
    gone = verbs.edit(parent(), mask, prompt="", seed=1).request
    assert [item.name for item in gone.plan] == ["background", "star"]
    assert gone.prompt == "a red circle"


def test_what_a_prompt_says_of_the_rest_is_not_drawn_twice() -> None:
    mask = masked(64, 64, (20, 4, 28, 28))
    both = (Item(name="star", x=0.2, width=0.2), Item(name="fox", x=0.7, width=0.2))
    plan = verbs.edit(parent(), mask, prompt="a star, a fox", seed=1, planned=both).request.plan
    assert [item.name for item in plan] == ["background", "star", "fox"]


def test_where_no_plan_is_known_the_ground_of_the_new_one_fills_the_picture() -> None:
    mask = masked(64, 128, (0, 0, 64, 64))
    planned = (Item(name="beach", behind=True), Item(name="fox", width=0.5, height=0.5))
    wish = verbs.edit(parent(64, 128, known=False), mask, prompt="x", seed=1, planned=planned)
    beach, fox = wish.request.plan
    assert (beach.x, beach.y, beach.width, beach.height) == (1.0, 0.5, 2.0, 1.0)
    assert fox.x == pytest.approx(0.5)


@pytest.mark.parametrize("kind", ["black", "clear"])
def test_an_empty_mask_is_refused(kind: str) -> None:
    mask = np.zeros((64, 64, 4), np.uint8)
    mask[...] = (0, 0, 0, 255) if kind == "black" else (255, 255, 255, 0)
    with pytest.raises(RequestError, match="the mask is empty"):
        verbs.edit(parent(), mask, prompt="x", seed=1)


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(RequestError, match="mask is 32 x 64 pixels and the picture 64 x 64"):
        verbs.edit(parent(), masked(64, 32, (0, 0, 8, 8)), prompt="x", seed=1)


# ---------------------------------------------------------------- zoom, pan, square


@settings(deadline=None, max_examples=60)
@given(
    size=sizes,
    known=st.booleans(),
    way=st.sampled_from(["zoom", "left", "right", "up", "down", "square"]),
)
def test_what_is_around_has_a_size_and_the_old_picture_keeps_its_own(
    size: tuple[int, int], known: bool, way: str
) -> None:
    old = parent(*size, known=known)
    if way == "square":
        if size[0] == size[1]:
            return
        wish = verbs.square(old, seed=1)
    else:
        wish = verbs.zoom(old, 1.5, seed=1) if way == "zoom" else verbs.pan(old, way, seed=1)
    fits(wish)
    request = wish.request
    top, left, height, width = inner(request)
    assert (height, width) == size
    assert not (request.height % 8 or request.width % 8)
    right, bottom = request.width - left - width, request.height - top - height
    added = {"left": left, "up": top, "right": right, "down": bottom}
    if way in added:
        main = added.pop(way)
        side = size[1] if way in ("left", "right") else size[0]
        assert side * 0.5 - 1 <= main <= side * 0.5 + 8
        assert max(added.values()) < 8  # the other side, to a multiple of eight
    if way == "square":
        assert request.height == request.width < max(size) + 8
    if way == "zoom":
        assert request.width >= size[1] * 1.5 - 1
        assert abs(left - right) <= 8
        assert abs(top - bottom) <= 8


def test_a_whole_multiple_of_eight_is_added_to_and_nothing_else() -> None:
    assert verbs.zoom(parent(64, 128), 2, seed=1).request.outpaint == (64, 32, 64, 32)
    assert verbs.pan(parent(64, 128), "left", seed=1).request.outpaint == (64, 0, 0, 0)
    assert verbs.pan(parent(64, 128), "down", seed=1).request.outpaint == (0, 0, 0, 32)
    assert verbs.square(parent(64, 128), seed=1).request.outpaint == (0, 32, 0, 32)
    assert verbs.square(parent(128, 64), seed=1).request.outpaint == (32, 0, 32, 0)


def test_what_was_planned_stays_in_its_place() -> None:
    request = verbs.zoom(parent(), 2, seed=1, prompt="a beach").request
    ground, circle, _ = request.plan
    assert (ground.width, ground.height) == (1, 1)
    assert (circle.x * 128, circle.y * 128) == (0.25 * 64 + 32, 0.5 * 64 + 32)
    assert circle.width * 128 == pytest.approx(0.3 * 64)
    assert request.prompt == "a beach"
    assert (request.sampler, request.steps, request.seed) == ("heun", 2, 1)


def test_what_belonged_to_the_old_drawing_is_left_behind() -> None:
    old = parent(
        count=3, best_of=2, variations=(Variation(),), image="sha256:" + "0" * 64, tile=True,
        mask="sha256:" + "1" * 64, outpaint=(8, 0, 0, 0), stop=50, strength=0.2,
    )  # fmt: skip
    request = verbs.pan(old, "up", seed=1).request
    assert (request.count, request.best_of, request.variations) == (1, 1, ())
    assert (request.mask, request.tile, request.stop, request.strength) == ("", False, 100, 1.0)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (lambda: verbs.zoom(parent(), 1.0, seed=1), "zoom is 1.0; expected above 1"),
        (lambda: verbs.zoom(parent(), 4.1, seed=1), "at most 4"),
        (lambda: verbs.zoom(parent(), float("nan"), seed=1), "zoom is nan"),
        (lambda: verbs.zoom(parent(64, 2000, known=False), 1.5, seed=1), "at most 2048 a side"),
        (lambda: verbs.pan(parent(), "west", seed=1), "expected one of: left, up, right, down"),
        (lambda: verbs.square(parent(), seed=1), "64 x 64; expected one that is not square"),
        (lambda: verbs.upscale(parent(64, 1032)), "the picture would be 2064 x 128"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(wish: Any, said: str) -> None:
    with pytest.raises(RequestError, match=said) as error:
        wish()
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------- upscale


def test_larger_by_the_upscaler_alone_or_with_details_drawn_anew() -> None:
    plain = verbs.upscale(parent(64, 128)).request
    assert (plain.height, plain.width, plain.strength) == (128, 256, 0.0)
    drawn = verbs.upscale(parent(64, 128), scale=4, creative=True, seed=3).request
    assert (drawn.height, drawn.width, drawn.seed) == (256, 512, 3)
    assert drawn.strength == verbs.CREATIVE
    assert drawn.prompt == "a red circle"


@settings(deadline=None, max_examples=30)
@given(size=sizes, scale=st.sampled_from([2, 4]))
def test_a_file_of_any_size_is_made_larger(size: tuple[int, int], scale: int) -> None:
    wish = verbs.upscale(parent(*size, known=False), scale=scale)
    fits(wish)
    assert abs(wish.request.height - scale * size[0]) <= 4
    assert abs(wish.request.width - scale * size[1]) <= 4
    fits(verbs.vary(parent(*size, known=False), seed=1, prompt="x"))
