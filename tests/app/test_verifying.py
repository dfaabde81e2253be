"""The promise: what was drawn is drawn again, bit for bit; and what is not so is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molnar import verbs
from molnar.app.jobs import NoStore, Store
from molnar.app.jobs_schema import Database
from molnar.app.parents import read
from molnar.app.session import Drawn, Finished, Session, Task
from molnar.app.verifying import verify
from molnar.base import metadata
from molnar.base.errors import DataError
from molnar.base.images import open_picture
from molnar.base.request import Request, pixels_sha256
from molnar.pipeline import Pipeline
from molnar.verbs import Wish

SMALL = Request(prompt="a red circle", height=64, width=64, steps=2, seed=5)


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open() as opened:
        yield opened


@pytest.fixture
def session(store: Store, tiny_pipeline: Pipeline) -> Session:
    return Session(store, lambda: tiny_pipeline)


def paths(session: Session, *wishes: Wish, grid: bool = False) -> list[Path]:
    """Draw wishes, as one job; its files, the one that shows all of them last."""
    small = [Wish(request=w.request.replaced(steps=2), inputs=w.inputs) for w in wishes]
    events = list(session.draw(Task(verb="x", wishes=small, grid=grid)))
    job = next(event.job for event in events if isinstance(event, Finished))
    assert sum(isinstance(event, Drawn) for event in events) == len(job.pictures)
    session.pipeline._seen.clear()
    return [one.path for one in (*job.pictures, *filter(None, [job.grid]))]


def identical(session: Session, files: list[Path]) -> None:
    for file in files:
        verdict = verify(file, session.pipeline, session.store)
        assert verdict.identical, file
        assert (verdict.largest, verdict.mean, verdict.altered) == (0, 0, False)
        assert verdict.differs == ()


@pytest.mark.long
def test_every_verb_draws_what_can_be_drawn_again(session: Session) -> None:
    files = paths(session, Wish(request=SMALL.replaced(count=3, height=72)), grid=True)
    first = read(files[1])
    mask = np.zeros((72, 64, 3), np.uint8)
    mask[4:20, 30:50] = 255
    clear = paths(session, Wish(request=SMALL.replaced(transparent=True)))
    plain = np.asarray(open_picture(files[0]))
    wishes = [
        verbs.vary(first, seed=2**32 - 1, count=3),
        verbs.vary(verbs.Parent(pixels=plain), seed=1, prompt="a fox", count=2),
        verbs.edit(first, mask, prompt="a blue square", seed=3, count=2),
        verbs.zoom(first, 1.5, seed=4),
        verbs.pan(read(clear[0]), "up", seed=5),
        verbs.square(first, seed=6),
        verbs.upscale(first),
        verbs.upscale(first, creative=True, seed=8),
        verbs.again(SMALL.replaced(chaos=40, tile=True, stop=50), seed=7),
        Wish(request=SMALL.replaced(best_of=2, count=2, prompt="a (red:1.3) [fox:star:1]")),
    ]
    for wish in wishes:
        files += paths(session, wish, grid=wish.request.count > 1)
    varied = read(paths(session, verbs.vary(first, seed=1, count=2))[1])
    files += paths(session, verbs.vary(varied, strong=True, seed=2, count=1))
    files += paths(session, Wish(request=SMALL), Wish(request=SMALL.replaced(seed=9)), grid=True)
    assert len(files) >= 25
    identical(session, files)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg"])
def test_every_kind_of_file_can_be_verified(
    session: Session, store: Store, tmp_path: Path, suffix: str
) -> None:
    [picture] = session.pipeline(SMALL)
    file = picture.save(tmp_path / f"x{suffix}")
    verdict = verify(file, session.pipeline, store)
    assert verdict.identical
    assert not verdict.altered
    other = replace(picture, image=picture.image[::-1].copy())
    file = other.save(tmp_path / f"y{suffix}")
    assert not verify(file, session.pipeline, store).identical


def resaved(file: Path, target: Path, image: Any = None, **changes: Any) -> Path:
    """Save a picture with its record, and something about either changed."""
    found = metadata.read(file)
    assert found.record is not None
    pixels = open_picture(file) if image is None else image
    target.write_bytes(metadata.encode(pixels, {**found.record, **changes}, ""))
    return target


def test_one_altered_value_is_noticed_with_its_size(
    session: Session, store: Store, tmp_path: Path
) -> None:
    [file] = paths(session, Wish(request=SMALL))
    image = open_picture(file)
    red, green, blue = image.getpixel((3, 4))
    image.putpixel((3, 4), (red, (green + 9) % 256 if green < 247 else green - 9, blue))
    altered = resaved(file, tmp_path / "x.png", image)
    verdict = verify(altered, session.pipeline, store)
    assert (verdict.identical, verdict.altered, verdict.largest) == (False, True, 9)
    assert verdict.mean == pytest.approx(9 / (64 * 64 * 3))
    assert verdict.to_json() == {
        "identical": False, "largest": 9, "mean": verdict.mean, "altered": True, "differs": [],
        "replaced": [],
    }  # fmt: skip


def test_an_altered_size_differs_as_much_as_can_be(
    session: Session, store: Store, tmp_path: Path
) -> None:
    [file] = paths(session, Wish(request=SMALL))
    cut = resaved(file, tmp_path / "x.png", open_picture(file).crop((0, 0, 60, 64)))
    verdict = verify(cut, session.pipeline, store)
    assert (verdict.identical, verdict.largest, verdict.altered) == (False, 255, True)


def test_what_is_not_as_it_was_is_named(session: Session, store: Store, tmp_path: Path) -> None:
    [file] = paths(session, Wish(request=SMALL))
    changes = {"model_hash": "ab" * 32, "version": "0.0.1", "engine": "torch"}
    changed = resaved(file, tmp_path / "x.png", **changes, machine={"numpy": "1.0"})
    verdict = verify(changed, session.pipeline, store)
    assert verdict.identical  # what it was drawn with differs, the picture does not
    names = [line.partition(":")[0] for line in verdict.differs]
    assert names == ["weights", "version", "engine", "numpy"]
    assert verdict.differs[1].startswith("version: 0.0.1 then, ")


def test_another_seed_is_another_picture(session: Session, store: Store, tmp_path: Path) -> None:
    [file] = paths(session, Wish(request=SMALL))
    other = resaved(file, tmp_path / "x.png", seed=6)
    verdict = verify(other, session.pipeline, store)
    assert not verdict.identical
    assert verdict.largest > 9
    assert not verdict.altered  # the pixels are those that the record speaks of
    assert pixels_sha256(verdict.redrawn) != pixels_sha256(np.asarray(open_picture(other)))


def test_a_picture_whose_beginning_is_gone_says_so(
    session: Session, store: Store, home: Path, tmp_path: Path
) -> None:
    parent = verbs.Parent(pixels=np.zeros((64, 64, 3), np.uint8))
    [file] = paths(session, verbs.upscale(parent))
    identical(session, [file])
    elsewhere = NoStore(Database(tmp_path, ":memory:"))
    session.pipeline._seen.clear()
    with pytest.raises(DataError, match=r"1\.png cannot be drawn again: no picture with") as error:
        verify(file, session.pipeline, elsewhere)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (None, "has no molnar record; expected a picture that molnar drew"),
        ({"request": {"prompt": "x", "new": 1}, "seed": 1}, "cannot be drawn again"),
        ({"seed": 1}, "cannot be drawn again"),
        ({"request": {"prompt": "x"}, "seed": 1, "grid": 4, "requests": [7]}, "drawn again"),
        ({"grid": 4}, "drawn again"),
        ({"grid": 4, "requests": 7}, "drawn again"),
    ],
)
def test_records_that_say_nothing_are_one_line(
    session: Session, store: Store, tmp_path: Path, record: dict[str, Any] | None, said: str
) -> None:
    [picture] = session.pipeline(SMALL.replaced(steps=1))
    file = tmp_path / "x.png"
    if record is None:
        picture.to_pil().save(file)
    else:
        file.write_bytes(metadata.encode(picture.to_pil(), record, ""))
    with pytest.raises(DataError, match=said) as error:
        verify(file, session.pipeline, store)
    assert "\n" not in str(error.value)
