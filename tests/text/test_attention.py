"""A text with weights written into it in, spans of text with their weights out."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molnar.base.errors import RequestError
from molnar.text.attention import Span, attend, plain


def read(text: str) -> list[tuple[str, float]]:
    (part,) = attend(text)
    return [(span.text, pytest.approx(span.weight, abs=1e-6)) for span in part]


@pytest.mark.parametrize(
    "text, spans",
    [
        ("normal text", [("normal text", 1)]),
        ("an (important) word", [("an ", 1), ("important", 1.1), (" word", 1)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        (r"\(literal\]", [("(literal]", 1)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [
                ("a ", 1),
                ("house", 1.573),
                (" ", 1.1),
                ("on", 1),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641),
                (".", 1.1),
            ],
        ),
        ("[[a]]", [("a", 1 / 1.21)]),
        ("(a: 1.3 )", [("a", 1.3)]),
        ("(a:-.5)(b:+2.)", [("a", -0.5), ("b", 2)]),
        ("(a:0)", [("a", 0)]),
        ("(a:1.2.3)", [("a:1.2.3", 1.1)]),
        ("a:1.3) b] c)", [("a:1.3) b] c)", 1)]),
        ("[a:1.3) b", [("a:1.3) b", 1 / 1.1)]),
        ("(a [b) c]", [("a ", 1.1), ("b", 1), (" c", 1 / 1.1)]),
        (r"\\ \a (b\))", [("\\\\"[:1] + " \\a ", 1), ("b)", 1.1)]),
        ("", []),
        ("()", []),
    ],
)
def test_brackets(text: str, spans: list[tuple[str, float]]) -> None:
    assert read(text) == spans


@pytest.mark.parametrize(
    "text, spans",
    [
        ("fox+", [("fox", 1.1)]),
        ("a fox++, b", [("a ", 1), ("fox", 1.21), (", b", 1)]),
        ("fox- dog--", [("fox", 0.9), (" ", 1), ("dog", 0.81)]),
        ("well-known+ cat's-", [("well-known", 1.1), (" ", 1), ("cat's", 0.9)]),
        ("(two words)+", [("two words", 1.1)]),
        ("(two words)--", [("two words", 0.81)]),
        ("(x)1.3 y", [("x", 1.3), (" y", 1)]),
        ("(x).5, y", [("x", 0.5), (", y", 1)]),
        ("((x)1.5 y)+", [("x", 1.65), (" y", 1.1)]),
        ("(fox+:2)", [("fox", 2.2)]),
        ("(fox+)", [("fox", 1.21)]),
        ("(x)2", [("x", 1.1), ("2", 1)]),
        ("(x)+y", [("x", 1.1), ("+y", 1)]),
        ("[x]+ y", [("x", 1 / 1.1), ("+ y", 1)]),
        (r"fox\+ C\+\+ e\-", [("fox+ C++ e-", 1)]),
    ],
)
def test_signs(text: str, spans: list[tuple[str, float]]) -> None:
    assert read(text) == spans


@pytest.mark.parametrize(
    "text",
    [
        "well-known t-shirt",
        "18+ and 3-",
        "a+b",
        "a - b",
        "a -- b",
        "a-b-c",
        "+a -b",
        "x+-",
        "a" + "+" * 41,
    ],
)
def test_words_stay_words(text: str) -> None:
    assert read(text) == [(text, 1)]


def test_break_makes_parts() -> None:
    assert attend("a  BREAK\n b") == ((Span("a"),), (Span("b"),))
    assert attend("(a BREAK b:2) c") == ((Span("a", 2),), (Span("b", 2), Span(" c")))
    assert attend("BREAK a BREAK BREAK b BREAK") == ((Span("a"),), (Span("b"),))
    assert attend("BREAKFAST, break") == ((Span("BREAKFAST, break"),),)
    assert attend("BREAK") == ((),)


def test_limits() -> None:
    assert attend("(" * 20 + "a")[0][0].weight == pytest.approx(1.1**20)
    with pytest.raises(RequestError, match="more than 20 deep"):
        attend("(" * 21)
    with pytest.raises(RequestError, match="'a' the weight 20"):
        attend("(a:20.2)")
    with pytest.raises(RequestError, match="the weight"):
        attend("((a:9):-9)")


words = st.text("abc ", min_size=1, max_size=8)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), words)
def test_weights_multiply_in_nesting(tenths: list[int], text: str) -> None:
    nested, product = text, 1.0
    for weight in tenths:
        nested, product = f"({nested}:{weight / 10})", product * weight / 10
    if abs(product) > 20:
        with pytest.raises(RequestError):
            attend(nested)
    else:
        assert read(nested) == [(text, pytest.approx(product, abs=1e-6))]


@given(st.text(alphabet="ab()[]:.12\\+- BREAK", max_size=60))
def test_text_is_never_added(text: str) -> None:
    try:
        parts = attend(text)
    except RequestError:
        return
    assert parts
    rest = iter(text)
    assert all(letter in rest for part in parts for letter in plain(part))
    for part in parts:
        assert all(span.text for span in part)
        assert all(a.weight != b.weight for a, b in itertools.pairwise(part))
