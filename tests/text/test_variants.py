"""`{red|blue} fox` and a seed in, one of them out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molnar.base.errors import RequestError
from molnar.text.variants import NEGATIVE_STREAM, PROMPT_STREAM, draw, variant


def drawn(text: str, seeds: int = 60) -> Counter[str]:
    return Counter(variant(text, seed) for seed in range(seeds))


@pytest.mark.parametrize(
    "text, possible",
    [
        ("{a|b|c}", {"a", "b", "c"}),
        ("{~a|b}", {"a", "b"}),
        ("{ a | b }", {"a", "b"}),
        ("{a|}x", {"ax", "x"}),
        ("{a}", {"a"}),
        ("{}", {""}),
        ("{a|{b|c}}", {"a", "b", "c"}),
        ("{0::a|b}", {"b"}),
        ("{2$$a|b}", {"a, b", "b, a"}),
        ("{2$$ and $$a|b}", {"a and b", "b and a"}),
        ("{1-2$$ $$a|b}", {"a", "b", "a b", "b a"}),
        ("{-2$$ $$a|b}", {"a", "b", "a b", "b a"}),
        ("{1-$$ $$a|b}", {"a", "b", "a b", "b a"}),
        ("{1-9$$ $$a|b}", {"a", "b", "a b", "b a"}),
        ("{0-1$$a|a}", {"", "a"}),
        ("{1$${a|b}|c}", {"a", "b", "c"}),
        ("{no$$a|b}", {"no$$a", "b"}),
        ("{1$$a|b$$c}", {"a", "b$$c"}),
        (r"{a\|b|c}", {r"a\|b", "c"}),
        (r"\{a|b\}", {"{a|b}"}),
        ("${x={a|b}}${x}${x}", {"aa", "ab", "ba", "bb"}),
        ("${x=!{a|b}}${x}${x}", {"aa", "bb"}),
        ("${x:{a|b}}", {"a", "b"}),
        ("${x=a}${x:b}", {"a"}),
        ("${ x = a }${x}", {"a"}),
    ],
)
def test_what_can_come_out(text: str, possible: set[str]) -> None:
    assert set(drawn(text, 120)) == possible


def test_weights_are_frequencies() -> None:
    counts = drawn("{0.5::a|1.5::b}", 2000)
    assert abs(counts["a"] / 2000 - 0.25) < 0.04


def test_draws_are_even() -> None:
    assert all(abs(count / 1500 - 1 / 3) < 0.05 for count in drawn("{a|b|c}", 1500).values())


def test_in_turn_by_the_seed() -> None:
    assert [variant("{@a|b|c}", seed) for seed in range(4)] == ["a", "b", "c", "a"]
    assert variant("{@2$$a|b|c}", 2) == "c, a"


def test_the_negative_prompt_draws_for_itself() -> None:
    text = "{a|b|c|d|e|f}"
    both = [[draw(text, s, (), stream) for s in range(9)] for stream in (61, 62)]
    assert (PROMPT_STREAM, NEGATIVE_STREAM) == (61, 62)
    assert both[0] != both[1]


@pytest.mark.parametrize(
    "text, message",
    [
        ("{3$$a|b}", "asks for 3 of 2 options"),
        ("{2-1$$a|b}", "asks for 2-1 of 2 options"),
        ("{101$$" + "a|" * 120 + "}", "101 options of a variant"),
        ("{0::a|0::b}", "weight above 0"),
        ("${color=a}${colour}", r"is not set \(did you mean 'color'\?\)"),
        ("${a b}", "expected \\${name}"),
        ("${x=${x}}${x}", "leads on"),
        ("${x=" + "a" * 90 + "}" + "${x}" * 90, "grows without end"),
        (
            "".join(f"${{v{k}=${{v{k + 1}}}${{v{k + 1}}}}}" for k in range(30)) + "${v30=}${v0}",
            "grows|leads",
        ),
    ],
)
def test_what_cannot_be_drawn(text: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        variant(text, 0)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_have_a_range(seed: int) -> None:
    with pytest.raises(RequestError, match="seed is"):
        variant("a", seed)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("9::red\n{light|dark} blue\n__d__")
    (tmp_path / "d.txt").write_text("green")
    found = {variant("__c__", seed, [tmp_path]) for seed in range(80)}
    assert found == {"red", "light blue", "dark blue", "green"}
    two = {variant("{2$$ $$__c__}", seed, [tmp_path]) for seed in range(80)}
    assert {"red green", "green red"} <= two
    assert "red red" not in two


@given(st.text(alphabet="{}|$=!:@~ab12-,\\", max_size=50), st.integers(0, 2**32 - 1))
def test_the_same_seed_gives_the_same_text(text: str, seed: int) -> None:
    try:
        assert variant(text, seed) == variant(text, seed)
    except RequestError as error:
        assert "\n" not in str(error)
