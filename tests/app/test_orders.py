"""What is asked for, as data: written and read back; made of what is typed, without a model."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molnar import verbs
from molnar.app.orders import (
    Blend,
    Make,
    Order,
    Upscale,
    Zoom,
    order_from,
    ordered,
    to_json,
    typed,
    verb_of,
)
from molnar.app.orders.orders import SIDES, VERBS
from molnar.base.errors import RequestError
from molnar.base.request import Request, Variation
from molnar.base.types import Item

SEEDS = st.integers(0, 2**32 - 1)
NAMES = st.sampled_from(["k7.2", "a1", "sha256:" + "0f" * 32])
PROMPTS = st.none() | st.text(min_size=1, max_size=30)
REQUESTS = st.builds(
    Request,
    prompt=st.text(min_size=1, max_size=30),
    seed=st.none() | SEEDS,
    steps=st.none() | st.integers(1, 150),
    guidance=st.none() | st.floats(1, 30),
    count=st.integers(1, 64),
    image=st.just("") | NAMES,
    outpaint=st.tuples(*[st.integers(0, 2048)] * 4),
    variations=st.lists(st.builds(Variation, seed=SEEDS, strength=st.floats(0, 1))).map(tuple),
    plan=st.lists(st.builds(Item, name=st.text(), colour=st.none() | st.text())).map(tuple),
    tile=st.booleans(),
)
ORDERS: dict[str, st.SearchStrategy[Order]] = {
    "make": st.builds(
        Make,
        requests=st.lists(REQUESTS, min_size=1, max_size=3).map(tuple),
        grid=st.booleans(),
        image_prompt=st.just("") | NAMES,
        iw=st.floats(0, 3),
    ),
    "blend": st.builds(
        Blend,
        pictures=st.lists(NAMES, min_size=2, max_size=5).map(tuple),
        weights=st.lists(st.floats(0.1, 5), max_size=5).map(tuple),
        count=st.integers(1, 64),
        seed=SEEDS,
    ),
    **{
        verb: st.builds(kind, picture=NAMES, seed=SEEDS)
        for verb, kind in VERBS.items()
        if verb not in ("make", "blend", "pan")
    },
    "pan": st.builds(VERBS["pan"], picture=NAMES, way=st.sampled_from(SIDES), prompt=PROMPTS,
                     seed=SEEDS),
}  # fmt: skip


@given(st.one_of(*ORDERS.values()))
@settings(max_examples=60, deadline=None)
def test_an_order_survives_its_json(order: Order) -> None:
    plain = json.loads(json.dumps(to_json(order)))
    assert plain["verb"] == verb_of(order)
    assert order_from(plain) == order


def test_every_verb_has_its_class_and_sides_are_those_of_the_verbs() -> None:
    assert set(ORDERS) == set(VERBS)
    assert SIDES == verbs.SIDES


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "expected an object with a verb"),
        ({"picture": "k7"}, "verb is None; expected one of: make, vary"),
        ({"verb": "pam"}, "(did you mean 'pan'?)"),
        ({"verb": ["pan"]}, "expected one of: make"),
        ({"verb": "pan", "picture": "k7.2", "seed": 1}, "way is missing; Pan needs it"),
        ({"verb": "square", "picture": 7, "seed": 1}, "picture is 7 (int); expected str"),
        ({"verb": "square", "picture": "k7", "seed": True}, "seed is True (bool); expected int"),
        ({"verb": "square", "picture": "k7", "seed": 1, "x": 2}, "x is not a field of Square"),
        ({"verb": "make", "requests": [{"prompt": "a", "step": 1}]}, "(did you mean 'steps'?)"),
    ],
)
def test_what_is_no_order_is_refused(data: Any, said: str) -> None:
    with pytest.raises(RequestError) as caught:
        order_from(data)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def one(**fields: Any) -> Request:
    [order] = typed(fields)
    [request] = order.requests
    return request


def test_fields_are_those_of_a_request_and_the_seed_is_known() -> None:
    wish = one(prompt="a fox", seed=7, steps=3, outpaint=[8, 0, 0, 0], guidance=2)
    assert wish == Request(prompt="a fox", seed=7, steps=3, outpaint=(8, 0, 0, 0), guidance=2.0)
    for seed in ({}, {"seed": None}, {"seed": -1}):
        found = {one(prompt="a fox", steps=None, **seed).seed for _ in range(3)}
        assert None not in found
        assert len(found) == 3


def test_a_prompt_is_written_out_as_on_the_command_line() -> None:
    jobs = typed({"prompt": "a {red, blue} fox --ar 3:2 --no cats", "seed": 5})
    wishes = [job.requests[0] for job in jobs]
    assert [(w.prompt, w.negative_prompt, w.seed) for w in wishes] == [
        ("a red fox", "cats", 5), ("a blue fox", "cats", 5),
    ]  # fmt: skip
    assert {(w.width, w.height) for w in wishes} == {(624, 416)}
    [job] = typed({"prompt": "a {red|blue|green} fox", "count": 3, "seed": 1})
    assert [w.seed for w in job.requests] == [1, 2, 3]
    assert {w.template for w in job.requests} == {"a {red|blue|green} fox"}
    [again] = typed({"prompt": job.requests[1].template, "seed": 2})
    assert again.requests[0] == job.requests[1]
    first, second = typed({"prompt": "a fox --repeat 2"})
    assert second.requests[0].seed == (first.requests[0].seed or 0) + 1
    literal = one(prompt="a {red, blue} fox --ar 3:2", literal=True, seed=1)
    assert (literal.prompt, literal.width) == ("a {red, blue} fox --ar 3:2", 512)


def test_what_is_no_field_of_a_request_has_its_effect() -> None:
    assert one(prompt="a fox", ar="2:1", width=640).height == 320
    assert one(prompt="a fox", styles=["flat"]).prompt == "a fox in flat style"
    [job] = typed({"prompt": "a fox", "grid": True})
    assert (job.grid, job.requests[0].count) == (True, 4)
    [job] = typed({"prompt": "a fox --iw 2", "image_prompt": "k7.2", "iw": 0.5})
    assert (job.image_prompt, job.iw) == ("k7.2", 2.0)
    [job] = typed({"prompt": "a fox", "image_prompt": "k7.2"})
    assert job.iw == 1.0


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "no prompt; expected what to draw"),
        ({"prompt": " "}, "prompt is empty"),
        ({"prompt": 7}, "prompt is 7 (int); expected str"),
        ({"prompt": "a", "stepps": 3}, "stepps is not a field (did you mean 'steps'?)"),
        ({"prompt": "a", "steps": 0}, "steps is 0; expected 1 to 150"),
        ({"prompt": "a", "steps": "3"}, "steps is '3' (str); expected int or null"),
        ({"prompt": "a", "seed": -2}, "seed is -2; expected 0 to"),
        ({"prompt": "a", "seed": [1]}, "seed is [1] (list)"),
        ({"prompt": "a", "ar": "3:2", "height": 10**400}, "height is 1000"),
        ({"prompt": "a", "ar": "9" * 400 + ":1"}, "expected WIDTH:HEIGHT"),
        ({"prompt": "a", "ar": "1:99999"}, "expected 64 to 2048"),
        ({"prompt": "a", "ar": "wide"}, "aspect is 'wide'; expected WIDTH:HEIGHT"),
        ({"prompt": "a", "styles": "flat"}, "styles is 'flat' (str); expected a list"),
        ({"prompt": "a", "styles": ["flatt"]}, "(did you mean 'flat'?)"),
        ({"prompt": "a", "grid": True, "count": 3}, "a grid has 4 pictures"),
        ({"prompt": "a", "iw": 2}, "got iw without a picture"),
        ({"prompt": "a --iw 2"}, "--iw 2 has no picture to weigh"),
        ({"prompt": "a --sref x"}, "style reference"),
        ({"prompt": "a --stylize 50"}, "no style of its own"),
        ({"prompt": "a __colour__ fox"}, "colour"),
        ({"prompt": "{a, b, c} " * 4}, "at most 40"),
    ],
)
def test_wrong_fields_are_refused_in_one_line(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError) as caught:
        typed(fields)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_order_that_draws_from_a_picture() -> None:
    order: Any = ordered("vary", {"picture": "k7.2", "prompt": "a {red|blue} fox", "seed": 3})
    assert order.prompt in ("a red fox", "a blue fox")
    assert (order.seed, order.count, order.strong) == (3, 4, False)
    drawn: list[Any] = [ordered("square", {"picture": "k7.2", "seed": -1}) for _ in range(3)]
    assert len({order.seed for order in drawn}) == 3
    assert ordered("upscale", {"picture": "k7", "seed": -1}) == Upscale(picture="k7")
    anew: Any = [ordered("upscale", {"picture": "k7", "creative": True}) for _ in range(2)]
    assert anew[0].seed != anew[1].seed
    assert ordered("zoom", {"picture": "k7", "factor": 2, "prompt": None, "seed": 0}) == Zoom(
        picture="k7", factor=2.0, seed=0
    )


@pytest.mark.parametrize(
    ("verb", "fields", "said"),
    [
        ("make", {"prompt": "a"}, "one that draws from a picture"),
        ("upscal", {}, "(did you mean 'upscale'?)"),
        ("square", {}, "picture is missing"),
        ("square", {"picture": "k7", "way": "left"}, "way is not a field"),
        ("square", {"picture": "k7", "verb": "pan"}, "verb is not a field"),
        ("pan", {"picture": "k7", "way": "left", "prompt": "a {b, c}"}, "2 prompts"),
        ("vary", {"picture": "k7", "prompt": "a --ar 3:2"}, "parameters at its end"),
        ("vary", {"picture": "k7", "seed": "x"}, "seed is 'x'"),
    ],
)
def test_wrong_fields_of_a_verb(verb: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError, match=r"expected|needs") as caught:
        ordered(verb, fields)
    assert said in str(caught.value)


def test_orders_are_frozen() -> None:
    order = Upscale(picture="k7")
    with pytest.raises(dataclasses.FrozenInstanceError):
        order.scale = 4  # type: ignore[misc]


def test_nothing_but_drawing_needs_an_engine() -> None:
    code = "\n".join(
        [
            "import sys",
            "from molnar.app.jobs import Store",
            "from molnar.app.orders import *",
            "with Store.open() as store:",
            "    for order in typed({'prompt': 'a {red, blue} fox'}, store):",
            "        assert order_from(to_json(checked(order, store))) == order",
            "        assert cost_of(order, store) and pictures_of(order) and said(order)",
            "heavy = {'onnxruntime', 'torch', 'scipy', 'molnar.pipeline', 'click'}",
            "assert not heavy & set(sys.modules), heavy & set(sys.modules)",
        ]
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
