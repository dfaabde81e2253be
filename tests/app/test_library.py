from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from molnar.app import library
from molnar.app.jobs import NewPicture, Parent, Store
from molnar.app.queue import Queued
from molnar.base.errors import DataError, RequestError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


def made(
    store: Store, prompt: str = "a fox", count: int = 1, verb: str = "make", parents: str = ""
) -> str:
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    links = []
    for text in parents.split():
        found = store.find(text)
        links.append(Parent(found.job, found.number, "init"))
    job = store.begin(verb, {}, prompt, links)
    grid = out.getvalue() if count > 1 else None
    return store.finish(job.id, [NewPicture(out.getvalue(), k) for k in range(count)], grid).id


def test_references_are_found_in_any_case(store: Store) -> None:
    made(store, count=4)
    assert store.job(" A1.3 ").id == "a1"
    assert store.picture("A1.GRID").number == store.picture("a1.0").number == 0
    assert str(store.find("a1.4")) == "a1.4"


def test_what_is_not_there_is_said_in_one_helpful_line(store: Store) -> None:
    with pytest.raises(RequestError, match="no job 'k9': the history is empty"):
        store.job("k9")
    for count in (4, 1, 2):
        made(store, count=count)
    store.begin("make", {}, "running")
    store.delete("a2")
    for text, said in [
        ("k9", "no job 'k9': the newest is a4; `molnar history` lists them"),
        ("a2", "no job 'a2' any more: near it are a1 and a3"),
        ("fox.png", "'fox.png' is neither a job nor a picture; expected e.g. k7"),
        ("l7", "'l7' is neither a job"),
        ("a1.9", "a1 has 4 pictures, not a picture 9; expected a1.1 to a1.4"),
        ("a4.1", "a4 has no pictures"),
    ]:
        with pytest.raises(RequestError) as error:
            store.picture(text)
        assert said in str(error.value)
        assert "\n" not in str(error.value)


def test_a_job_stands_for_its_only_picture(store: Store) -> None:
    made(store)
    made(store, count=2)
    assert store.picture("a1").reference == "a1.1"
    with pytest.raises(RequestError, match=r"a2 has 2 pictures; say which: a2.1 and a2.2"):
        store.picture("a2")
    with pytest.raises(RequestError, match=r"a1 has 1 picture, not a grid; expected a1.1"):
        store.picture("a1.grid")


def test_a_file_that_is_gone_is_said(store: Store) -> None:
    made(store)
    store.picture("a1").path.unlink()
    with pytest.raises(DataError, match=r"the file of a1.1 is gone.*molnar again a1"):
        store.picture("a1")
    assert store.job("a1").state == "done"


PROMPTS = [
    "a red fox in the snow",
    "a blue dog",
    "a Red Dog wearing berets",
    "ein Bär",
    "狐狸在雪地里",
]


@pytest.fixture(params=[True, False], ids=["fts5", "like"])
def prompts(store: Store, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    if not request.param:
        monkeypatch.setattr("molnar.app.searching._has_index", lambda _: False)
    for prompt in PROMPTS:
        made(store, prompt)
    return store


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", [5, 4, 3, 2, 1]),
        ("red", [3, 1]),
        ("RED dog", [3]),
        ("ber", [3]),
        ("dog red", [3]),
        ("zebra", []),
        ("雪", [5]),
        ("bär", [4]),
    ],
)
def test_words_find_jobs_newest_first(prompts: Store, words: str, found: list[int]) -> None:
    assert [int(job.id[1:]) for job in prompts.search(words)] == found
    assert prompts.count(words) == len(found)


def test_the_index_finds_words_without_their_accents(store: Store) -> None:
    made(store, "ein Bär")
    assert len(store.search("bar")) == 1


@pytest.mark.parametrize(
    "words",
    [
        *('"', "'", 'fo"x', "red OR dog", "NOT", "NEAR(red dog)", "prompt:red", "*", "^red", "("),
        *("-red-", "%", "_", "\\", "red*", "a AND", "{a b}:", "z\0", "\ud800", "!!!"),
        *("--; DROP TABLE jobs", "a" * 100_000, "a b " * 10_000, "\" \" " * 5_000),
    ],
)  # fmt: skip
def test_what_people_type_is_text_and_never_a_query(prompts: Store, words: str) -> None:
    found = prompts.search(words)
    assert prompts.count(words) == len(found) < len(PROMPTS)
    assert prompts.count() == len(PROMPTS)


def test_what_cannot_be_stored_in_a_prompt_is_replaced(store: Store) -> None:
    made(store, "a\ud800 fo\0x")
    assert store.search("fo")[0].prompt == "a? fo x"


def test_wildcards_stand_for_themselves(store: Store) -> None:
    for prompt in ("100% fox", "fox_cub", "a\\b", "a fox"):
        made(store, prompt)
    assert [job.prompt for job in store.search("%")] == ["100% fox"]
    assert [job.prompt for job in store.search("_")] == ["fox_cub"]
    assert [job.prompt for job in store.search("\\")] == ["a\\b"]


def test_filters_and_pages(store: Store) -> None:
    for k in range(5):
        made(store, f"fox {k}", verb="vary" if k % 2 else "make")
    store.fav("a2.1")
    assert [job.id for job in store.search(favourites=True)] == ["a2"]
    assert store.search(favourites=True)[0].favourite
    assert [job.id for job in store.search("fox", verb="vary")] == ["a4", "a2"]
    assert [job.id for job in store.search("fox", limit=2, offset=1)] == ["a4", "a3"]
    assert store.search(offset=9) == store.search(limit=0) == []
    store.fav("a2.1", on=False)
    assert store.count(favourites=True) == 0


def test_long_lists_come_in_portions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "PORTION", 2)
    for _ in range(5):
        made(store)
    assert [job.id for job in store.search(limit=5)] == ["a5", "a4", "a3", "a2", "a1"]


def test_what_was_deleted_is_found_no_more(store: Store) -> None:
    made(store, "a fox")
    made(store, "a fox")
    assert store.count("fox") == 2
    store.delete("a2")
    assert [job.id for job in store.search("fox")] == ["a1"]
    with store.database.reading() as rows:
        assert rows.execute("SELECT count(*) FROM words").fetchone()[0] == 1
    made(store, "another fox")
    assert [job.id for job in store.search("fox")] == ["a3", "a1"]


def test_lineage_goes_up_and_down(store: Store) -> None:
    made(store, count=4)  # a1
    made(store, count=4, verb="vary", parents="a1.2")  # a2
    made(store, verb="upscale", parents="a2.1")  # a3
    made(store, verb="blend", parents="a2.3 a1.4")  # a4
    up = store.lineage("a4").ancestors
    assert [(k.job, k.number, k.generations) for k in up] == [
        ("a2", 3, 1),
        ("a1", 4, 1),
        ("a1", 2, 2),
    ]
    down = store.lineage("a1").children
    assert [(k.job, k.generations) for k in down] == [("a2", 1), ("a4", 1), ("a3", 2), ("a4", 2)]
    assert [k.job for k in store.lineage("a1.4").children] == ["a4"]
    assert store.lineage("a1.1").children == ()
    store.delete("a2")
    assert [(k.job, k.exists) for k in store.lineage("a3").ancestors] == [("a2", False)]
    assert [parent.reference for parent in store.job("a3").parents] == ["a2.1"]


def test_jobs_are_listed_by_state_and_from_one_on(store: Store) -> None:
    for k in range(6):
        made(store, f"a fox {k}")
    store.fav("a2.1")
    store.fav("a5.1")
    store.begin("make", {}, "a fox that runs")
    store.enqueue([Queued(verb="make", prompt="a fox that waits", order={})])

    def ids(**wanted: Any) -> list[str]:
        return [job.id for job in store.search(**wanted)]

    assert ids(before="a3") == ["a2", "a1"]
    assert ids(before="A4.1", limit=2) == ["a3", "a2"]
    assert ids(before="a6", favourites=True, words="fox") == ["a5", "a2"]
    assert (ids(state="queued"), ids(state="running"), ids(state="failed")) == (["a8"], ["a7"], [])
    assert ids(state="done", before="a7", limit=1) == ["a6"]
    assert ids(before="a1") == []
    assert (store.count(state="done"), store.count("runs", state="running")) == (6, 1)
    store.delete("a3")
    assert ids(before="a3") == ["a2", "a1"]  # though it is gone
    with pytest.raises(RequestError, match="got state 'ready'; expected one of queued, running, d"):
        ids(state="ready")
    with pytest.raises(RequestError, match="got before 'x'; expected a job's id"):
        ids(before="x")
