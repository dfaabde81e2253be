"""The prompt of one picture in, what to show the model at each step out."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molnar.base.errors import RequestError
from molnar.text.attention import Span
from molnar.text.grammar import Network, Term, networks, parse, refuse, terms


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a fox", [("a fox", 1)]),
        ("a fox :2", [("a fox :2", 1)]),
        ("", [("", 1)]),
        ("a AND b", [("a", 1), ("b", 1)]),
        ("a :1.2 AND b: -.5", [("a", 1.2), ("b", -0.5)]),
        ("a: AND b :2.", [("a", 1), ("b", 2)]),
        ("a AND", [("a", 1)]),
        ("AND", [("", 1)]),
        ("(a:1.2) AND b", [("(a:1.2)", 1), ("b", 1)]),
        ("(a AND b) [c AND d:2]", [("(a AND b) [c AND d:2]", 1)]),
        ("SAND AND sand and LAND", [("SAND", 1), ("sand and LAND", 1)]),
        ("a:: b", [("a", 0.5), ("b", 0.5)]),
        ("a::100 b::100", [("a", 0.5), ("b", 0.5)]),
        ("a::1 b::3", [("a", 0.25), ("b", 0.75)]),
        ("a:: b::-.5", [("a", 2), ("b", -1)]),
        ("a:: 2 dogs", [("a", 0.5), ("2 dogs", 0.5)]),
        ("a::2dogs", [("a", 0.5), ("2dogs", 0.5)]),
        ("a::2, b", [("a", 2 / 3), ("b", 1 / 3)]),
        ("a::7", [("a", 1)]),
        ("::", [("", 1)]),
        ("[a::2] (b::3)", [("[a::2] (b::3)", 1)]),
        (r"a\:: b", [(r"a\:: b", 1)]),
    ],
)
def test_terms(text: str, expected: list[tuple[str, float]]) -> None:
    found = [(term.text, pytest.approx(term.weight, abs=1e-8)) for term in terms(text)]
    assert found == expected


@pytest.mark.parametrize(
    "text, message",
    [
        ("a AND b:: c", "both AND and ::"),
        ("a:: b::-1", "sum to 0; expected more than 0"),
        ("a::-2", "sum to -2"),
        ("a::100 b::-99.9", "nearly cancel"),
        ("a :21 AND b", "'a' the weight 21"),
        (" AND ".join("a" * 17), "17 sub-prompts; expected at most 16"),
        (":: ".join("a" * 17), "17 sub-prompts"),
        ("a" * 2001, "2001 characters"),
        ("(" * 21, "deep"),
        ("[" * 21, "deep"),
        ("[a:(b:99):2]", "the weight 99"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse(text, 4)


@pytest.mark.parametrize("steps", [0, 1001])
def test_steps_have_a_range(steps: int) -> None:
    with pytest.raises(RequestError, match="steps is"):
        parse("a", steps)


def test_networks_are_taken_out() -> None:
    text, found = networks("a <lora:ink:0.8> fox <LORA:old ink:1:.5> <hypernet:x> <3 <b:c:1>")
    assert text == "a fox <3 <b:c:1>"
    assert found == (
        Network("lora", "ink", (0.8,)),
        Network("lora", "old ink", (1.0, 0.5)),
        Network("hypernet", "x", (1.0,)),
    )
    assert parse("a <lora:ink:1>", 1).networks == (Network("lora", "ink"),)
    assert networks("a  fox") == ("a  fox", ())
    with pytest.raises(RequestError, match=r"<lora:ink:big> has the weight 'big'"):
        networks("<lora:ink:big>")


def test_a_model_without_them_refuses_by_name() -> None:
    refuse(())
    with pytest.raises(RequestError, match="the lora 'ink'; this model takes none"):
        refuse((Network("lora", "ink"),))


def test_equal_steps_share_a_wording() -> None:
    wording = parse("a [b|c] AND [d:e:2] :2", 4)
    assert wording.index_of_step == (0, 1, 2, 3)
    wording = parse("a [b|c] [d:d:2]", 5)
    assert wording.index_of_step == (0, 1, 0, 1, 0)
    assert [row[0].text for row in wording.distinct] == ["a b d", "a c d"]
    assert wording.plain == "a b d, a c d"
    assert not wording.simple


def test_a_schedule_holds_attention() -> None:
    wording = parse("(a [b:c+:1]:2) BREAK [d]", 2)
    first, second = (row[0].parts for row in wording.distinct)
    assert first == ((Span("a b", 2.0),), (Span("d", 0.909090909),))
    assert second == ((Span("a ", 2.0), Span("c", 2.2)), (Span("d", 0.909090909),))


@pytest.mark.parametrize(
    "text, simple",
    [
        ("a fox", True),
        (r"a \(fox\)", True),
        ("(a)", False),
        ("a BREAK b", False),
        ("a AND b", False),
        ("a::2", True),
        ("[a:b:1]", False),
        ("[a:a:1]", True),
        ("", True),
    ],
)
def test_what_is_simple(text: str, simple: bool) -> None:
    assert parse(text, 3).simple is simple


def test_plain_text_has_no_syntax() -> None:
    assert parse("a (b:1.2) BREAK [c] AND d+ :2", 1).plain == "a b c, d"
    assert Term("a [b", 1.0, literal=True).plain == "a [b"


def test_literal_text_is_left_alone() -> None:
    text = "(a) [b:c:1] AND d:: <lora:x:1> BREAK"
    wording = parse(text, 3, literal=True)
    assert wording.index_of_step == (0, 0, 0)
    assert wording.distinct[0][0].parts == ((Span(text),),)
    assert wording.simple


@given(st.text(max_size=80) | st.text(alphabet="ab()[]:|.12\\+-<>lora AND", max_size=80))
def test_nothing_but_a_refusal(text: str) -> None:
    try:
        wording = parse(text, 5)
    except RequestError as error:
        assert "\n" not in str(error)
    else:
        assert set(wording.index_of_step) == set(range(len(wording.distinct)))


@pytest.mark.parametrize(
    "piece",
    [
        "(a",
        "[a|b]",
        "[a:b:1]",
        " ",
        "a-",
        ":",
        "::",
        "a:1",
        "\\",
        "BREAK ",
        "<lora:",
        "a'",
        "1",
        "+",
    ],
)
def test_long_texts_are_read_in_time(piece: str) -> None:
    text = (piece * 2000)[:2000]
    begin = time.perf_counter()
    with contextlib.suppress(RequestError):
        parse(text, 150)
    assert time.perf_counter() - begin < 3
