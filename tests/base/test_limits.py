"""Limits in fields: the same for a number, a text, a tuple of them, and a tuple of dataclasses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molnar.base.errors import RequestError
from molnar.base.limits import asked, check_fields, fits, json_schema, required


@dataclass(frozen=True, kw_only=True)
class Dot:
    size: float = asked(1.0, "How large.", minimum=0, maximum=2)


@dataclass(frozen=True, kw_only=True)
class Wish:
    name: str = required("Its name.", length=(1, 5))
    sides: tuple[int, ...] = asked((0, 0), "Pixels.", minimum=0, maximum=9, length=(2, 2))
    dots: tuple[Dot, ...] = asked((), "Dots.", length=(0, 3))
    word: str | None = asked(None, "A word.", choices=("red", "blue"))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("sides", [0, 0], r"sides is \[0, 0\]; expected a tuple"),
        ("sides", None, "sides is None; expected a tuple"),
        ("sides", "12", "sides is '12'; expected a tuple"),
        ("sides", (1,), "sides has 1 members; expected 2"),
        ("sides", (1, 2, 3), "sides has 3 members; expected 2"),
        ("sides", (1, 10), r"sides\[1\] is 10; expected 0 to 9"),
        ("sides", (-1, 0), r"sides\[0\] is -1; expected 0 to 9"),
        ("sides", (1, 2.0), r"sides\[1\] is 2.0; expected a whole number"),
        ("sides", (True, 0), r"sides\[0\] is True; expected a whole number"),
        ("sides", ((0, 0), 0), r"sides\[0\] is \(0, 0\); expected a whole number"),
        ("dots", (Dot(),) * 4, "dots has 4 members; expected 0 to 3"),
        ("dots", (Dot(), {"size": 1}), r"dots\[1\] is \{'size': 1\}; expected Dot"),
        ("dots", (Dot(size=3.0),), "size is 3.0; expected 0 to 2"),
        ("dots", (Dot(size=float("nan")),), "size is nan"),
        ("word", "rde", "did you mean 'red'"),
    ],
)
def test_what_is_out_of_range_is_named_to_its_place(field: str, value: Any, said: str) -> None:
    wish = Wish(**{"name": "a", field: value})
    with pytest.raises(RequestError, match=said) as error:
        check_fields(wish)
    assert "\n" not in str(error.value)
    assert not fits(Wish, field, value)


def test_what_is_in_range_passes() -> None:
    check_fields(Wish(name="a", sides=(0, 9), dots=(Dot(size=2), Dot(size=0.5)), word="red"))
    assert fits(Wish, "dots", ())
    assert fits(Wish, "sides", (3, 4))


@given(st.tuples(st.integers(-3, 12), st.integers(-3, 12)))
def test_a_tuple_is_as_good_as_its_worst_member(sides: tuple[int, int]) -> None:
    assert fits(Wish, "sides", sides) == all(0 <= side <= 9 for side in sides)


def test_the_schema_of_tuples() -> None:
    schema = json_schema(Wish)
    sides, dots = schema["properties"]["sides"], schema["properties"]["dots"]
    assert sides == {
        "type": "array", "description": "Pixels.", "default": [0, 0], "minItems": 2, "maxItems": 2,
        "items": {"type": "integer", "minimum": 0, "maximum": 9},
    }  # fmt: skip
    assert (dots["default"], dots["minItems"], dots["maxItems"]) == ([], 0, 3)
    assert dots["items"]["properties"]["size"]["maximum"] == 2
    assert schema["required"] == ["name"]
    json.dumps(schema)
