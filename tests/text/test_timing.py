"""A prompt that changes while a picture is drawn in, its text at each step out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molnar.base.errors import RequestError
from molnar.text.timing import at_steps


def runs(text: str, steps: int) -> list[tuple[str, int]]:
    """Return each text and the last step, from 1, at which it is used."""
    texts = at_steps(text, steps)
    assert len(texts) == steps
    ends = [k for k in range(1, steps + 1) if k == steps or texts[k] != texts[k - 1]]
    return [(texts[end - 1], end) for end in ends]


@pytest.mark.parametrize(
    "text, steps, expected",
    [
        ("test", 10, [("test", 10)]),
        ("a [b:3]", 10, [("a ", 3), ("a b", 10)]),
        ("a [b: 3 ]", 10, [("a ", 3), ("a b", 10)]),
        ("a [[[b]]:2]", 10, [("a ", 2), ("a [[b]]", 10)]),
        ("[(a:2):3]", 10, [("", 3), ("(a:2)", 10)]),
        ("a [b : c : 1] d", 10, [("a b  d", 1), ("a  c  d", 10)]),
        ("a[b:[c:d:2]:1]e", 10, [("abe", 1), ("ace", 2), ("ade", 10)]),
        ("a [b::2]", 4, [("a b", 2), ("a ", 4)]),
        ("[:b:2]", 4, [("", 2), ("b", 4)]),
        ("[::2]x", 4, [("x", 4)]),
        ("a [b:.5] c", 10, [("a  c", 5), ("a b c", 10)]),
        ("[a:b:0.29]", 100, [("a", 29), ("b", 100)]),
        ("a with a [mountain:lake:0.25]", 100, [("a with a mountain", 25), ("a with a lake", 100)]),
        ("[a:b:0]", 3, [("b", 3)]),
        ("[a:b:99]", 3, [("a", 3)]),
        ("[a:b:1.0]", 3, [("a", 3)]),
        ("[a|(b:1.1)]", 4, [("a", 1), ("(b:1.1)", 2), ("a", 3), ("(b:1.1)", 4)]),
        ("[|a]", 2, [("", 1), ("a", 2)]),
        ("[a|b|c]", 3, [("a", 1), ("b", 2), ("c", 3)]),
        ("[a|[b:c:2]]", 4, [("a", 1), ("b", 2), ("a", 3), ("c", 4)]),
    ],
)
def test_schedules(text: str, steps: int, expected: list[tuple[str, int]]) -> None:
    assert runs(text, steps) == expected


@pytest.mark.parametrize(
    "text",
    [
        "[word]", "[a:b]", "[a:b:c]", "[a:b:c:2]", "[a:b:-1]", "[a:b:1e3]", "[a:b:1.2.3]",
        "(a:1.2)", "a:2", "a|b", "[a", "a]", "[a:b:2", "a:b:2]", "[]", r"\[a:b:2\]", "][",
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_literal(text: str) -> None:
    assert set(at_steps(text, 5)) == {text}


def test_a_stray_bracket_does_not_hide_a_schedule() -> None:
    assert runs("[x [a:b:1]", 2) == [("[x a", 1), ("[x b", 2)]
    assert runs("[a:b:1] x]", 2) == [("a x]", 1), ("b x]", 2)]


def test_depth_is_limited() -> None:
    assert len(at_steps("[" * 20 + "a" + ":1]" * 20, 3)) == 3
    with pytest.raises(RequestError, match="more than 20 deep"):
        at_steps("[" * 21 + "]" * 21, 3)


@given(st.text(alphabet="ab[]():|.12\\ ", max_size=60), st.integers(1, 12))
def test_there_is_a_text_for_each_step(text: str, steps: int) -> None:
    try:
        texts = at_steps(text, steps)
    except RequestError:
        return
    assert len(texts) == steps
    assert all(len(one) <= len(text) for one in texts)
