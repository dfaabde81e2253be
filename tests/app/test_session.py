"""Wishes in, jobs out: what is kept, in which state, and what it came from."""

from __future__ import annotations

import gc
import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molnar import verbs
from molnar.app.job import Job
from molnar.app.job import Parent as Ancestor
from molnar.app.jobs import NoStore, Store
from molnar.app.jobs_schema import Database
from molnar.app.queue import Queued
from molnar.app.session import Drawn, Finished, Session, Stepped, Task, laid_out, library
from molnar.base import metadata
from molnar.base.errors import DataError, RequestError
from molnar.base.images import open_picture
from molnar.base.request import Picture, Request
from molnar.pipeline import Pipeline
from molnar.starting import name_of
from molnar.verbs import Wish

SMALL = Request(prompt="a red circle", height=64, width=64, steps=2, seed=5)


def asked(**changes: Any) -> Wish:
    return Wish(request=replace(SMALL, **changes))


def pixels(shade: int = 80) -> Any:
    return np.full((64, 64, 3), shade, np.uint8)


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open() as opened:
        yield opened


@pytest.fixture
def session(store: Store, tiny_pipeline: Pipeline) -> Session:
    return Session(store, lambda: tiny_pipeline)


def finished(session: Session, task: Task) -> tuple[list[Drawn], Finished]:
    *events, last = session.draw(task)
    assert isinstance(last, Finished)
    return [event for event in events if isinstance(event, Drawn)], last


def test_a_task_becomes_a_job_with_its_pictures(session: Session, store: Store) -> None:
    task = Task(verb="make", wishes=[asked(count=2)], extra={"strong": True})
    kinds = [type(event) for event in session.draw(task)]
    assert kinds == [Stepped, Stepped, Drawn] * 2 + [Finished]
    job = store.job("a1")
    assert (job.verb, job.state, job.prompt, job.model) == ("make", "done", SMALL.prompt, "tiny")
    assert (job.request["seed"], job.request["steps"], job.extra) == (5, 2, {"strong": True})
    assert [picture.seed for picture in job.pictures] == [5, 6]
    assert job.grid is None
    assert not store.check().problems


def test_what_is_drawn_is_what_is_kept(session: Session, store: Store) -> None:
    drawn, _ = finished(session, Task(verb="make", wishes=[asked(count=2)]))
    assert [one.reference for one in drawn] == ["a1.1", "a1.2"]
    for one in drawn:
        kept = store.picture(one.reference)
        assert kept.path.read_bytes() == one.png
        np.testing.assert_array_equal(open_picture(kept.path), one.picture.image)
        assert metadata.read(kept.path).record == kept.record


def test_wishes_of_one_task_are_one_job(session: Session, store: Store) -> None:
    wishes = [asked(), asked(prompt="a blue square", seed=9), asked(seed=7)]
    drawn, done = finished(session, Task(verb="make", wishes=wishes))
    assert [one.number for one in drawn] == [1, 2, 3]
    assert done.job.prompt == "a red circle | a blue square"
    assert [picture.seed for picture in store.job("a1").pictures] == [5, 9, 7]


def test_a_random_seed_is_known_to_the_job(session: Session, store: Store) -> None:
    [one], _ = finished(session, Task(verb="make", wishes=[asked(seed=None, steps=1)]))
    assert store.job("a1").request["seed"] == one.picture.seed


def test_where_a_job_came_from_is_kept_and_with_it_what_it_started_from(
    session: Session, store: Store
) -> None:
    [first], _ = finished(session, Task(verb="make", wishes=[asked(steps=1)]))
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[8:24, 8:24] = 255
    parent = verbs.Parent(pixels=first.picture.image, request=first.picture.request)
    wish = verbs.edit(parent, mask, prompt="a fox", seed=1)
    task = Task(verb="edit", wishes=[wish], ancestors=[Ancestor("a1", 1, "edit")])
    finished(session, task)
    [link] = store.lineage("a2").ancestors
    assert (link.job, link.number, link.role) == ("a1", 1, "edit")
    np.testing.assert_array_equal(store.get_input(name_of(mask).removeprefix("sha256:")), mask)
    store.prune()  # what a job needs stays
    session.pipeline.library = library(store, {})
    session.pipeline._seen.clear()
    [again] = session.pipeline(wish.request)
    np.testing.assert_array_equal(again.image, np.asarray(open_picture(store.picture("a2").path)))


def test_a_failed_drawing_is_a_failed_job_and_says_why(
    session: Session, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise MemoryError("no memory\nat all")

    monkeypatch.setattr(session.pipeline.parts, "velocity", breaks)
    with pytest.raises(MemoryError):
        list(session.draw(Task(verb="make", wishes=[asked()])))
    job = store.job("a1")
    assert (job.state, job.error) == ("failed", "no memory at all")


def test_an_interrupted_drawing_is_a_failed_job(
    session: Session, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupts(*_: object) -> None:
        raise KeyboardInterrupt

    with closing(session.draw(Task(verb="make", wishes=[asked()]))) as events:
        next(events)
    assert (store.job("a1").state, store.job("a1").error) == ("failed", "interrupted")
    monkeypatch.setattr(session.pipeline.parts, "velocity", interrupts)
    with pytest.raises(KeyboardInterrupt):
        list(session.draw(Task(verb="make", wishes=[asked()])))
    assert (store.job("a2").state, store.job("a2").error) == ("failed", "interrupted")
    assert not store.check().problems


def test_whoever_leaves_after_the_end_leaves_a_job_that_is_done(
    session: Session, store: Store
) -> None:
    events = session.draw(Task(verb="make", wishes=[asked(steps=1)]))
    for event in events:
        if isinstance(event, Finished):
            break
    events.close()
    del events
    gc.collect()
    assert store.job("a1").state == "done"


def test_what_cannot_be_drawn_is_no_job(session: Session, store: Store) -> None:
    for wrong, said in [
        (asked(prompt="a <lora:ink:1>"), "the lora 'ink'"),
        (asked(prompt="a (red:9) fox"), "a word has weight 9"),
        (asked(strength=0.5), "without a picture"),
        (asked(image="none.png"), "cannot be read"),
        (asked(image="sha256:" + "0" * 64), "no picture with pixels"),
    ]:
        with pytest.raises((RequestError, DataError), match=said):
            session.notes(Task(verb="make", wishes=[wrong]))
            list(session.draw(Task(verb="make", wishes=[wrong])))
    assert {job.state for job in store.search("")} <= {"failed"}


def queued(store: Store) -> Job:
    order = Queued(verb="make", prompt="a circle", order={"verb": "make"})
    store.enqueue([order])
    job = store.claim()
    assert job is not None
    return job


def test_a_job_of_the_queue_is_drawn_as_the_job_it_is(session: Session, store: Store) -> None:
    finished(session, Task(verb="make", wishes=[asked(steps=1)]))
    ancestors = [Ancestor("a1", 1, "vary")]
    wishes = [asked(), asked(prompt="a fox")]
    task = Task(verb="make", wishes=wishes, ancestors=ancestors, extra={"strong": True})
    *events, last = session.draw(task, queued(store))
    assert isinstance(last, Finished)
    assert [event.reference for event in events if isinstance(event, Drawn)] == ["a2.1", "a2.2"]
    job = last.job
    assert (job.id, job.state, job.attempts, store.count()) == ("a2", "done", 1, 2)
    assert (job.prompt, job.request["seed"]) == ("a red circle | a fox", 5)
    assert job.parents == (Ancestor("a1", 1, "vary"),)
    assert (job.extra["order"], job.extra["strong"]) == ({"verb": "make"}, True)
    assert len(job.extra["requests"]) == 2


def test_a_job_of_the_queue_that_is_stopped_is_left_to_who_claimed_it(
    session: Session, store: Store
) -> None:
    with closing(session.draw(Task(verb="make", wishes=[asked()]), queued(store))) as events:
        next(events)
    assert store.job("a1").state == "running"
    assert store.release("a1").attempts == 0
    with closing(session.draw(Task(verb="make", wishes=[asked()]), store.claim())) as events:
        next(events)
    assert store.stopped("a1").state == "cancelled"


def test_a_job_of_the_queue_that_cannot_be_drawn_has_failed(session: Session, store: Store) -> None:
    with pytest.raises(DataError):
        list(session.draw(Task(verb="make", wishes=[asked(image="none.png")]), queued(store)))
    job = store.job("a1")
    assert (job.state, job.extra) == ("failed", {"order": {"verb": "make"}})
    assert job.error is not None
    assert "none.png cannot be read" in job.error


def test_a_history_that_breaks_does_not_hide_why(
    session: Session, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise DataError("locked")

    def breaks(*_: object) -> None:
        raise MemoryError("no memory")

    monkeypatch.setattr(store, "fail", locked)
    monkeypatch.setattr(session.pipeline.parts, "velocity", breaks)
    with pytest.raises(MemoryError):
        list(session.draw(Task(verb="make", wishes=[asked()])))


def test_without_a_history_the_picture_is_the_same(
    session: Session, home: Path, tiny_pipeline: Pipeline
) -> None:
    [kept], _ = finished(session, Task(verb="make", wishes=[asked()]))
    off = Session(NoStore(Database(home / "other", ":memory:")), lambda: tiny_pipeline)
    parent = verbs.Parent(pixels=pixels())
    with off:
        [one], done = finished(off, Task(verb="make", wishes=[asked()], grid=True))
        finished(off, Task(verb="upscale", wishes=[verbs.upscale(parent)]))
    assert (one.reference, done.job.id) == ("", "")
    np.testing.assert_array_equal(one.picture.image, kept.picture.image)
    assert done.grid
    assert not (home / "other").exists()


def test_the_model_is_opened_when_it_is_needed(store: Store, tiny_pipeline: Pipeline) -> None:
    opened: list[int] = []

    def load() -> Pipeline:
        opened.append(1)
        return tiny_pipeline

    session = Session(store, load)
    assert opened == []
    session.notes(Task(verb="make", wishes=[asked()]))
    finished(session, Task(verb="make", wishes=[asked(steps=1)]))
    assert opened == [1]


def test_notes_are_said_once(session: Session) -> None:
    wide = asked(width=128)
    [note] = session.notes(Task(verb="make", wishes=[wide, wide]))
    assert "cut to 128 x 64" in note


def test_pictures_are_found_among_those_given_those_kept_and_files(
    store: Store, tmp_path: Path
) -> None:
    sha = store.put_input(pixels(1))
    Image.fromarray(pixels(2)).save(tmp_path / "x.png")
    look = library(store, {"mine": pixels(3)})
    found = [look(name)[0, 0, 0] for name in (f"sha256:{sha}", str(tmp_path / "x.png"), "mine")]
    assert found == [1, 2, 3]
    with pytest.raises(RequestError, match="no picture with pixels"):
        look("sha256:" + "0" * 64)


# ---------------------------------------------------------------- the picture of all


def picture(shade: int, channels: int = 3) -> Picture:
    image = np.full((64, 64, channels), shade, np.uint8)
    return Picture(image=image, request=SMALL.replaced(count=4), seed=5)


def sheet(pictures: list[Picture]) -> Any:
    return np.asarray(Image.open(io.BytesIO(laid_out(pictures))))


def test_pictures_are_laid_out_in_reading_order() -> None:
    got = sheet([picture(shade) for shade in (10, 20, 30, 40)])
    assert got.shape == (128, 128, 3)
    quarters = [got[:64, :64], got[:64, 64:], got[64:, :64], got[64:, 64:]]
    assert [set(quarter.ravel().tolist()) for quarter in quarters] == [{10}, {20}, {30}, {40}]


def test_a_place_that_stays_empty_is_white_or_clear() -> None:
    assert (sheet([picture(10)] * 3)[64:, 64:] == 255).all()
    mixed = sheet([picture(10), picture(20, 4), picture(30)])
    assert mixed.shape == (128, 128, 4)
    assert (mixed[64:, 64:, 3] == 0).all()
    assert (mixed[:64, :64] == (10, 10, 10, 255)).all()
    assert (mixed[:64, 64:] == 20).all()


def test_the_picture_of_all_says_how_all_are_drawn() -> None:
    one, other = picture(1), replace(picture(2), request=SMALL.replaced(prompt="b"))
    record = metadata.read(laid_out([one, replace(one, index=1), other])).record
    assert record is not None
    assert record["grid"] == 3
    assert [wish["prompt"] for wish in record["requests"]] == ["a red circle", "b"]
