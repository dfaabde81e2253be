"""`a fox --ar 3:2` in, the text and its parameters out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molnar.base.errors import RequestError
from molnar.text.trailing import Flags, trailing_flags


@pytest.mark.parametrize(
    "text, flags",
    [
        ("--ar 3:2", {"ar": (3, 2)}),
        ("--aspect 16:9", {"ar": (16, 9)}),
        ("--AR=3:2", {"ar": (3, 2)}),
        ("--seed 0", {"seed": 0}),
        ("--seed 4294967295", {"seed": 4294967295}),
        ("--chaos 100", {"chaos": 100}),
        ("--c 0", {"chaos": 0}),
        ("--no a, b", {"no": ("a", "b")}),
        ("--no a red cat --tile", {"no": ("a red cat",), "tile": True}),
        ("--no a --no b,", {"no": ("a", "b")}),
        ("--iw 0.5", {"iw": 0.5}),
        ("--iw 3", {"iw": 3.0}),
        ("--stop 10", {"stop": 10}),
        ("--repeat 2", {"repeat": 2}),
        ("--r 40", {"repeat": 40}),
        ("-r 3", {"repeat": 3}),
        ("--stylize 1000", {"stylize": 1000}),
        ("--s 0", {"stylize": 0}),
        ("--quality 4", {"quality": 4.0}),
        ("--q .25", {"quality": 0.25}),
        ("--style raw", {"raw": True}),
        ("--raw", {"raw": True}),
        ("\u2014ar 3:2 \u2013tile", {"ar": (3, 2), "tile": True}),
        ("--ar\t3:2\n--seed  7 ", {"ar": (3, 2), "seed": 7}),
    ],
)
def test_parameters(text: str, flags: dict[str, Any]) -> None:
    assert trailing_flags(f"a fox {text}") == ("a fox", Flags(**flags))
    assert trailing_flags(text) == ("", Flags(**flags))


@pytest.mark.parametrize(
    "text",
    [
        "a fox",
        "a--b",
        "a -- b",
        "a fox \u2014 red",
        "a \u2014very\u2014 red fox",
        "a -r fox",
        "x--ar 3:2",
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert trailing_flags(text) == (text, Flags())


@pytest.mark.parametrize(
    "text, message",
    [
        ("--ar 3", "--ar is '3'; expected width:height"),
        ("--ar 0:2", "expected width:height"),
        ("--ar 3:10001", "expected width:height"),
        ("--seed -1", "expected 0 to 4294967295"),
        ("--seed 4294967296", "expected 0 to 4294967295"),
        ("--seed \u0663", "expected 0 to 4294967295"),
        ("--c 101", "expected 0 to 100"),
        ("--iw 3.1", "expected 0 to 3"),
        ("--stop 9", "expected 10 to 100"),
        ("--r 1", "expected 2 to 40"),
        ("--r 41", "expected 2 to 40"),
        ("--s 1001", "expected 0 to 1000"),
        ("--q 3", "expected .25, .5, 1, 2 or 4"),
        ("--style cute", "expected raw"),
        ("--ar", "--ar has no value"),
        ("--ar --tile", "--ar has no value"),
        ("--no", "--no is alone"),
        ("--no ,", "--no is alone"),
        ("--tile on", "'on' stands after --tile; parameters go at the end"),
        ("--ar 3:2 of grass", "'of grass' stands after --ar; parameters go at the end"),
        ("--seed 1 --seed 2", "--seed is there twice"),
        ("--style raw --raw", "--raw is there twice"),
        ("--repaet 3", r"--repaet is not a parameter \(did you mean 'repeat'\?\)"),
        ("--xyz", "--xyz is not a parameter; expected one of --ar"),
        ("--sref 12", "--sref is Midjourney's style reference; this model has none: leave it out"),
        ("--CW 12", "--cw is Midjourney's character reference"),
        ("--oref x", "omni reference"),
        ("--weird 5", "--weird makes"),
        ("--exp 5", "experimental"),
        ("--draft", "quality 'fast'"),
        ("--p", "--p is your"),
        ("\u2014v 6.1", "--v is a version"),
        ("--niji 6", "--niji is a model"),
        ("--video", "films"),
        ("--turbo", "queue"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        trailing_flags(f"a fox {text}")


@given(st.text(alphabet="ab -\u2014rcseno=,.:1", max_size=60))
def test_nothing_but_a_refusal(text: str) -> None:
    try:
        rest, _ = trailing_flags(text)
    except RequestError as error:
        assert "\n" not in str(error)
    else:
        assert text.startswith(rest)
