from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from molnar.app import upkeep
from molnar.app.jobs import NewPicture, Store
from molnar.app.upkeep import Freed
from molnar.base.errors import RequestError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    return out.getvalue()


def made(store: Store, count: int = 1) -> str:
    job = store.begin("make", {}, "a fox")
    return store.finish(job.id, [NewPicture(png(), k) for k in range(count)], png()).id


def aged(store: Store, *serials: int) -> None:
    with store.database.writing() as connection:
        for serial in serials:
            query = "UPDATE jobs SET created = '2001-01-01T00:00:00.000000+00:00' WHERE serial = ?"
            connection.execute(query, (serial,))


def files(store: Store) -> list[str]:
    folder = store.database.folder
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("pictures/*/*"))


def test_a_job_goes_with_its_files(store: Store) -> None:
    made(store, count=2)
    made(store)
    assert store.delete("a1") == Freed(jobs=1, files=3, bytes=3 * len(png()))
    assert files(store) == ["pictures/a2/0.png", "pictures/a2/1.png"]
    assert not (store.database.folder / "pictures" / "a1").exists()
    assert not store.check().problems
    with pytest.raises(RequestError, match="no job 'a1' any more"):
        store.delete("a1")


def test_one_picture_goes_and_the_others_stay(store: Store) -> None:
    made(store, count=3)
    assert store.delete("a1.2") == Freed(files=1, bytes=len(png()))
    assert [picture.number for picture in store.job("a1").pictures] == [1, 3]
    with pytest.raises(RequestError, match=r"a1 has 2 pictures, not a picture 2"):
        store.picture("a1.2")
    assert not store.check().problems


def test_a_running_job_stays(store: Store) -> None:
    job = store.begin("make", {}, "a fox")
    with pytest.raises(RequestError, match="a1 is not finished"):
        store.delete(job.id)
    assert store.prune(keep=0) == Freed()
    assert store.finish(job.id, [NewPicture(png())]).state == "done"


def test_prune_removes_what_is_old_and_beyond_the_newest(store: Store) -> None:
    for _ in range(5):
        made(store)
    aged(store, 1, 2, 3)
    store.fav("a1.1")
    assert store.prune() == Freed()
    month = timedelta(days=30)
    assert store.prune(month, keep=3) == Freed(jobs=1, files=2, bytes=2 * len(png()))
    assert [job.id for job in store.search()] == ["a5", "a4", "a3", "a1"]
    assert store.prune(month).jobs == 1
    assert store.prune(month, keep_favourites=False).jobs == 1
    assert store.prune(keep=1).jobs == 1
    assert [job.id for job in store.search()] == ["a5"]
    assert not store.check().problems


def test_a_delete_that_was_cut_short_is_finished_by_who_comes_next(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(store)
    monkeypatch.setattr(upkeep, "empty_trash", lambda _: Freed())
    store.delete("a1")
    monkeypatch.undo()
    assert len(files(store)) == 2
    with Store.open(tmp_path):
        assert files(store) == []


def test_a_file_that_will_not_go_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(store)

    def refuse(path: Path) -> Freed:
        raise PermissionError(13, "in use", str(path))

    monkeypatch.setattr(upkeep, "_unlink", refuse)
    assert store.delete("a1") == Freed(jobs=1)
    monkeypatch.undo()
    assert len(files(store)) == 2
    store.prune()
    assert files(store) == []


def test_check_finds_what_is_missing_half_or_altered(store: Store) -> None:
    made(store, count=3)
    paths = [store.picture(f"a1.{k}").path for k in (1, 2, 3)]
    paths[0].unlink()
    paths[1].write_bytes(png()[:20])
    paths[2].write_bytes(png()[:-1] + b"\0")
    problems = store.check().problems
    assert [problem.partition(" ")[0] for problem in problems] == [
        f"pictures/a1/{k}.png" for k in (1, 2, 3)
    ]
    assert ["cannot be read" in problems[0], "expected" in problems[1], "altered" in problems[2]]
    assert len(store.check(deep=False).problems) == 2


def test_check_removes_what_interrupted_runs_left(store: Store) -> None:
    made(store)
    folder = store.database.folder / "pictures" / "a1"
    (folder / ".molnar-1.part").write_bytes(b"half")
    (folder / "9.png").write_bytes(b"unnamed")
    (store.database.folder / "pictures" / "not-ours").mkdir()
    (store.database.folder / "pictures" / "not-ours" / "1.png").touch()
    checked = store.check()
    assert (checked.problems, checked.freed) == ((), Freed(files=2, bytes=11))
    assert checked.notes == ("pictures/not-ours belongs to no job of this history; kept",)
    assert len(files(store)) == 3


def test_a_running_jobs_files_are_left_alone(store: Store, tmp_path: Path) -> None:
    job = store.begin("make", {}, "a fox")
    folder = store.database.folder / "pictures" / job.id
    folder.mkdir()
    (folder / ".molnar-1.part").write_bytes(b"half")
    with Store.open(tmp_path) as other:
        assert other.check().freed == Freed()
        other.prune(keep=0)
    assert len(files(store)) == 1
