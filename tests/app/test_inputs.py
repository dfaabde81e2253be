from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from molnar.app import upkeep
from molnar.app.jobs import Store
from molnar.base.errors import DataError, RequestError
from molnar.base.request import pixels_sha256


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


def noise(channels: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (5, 7, channels), np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_come_back_as_they_were_put(store: Store, channels: int) -> None:
    pixels = noise(channels)
    sha = store.put_input(pixels)
    assert sha == pixels_sha256(pixels) == store.put_input(pixels)
    assert (store.database.folder / "inputs" / sha[:2] / f"{sha}.png").is_file()
    found = store.get_input(sha)
    assert found.shape == pixels.shape
    assert (found == pixels).all()
    assert not store.check().problems


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4, 3), np.float32)],
)
def test_what_is_no_picture_is_refused(store: Store, pixels: np.ndarray) -> None:
    with pytest.raises(DataError, match="expected uint8 H W C"):
        store.put_input(pixels)


@pytest.mark.parametrize("sha", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n"])
def test_a_name_that_is_no_sha256_is_refused(store: Store, sha: str) -> None:
    with pytest.raises(RequestError, match="expected 64 digits") as error:
        store.get_input(sha)
    assert "\n" not in str(error.value)


def test_what_is_not_kept_is_said(store: Store) -> None:
    with pytest.raises(RequestError, match="no picture with pixels aaaaaaaaaa"):
        store.get_input("a" * 64)


def test_a_file_that_was_altered_is_refused_and_put_again(store: Store) -> None:
    sha, other = store.put_input(noise()), store.put_input(noise(seed=1))
    job = store.begin("vary", {"init": sha}, "a fox")
    store.fail(job.id, "no")
    path = store.database.folder / "inputs" / sha[:2] / f"{sha}.png"
    whole = path.read_bytes()
    path.write_bytes((store.database.folder / "inputs" / other[:2] / f"{other}.png").read_bytes())
    with pytest.raises(DataError, match="was altered"):
        store.get_input(sha)
    path.write_bytes(whole[:50])
    with pytest.raises(DataError, match="cannot be read"):
        store.get_input(sha)
    assert len(store.check().problems) == 1
    path.unlink()
    with pytest.raises(DataError, match="is gone"):
        store.get_input(sha)
    assert store.put_input(noise()) == sha
    assert (store.get_input(sha) == noise()).all()
    assert not store.check().problems


def test_an_input_stays_as_long_as_a_job_mentions_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, nested, unused = (store.put_input(noise(seed=k)) for k in range(3))
    job = store.begin("edit", {"init": used}, "a fox", extra={"masks": [{"sha": nested}]})
    store.fail(job.id, "no")
    assert store.prune().files == 0  # the job that needs it may be about to begin
    monkeypatch.setattr(upkeep, "GRACE", timedelta(0))
    freed = store.prune()
    assert (freed.jobs, freed.files) == (0, 1)
    assert freed.bytes > 0
    with pytest.raises(RequestError):
        store.get_input(unused)
    assert (store.get_input(nested) == noise(seed=1)).all()
    assert store.prune(keep=0).files == 2
    assert not list((store.database.folder / "inputs").rglob("*.png"))
    assert not store.check().problems


def test_two_may_put_the_same_picture(store: Store, tmp_path: Path) -> None:
    with Store.open(tmp_path) as other:
        assert other.put_input(noise()) == store.put_input(noise())
    assert not store.check().problems
