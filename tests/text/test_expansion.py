"""What the user typed in, the texts of the pictures it asks for out."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molnar.base.errors import RequestError
from molnar.text.expansion import Expanded, expand
from molnar.text.styles import Style
from molnar.text.trailing import Flags
from molnar.text.variants import variant

TEXT = "a {red|blue|green|pink} {fox, dog} --ar {1:1, 3:2}  # {not this"


def test_the_order_of_things(tmp_path: Path) -> None:
    (tmp_path / "end.txt").write_text("wild --no grass")
    style = Style("ink", "ink of {prompt}", "blur")
    text = "a {red, blue} __end__ --tile # {a, b}"
    found = expand(text, negative="mud // x", seed=3, wildcards=[tmp_path], styles=[style])
    assert [one.prompt for one in found] == ["ink of a red wild", "ink of a blue wild"]
    assert {one.negative_prompt for one in found} == {"mud, grass, blur"}
    assert found[0].flags == Flags(no=("grass",), tile=True)
    assert found[0].template == text


def test_text_without_syntax_is_itself() -> None:
    text = "a red fox,  two dogs (and a cat:1.2) [x:y:3] a:: b AND c <lora:x:1> \\(\\)"
    assert expand(text, negative="mud", seed=3) == [
        Expanded(prompt=text, negative_prompt="mud", template=None, flags=Flags(), seed=3)
    ]


def test_comments_and_flags_alone_need_no_template() -> None:
    (one,) = expand(r"a fox\, red --ar 3:2 # x", seed=0)
    assert (one.prompt, one.template) == ("a fox, red", None)


def test_empty_options_leave_no_gap() -> None:
    assert expand("a { |} fox", seed=0)[0].prompt == "a fox"


def test_picture_k_draws_with_its_own_seed() -> None:
    jobs = expand(TEXT, seed=4294967295)
    assert [job.flags.ar for job in jobs] == [(1, 1), (3, 2)] * 2
    for index in range(6):
        seed = (4294967295 + index) % 2**32
        alone = expand(TEXT, seed=seed)
        assert [job.picture(index) for job in jobs] == alone
        assert alone[0].prompt == variant("a {red|blue|green|pink} fox", seed)
        assert alone[0].seed == seed


def test_a_written_seed_decides() -> None:
    for given_seed in (1, 2, 3):
        (job,) = expand("a {red|blue|green|pink} fox --seed 9 --tile", seed=given_seed)
        assert (job.seed, job.flags.seed) == (9, 9)
        assert job.prompt == variant("a {red|blue|green|pink} fox", 9)
        assert job.picture(2).seed == 11
        assert job.picture(2).prompt == variant("a {red|blue|green|pink} fox", 11)
    assert [job.seed for job in expand("a fox --seed {5, 6}", seed=1)] == [5, 6]
    with pytest.raises(RequestError, match="--seed is drawn at random"):
        expand("a fox --seed {5|6}", seed=1)


def test_literal_turns_everything_off() -> None:
    text = "a {b, c} --tile // x __y__"
    (one,) = expand(text, negative=text, seed=8, literal=True, styles=[Style("x", "y")])
    assert (one.prompt, one.negative_prompt, one.seed) == (text, text, 8)
    assert one.picture(3).prompt == text
    assert one.picture(3).seed == 11


def test_limits() -> None:
    with pytest.raises(RequestError, match="asks for 4 combinations; expected at most 3"):
        expand(TEXT, seed=0, max_jobs=3)
    for literal in (False, True):
        assert expand("a" * 2000, seed=0, literal=literal)
        with pytest.raises(RequestError, match="2001 characters once expanded"):
            expand("a" * 2001, seed=0, literal=literal)
        with pytest.raises(RequestError, match="negative prompt has 2001"):
            expand("a", negative="b" * 2001, seed=0, literal=literal)
    with pytest.raises(RequestError, match="prompt is a int"):
        expand(7, seed=0)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="open"):
        expand("a", negative="{", seed=0)


def test_the_negative_prompt_is_drawn_too() -> None:
    found = {expand("a", negative="{b|c}", seed=k)[0].negative_prompt for k in range(20)}
    assert found == {"b", "c"}


@given(st.text(alphabet="{}|,$a1 -_#/", max_size=40), st.integers(0, 2**32 - 1))
def test_the_same_seed_gives_the_same(text: str, seed: int) -> None:
    with contextlib.suppress(RequestError):
        assert expand(text, seed=seed) == expand(text, seed=seed)


@pytest.mark.parametrize(
    "text",
    [
        "${x={" + "|" * 5000 + "}}" + "${x}" * 1200,
        "{a,b}" * 2000,
        "{" * 20 + "a|" * 4900 + "}" * 20,
        "{@100$$" + "a|" * 4900 + "b}",
        "{100$$" + "a|" * 4900 + "b}",
        "{1-$$" + "a|" * 4900 + "}",
        "${x" * 20 + "}" * 20,
        "--c " * 2500,
        "/*" * 5000,
        "# " * 5000,
        "__" * 5000,
        "__a" * 3000,
    ],
    ids=lambda text: text[:8],
)
def test_long_texts_are_read_in_time(text: str) -> None:
    begin = time.perf_counter()
    with contextlib.suppress(RequestError):
        expand(text, seed=0)
    assert time.perf_counter() - begin < 3
