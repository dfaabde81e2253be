"""docs/15-prompt-language.md: every row of its table of examples is what the functions give."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molnar.base.errors import RequestError
from molnar.text.attention import Part, attend
from molnar.text.expansion import expand
from molnar.text.grammar import parse, terms
from molnar.text.timing import at_steps

PAGE = Path(__file__).resolve().parents[2] / "docs" / "15-prompt-language.md"
COLOURS = "# three\nred\ngreen\n\nblue\n"


def ticked(texts: list[str]) -> str:
    return " ".join(f"`{text}`" for text in texts)


def of_part(part: Part) -> str:
    return " ".join(f"`{span.text}` \u00d7{span.weight:g}" for span in part)


def flags_of(text: str, folder: Path) -> str:
    (one,) = expand(text, seed=0)
    values = [f"{key}={value!r}" for key, value in asdict(one.flags).items() if value is not None]
    return ticked([one.prompt, *values])


def three_seeds(text: str, folder: Path) -> str:
    return ticked([expand(text, seed=k, wildcards=[folder])[0].prompt for k in range(3)])


READERS: dict[str, Callable[[str, Path], str]] = {
    "text": lambda text, folder: ticked([one.prompt for one in expand(text, seed=0)]),
    "seeds 0, 1, 2": three_seeds,
    "flags": flags_of,
    "terms": lambda text, folder: " ".join(f"`{t.text}` \u00d7{t.weight:g}" for t in terms(text)),
    "4 steps": lambda text, folder: ticked(at_steps(text, 4)),
    "weights": lambda text, folder: " / ".join(map(of_part, attend(text))),
}


def rows() -> list[tuple[str, str, str]]:
    """Return (reader, input, output) of each row of the table."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and cells[0] in READERS:
            how, given_text, out = (cell.replace(r"\|", "|") for cell in cells)
            found.append((how, given_text.strip("`"), out))
    return found


ROWS = rows()


def test_the_table_is_found() -> None:
    assert len(ROWS) >= 50
    assert {how for how, _, _ in ROWS} == set(READERS)


@pytest.mark.parametrize("how, text, out", ROWS, ids=[f"{how}-{text}" for how, text, _ in ROWS])
def test_a_row_is_true(how: str, text: str, out: str, tmp_path: Path) -> None:
    (tmp_path / "colours.txt").write_text(COLOURS)
    if out.startswith("refused: "):
        with pytest.raises(RequestError) as error:
            READERS[how](text, tmp_path)
        assert out.removeprefix("refused: ").strip("`") in str(error.value)
    else:
        assert READERS[how](text, tmp_path) == out


@given(st.text(alphabet="{}|,$[]():.\\<>+-_=!@~#/* abABDENRK19", max_size=60), st.integers(0, 9))
def test_what_is_expanded_can_be_read_or_is_refused(text: str, seed: int) -> None:
    try:
        for one in expand(text, negative=text, seed=seed):
            parse(one.prompt, 7)
    except RequestError as error:
        assert "\n" not in str(error)


@given(
    st.text(alphabet=st.characters(categories=["L", "Nd"], include_characters=" '"), max_size=80)
)
def test_words_pass_unchanged(text: str) -> None:
    if "AND" in text or "BREAK" in text:
        return
    (one,) = expand(text, negative=text, seed=3)
    assert (one.prompt, one.negative_prompt, one.template) == (text, text, None)
    wording = parse(text, 2)
    assert wording.simple
    assert wording.distinct[0][0].text == text
    assert wording.plain == text.strip()
