"""`molnar shorten`: words with weights, then shorter prompts."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from molnar.app.cli.shorten import lines, shorten
from molnar.seeing.shorten import Shortened, Word


def test_useless_words_are_marked() -> None:
    found = Shortened((Word("nice", 0.01), Word("star", 1.0)), ("a nice star", "a star"))
    assert list(lines(found)) == [
        "~~nice~~  0.01",
        "star      1.00  ####################",
        "",
        "1. a nice star",
        "2. a star",
    ]


def test_words_need_no_quotes_and_json_has_it_all(tiny: Path) -> None:
    words = ["a", "red", "circle", "-m", str(tiny), "-t", "1", "--json"]
    done = CliRunner().invoke(shorten, words)
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert [word["text"] for word in facts["words"]] == ["red", "circle"]
    assert facts["prompts"][0] == "a red circle"
