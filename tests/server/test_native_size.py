"""A size that a call does not say is the one that the model draws best, in every dialect."""

from __future__ import annotations

from typing import Any

import pytest

from molnar.app.cli.wishes import size
from molnar.app.orders import typed
from molnar.app.server.a1111.fields import asked
from molnar.app.server.a1111.wishes import wanted
from molnar.app.server.openai.asking import ask_of
from molnar.app.server.openai.orders import made
from molnar.base.request import Request

FRAME = {"height": 1024, "width": 768}
Size = tuple[int, int]


def size_of(request: Request) -> Size:
    return request.height, request.width


@pytest.mark.parametrize(
    ("fields", "frame", "expected"),
    [
        ({}, FRAME, (1024, 768)),
        ({}, None, (512, 512)),
        ({"width": 256}, FRAME, (1024, 256)),
        ({"height": 64, "width": 64}, FRAME, (64, 64)),
        ({"ar": "1:1"}, {"height": 1024, "width": 1024}, (1024, 1024)),
        ({"ar": "2:1", "height": 512}, FRAME, (512, 1024)),
        ({"prompt": "a fox --ar 1:1"}, {"height": 64, "width": 64}, (64, 64)),
        ({"prompt": "a fox --ar 1:1"}, None, (512, 512)),
        ({"ar": "1:1", "image": "k1.1"}, {"height": 64, "width": 64}, (64, 64)),
    ],
)
def test_our_own_api_fills_in_what_is_not_said(fields: Any, frame: Any, expected: Size) -> None:
    [order] = typed({"prompt": "a fox", **fields}, None, frame)
    [request] = order.requests
    assert size_of(request) == expected
    assert (request.steps, request.guidance) == (None, None)  # the model's own, too


@pytest.mark.parametrize(
    ("size", "expected"), [(None, (1024, 768)), ("auto", (1024, 768)), ("64x128", (128, 64))]
)
def test_openais_dialect_does(size: str | None, expected: Size) -> None:
    [order] = made(ask_of({"prompt": "a fox", "size": size}), None, FRAME)
    [request] = order.requests  # type: ignore[union-attr]
    assert size_of(request) == expected
    assert (request.steps, request.guidance) == (None, None)


@pytest.mark.parametrize(
    ("fields", "frame", "expected"),
    [
        ({}, FRAME, (1024, 768)),
        ({"width": None, "height": None}, FRAME, (1024, 768)),
        ({"width": 512, "height": 512}, FRAME, (512, 512)),
        (
            {"infotext": "fox\nSteps: 4, Sampler: DDIM, Seed: 3, Size: 256x128"},
            FRAME,
            (128, 256),
        ),
        ({}, {}, (512, 512)),
    ],
)
def test_a1111s_dialect_does(fields: Any, frame: Any, expected: Size) -> None:
    call = asked({"prompt": "a fox", **fields}, "txt2img", frame)
    request = wanted(call, ["sdxl"]).request
    assert size_of(request) == expected
    assert (call["height"], call["width"]) == expected  # as the answer repeats it
    if "infotext" not in fields:
        assert (request.steps, request.guidance) == (None, None)


def test_a_shape_on_the_command_line_has_the_area_that_the_model_draws_best() -> None:
    flags: dict[str, Any] = {"height": None, "width": None, "size": None, "aspect": "4:1"}
    assert size(flags) == {"height": 256, "width": 1024}
    assert size({**flags, "frame": {"height": 64, "width": 64}}) == {"height": 32, "width": 128}
