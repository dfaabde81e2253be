from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molnar.app.references import Reference, is_reference, job_id, job_serial, parse


@given(st.integers(1, 10**7))
def test_ids_and_serials_are_each_others_inverse(serial: int) -> None:
    assert job_serial(job_id(serial)[0], int(job_id(serial)[1:])) == serial
    assert parse(job_id(serial)) == Reference(serial)


def test_no_two_jobs_share_an_id() -> None:
    ids = [job_id(serial) for serial in range(1, 30_000)]
    assert len(set(ids)) == len(ids)
    assert not {letter for name in ids for letter in name} & {"l", "o"}
    assert max(map(len, ids[:2376])) == 3
    assert (job_id(2376 + 24 * 900), job_id(2377 + 24 * 900)) == ("z999", "a1000")


def test_serials_start_at_one() -> None:
    with pytest.raises(ValueError, match="expected 1"):
        job_id(0)


@pytest.mark.parametrize(
    ("text", "serial", "number"),
    [("a1", 1, None), (" A1.2\n", 1, 2), ("b1.0", 100, 0), ("a3.grid", 3, 0), ("A3.GRID", 3, 0)],
)
def test_references(text: str, serial: int, number: int | None) -> None:
    assert parse(text) == Reference(serial, number)
    assert is_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k\u0667",
        "a",
        "a0",
        "a01",
        "l7",
        "o7",
        "k7.",
        "k7.01",
        "k7.png",
        "./k7.2",
        "c:\\k7",
        "fox",
        "k7 2",
        "\u212a7",
        "k7.2.png",
        "a1111111111",
        "k-7",
        "7k",
        "a1\x00",
    ],
)
def test_what_is_no_reference(text: str) -> None:
    assert not is_reference(text)


def test_a_reference_is_written_as_it_is_read() -> None:
    for text in ("a1", "a1.2", "b7.grid"):
        assert str(parse(text)) == text


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    found = parse(text)
    assert found is None or parse(str(found)) == found
