"""The names that clients give: references to jobs and pictures, nothing that could be a path."""

from __future__ import annotations

import itertools
import random
import re

import pytest

from molnar.app.server.uploads import safe_reference
from molnar.base.errors import RequestError

_PARTS = [
    *("..", ".", "...", "....//", "%2e%2e", "%252e%252e", "..%2f", "..%5c", "..%c0%af", "%00"),
    *("/", "//", "\\", "\\\\host\\share", "//host/share", "\\\\?\\C:", "C:", "C:\\", "file://"),
    *("etc", "passwd", "k7", "k7.2", "k7.png", "k7.2.png", "k7.grid", "sha256:", "grid", "a1"),
    *("con", "NUL", "nul.txt", "COM1", "lpt9.png", "aux", "prn", "CONIN$", "k7:stream", "::$DATA"),
    *("\0", "\n", "\r\n", "\t", " ", "\u2024\u2024", "\uff0e\uff0e\uff0f", "\u2215", "\u202e"),
    *("\u212a7", "k\u0667", "\ud800", "\u00e9", "$HOME", "%HOME%", "`id`", "$(id)", "|", ";", "*"),
    *("?", "~", "<img onerror>"),
]


def traversals():
    chance = random.Random(7)
    yield from _PARTS
    yield from ("".join(pair) for pair in itertools.product(_PARTS[:20], _PARTS[20:40]))
    while True:
        yield "".join(chance.choices(_PARTS, k=chance.randint(2, 6)))


def test_no_name_of_a_client_leads_anywhere():
    tried = set(itertools.islice(traversals(), 2_400))
    assert len(tried) >= 2_000
    for text in tried:
        try:
            name = str(safe_reference(text))
        except RequestError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 150
        else:  # two numbers, written out anew
            assert re.fullmatch(r"[a-z][0-9]{1,9}(\.(grid|[0-9]{1,4}))?", name)
            assert text.strip().lower() == name or name in ("k7", "k7.2", "k7.grid", "a1")
    assert str(safe_reference("K7.2")) == "k7.2"
    with pytest.raises(RequestError, match="expected one such as k7"):
        safe_reference("k7" + " " * 100_000)
