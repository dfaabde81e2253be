"""`{red, blue} fox` in, every combination out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molnar.base.errors import RequestError
from molnar.text.permutations import MAX_JOBS, permutations


@pytest.mark.parametrize(
    "text, written",
    [
        ("a fox", ["a fox"]),
        ("{a,b}{c , d}", ["ac", "ad", "bc", "bd"]),
        ("{a, {b, c} d}", ["a", "b d", "c d"]),
        ("a {, big} fox", ["a  fox", "a big fox"]),
        (r"{a\, b, c}", [r"a\, b", "c"]),
        (r"\{a, b\}", [r"\{a, b\}"]),
        ("x --ar {1:1, 16:9}", ["x --ar 1:1", "x --ar 16:9"]),
        ("{a, {b|c}}", ["a", "{b|c}"]),
        ("{a, b|c}", ["{a, b|c}"]),
        ("{2$$a, b}", ["{2$$a, b}"]),
        ("{{a, b}|c}", ["{a|c}", "{b|c}"]),
        ("${x={a, b}}${x}", ["${x=a}${x}", "${x=b}${x}"]),
        ("${x=a, b}", ["${x=a, b}"]),
        ("{a}", ["{a}"]),
    ],
)
def test_combinations(text: str, written: list[str]) -> None:
    assert permutations(text) == written


def test_too_many_are_counted_and_refused() -> None:
    assert len(permutations("{1,2,3,4,5,6,7,8}{1,2,3,4,5}")) == MAX_JOBS
    with pytest.raises(RequestError, match="asks for 41 combinations; expected at most 40"):
        permutations("{" + ",".join("a" * 41) + "}")
    with pytest.raises(RequestError, match="asks for over a billion combinations"):
        permutations("{a,b}" * 60)
    assert len(permutations("{a,b}" * 6, max_jobs=64)) == 64


@given(st.lists(st.lists(st.text("abc", max_size=3), min_size=2, max_size=3), max_size=3))
def test_the_number_is_the_product(groups: list[list[str]]) -> None:
    text = " ".join("{" + ", ".join(group) + "}" for group in groups)
    written = permutations(text)
    expected = 1
    for group in groups:
        expected *= len(group)
    assert len(written) == expected
