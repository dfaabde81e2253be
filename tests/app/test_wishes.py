from __future__ import annotations

from typing import Any

import pytest

from molnar.app.cli.make import make
from molnar.app.cli.wishes import four, orders
from molnar.app.orders.wording import of_flags, shaped
from molnar.base.errors import RequestError
from molnar.base.request import Request
from molnar.text.trailing import Flags


def test_ar_keeps_the_usual_area() -> None:
    assert shaped("1:1", None, None) == (512, 512)
    height, width = shaped("16:9", None, None)
    assert abs(height * width / 512**2 - 1) < 0.02
    assert abs(width / height - 16 / 9) < 0.05


def flags(**given: Any) -> dict[str, Any]:
    """All flags of `make`, as they are if nobody gives one."""
    switches = {"transparent", "tile", "literal"}
    many = {"words", "seed", "style", "wildcards"}
    names = [parameter.name for parameter in make.params if parameter.name]
    usual = {name: False if name in switches else () if name in many else None for name in names}
    return {**usual, "max_jobs": 40, **given}


def asked(**given: Any) -> list[list[Request]]:
    return [list(order.requests) for order in orders(flags(**given))]


def test_one_prompt_is_one_job_of_one_request() -> None:
    assert asked(words=("a", "fox")) == [[Request(prompt="a fox")]]
    assert asked(prompt="a fox", seed=(0,), steps=3, tile=True) == [
        [Request(prompt="a fox", seed=0, steps=3, tile=True)]
    ]


def test_seeds_are_requests_of_one_job_and_a_random_one_stays_open() -> None:
    [group] = asked(prompt="a fox", seed=(3, -1, 9))
    assert [wish.seed for wish in group] == [3, None, 9]


def test_permutations_are_jobs_and_their_seeds_requests() -> None:
    found = asked(prompt="a {red, blue} fox", seed=(1, 5))
    assert [[(wish.prompt, wish.seed) for wish in group] for group in found] == [
        [("a red fox", 1), ("a red fox", 5)], [("a blue fox", 1), ("a blue fox", 5)],
    ]  # fmt: skip


def test_variants_are_requests_of_one_picture_each_if_their_texts_differ() -> None:
    [group] = asked(prompt="a {red|blue|green|pink} fox", seed=(1,), count=6)
    assert [wish.seed for wish in group] == [1, 2, 3, 4, 5, 6]
    assert {wish.count for wish in group} == {1}
    assert {wish.template for wish in group} == {"a {red|blue|green|pink} fox"}
    for wish in group:
        [[alone]] = asked(prompt=wish.template, seed=(wish.seed,))
        assert alone == wish
    [[same]] = asked(prompt="a {red|red} fox", seed=(1,), count=6)
    assert (same.prompt, same.count) == ("a red fox", 6)


def test_a_random_seed_of_a_variant_is_known() -> None:
    [[wish]] = asked(prompt="a {red|blue} fox")
    assert wish.seed is not None
    assert asked(prompt=wish.template, seed=(wish.seed,)) == [[wish]]


def test_what_stands_at_the_end_of_a_prompt_counts_more_than_a_flag() -> None:
    [[wish]] = asked(prompt="a fox --tile --stop 50 --seed 4 --no cats, dogs", seed=(9,), stop=80)
    assert (wish.tile, wish.stop, wish.seed) == (True, 50, 4)
    assert wish.negative_prompt == "cats, dogs"
    assert len(asked(prompt="a fox --repeat 3")) == 3
    [[shaped_]] = asked(prompt="a fox --ar 3:2", height=64, width=64)
    assert shaped_.width > shaped_.height


def test_flags_that_a_prompt_may_end_with() -> None:
    assert of_flags(Flags()) == {}
    assert of_flags(Flags(stylize=100)) == {}
    assert of_flags(Flags(quality=2))["quality"] == "best"
    assert of_flags(Flags(quality=1)) == {
        "quality": "normal", "steps": None, "guidance": None, "sampler": None,
    }  # fmt: skip
    with pytest.raises(RequestError, match="--stylize 50: this model"):
        of_flags(Flags(stylize=50))


def test_literally_nothing_is_expanded() -> None:
    text = "a {red, blue|green} fox --ar 2:1"
    [[wish]] = asked(prompt=text, literal=True)
    assert (wish.prompt, wish.literal, wish.template) == (text, True, "")
    with pytest.raises(RequestError, match="--lora and a literal prompt"):
        asked(prompt=text, literal=True, lora=["ink"])


def test_four_numbers_and_no_others() -> None:
    assert four(" 64, 0,8,16") == (64, 0, 8, 16)
    for wrong in ("", "1,2,3", "1,2,3,4,5", "-1,0,0,0", "a,b,c,d"):
        with pytest.raises(RequestError, match="expected LEFT,TOP,RIGHT,BOTTOM"):
            four(wrong)
