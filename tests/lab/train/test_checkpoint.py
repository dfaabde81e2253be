"""Checkpoints are whole or not there: damage, a full disk, leftovers of a kill."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch

from molnar.base.errors import TrainingError
from molnar.lab.train import checkpoint


def write(folder: Path, images: int, keep: int = 2) -> Path:
    state = {part: {"w": torch.full((4, 4), float(images))} for part in checkpoint.FILES}
    return checkpoint.save(folder, state, images=images, manifest={"seconds": 1.5}, keep=keep)


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, 96)
    found, problems = checkpoint.newest(tmp_path)
    assert problems == []
    assert found is not None
    assert (found.path, found.images, found.manifest["seconds"]) == (path, 96, 1.5)
    assert set(found.state) == {"model", "ema", "optimizer"}
    assert torch.equal(found.state["ema"]["w"], torch.full((4, 4), 96.0))


def test_only_the_newest_are_kept_by_number_not_by_name(tmp_path: Path) -> None:
    for images in (8, 100, 20):
        write(tmp_path, images)
    assert [int(p.name) for p in checkpoint.numbered(tmp_path)] == [100, 20]


@pytest.mark.parametrize("damage", ["flip", "cut", "missing", "manifest", "no manifest"])
def test_a_damaged_newest_checkpoint_is_set_aside(tmp_path: Path, damage: str) -> None:
    write(tmp_path, 10)
    newest = write(tmp_path, 20)
    weights = newest / "ema.safetensors"
    data = bytearray(weights.read_bytes())
    if damage == "flip":
        data[-1] ^= 1
        weights.write_bytes(data)
    elif damage == "cut":
        weights.write_bytes(data[:-8])
    elif damage == "missing":
        weights.unlink()
    elif damage == "manifest":
        (newest / "manifest.json").write_text("{")
    else:
        (newest / "manifest.json").unlink()
    found, problems = checkpoint.newest(tmp_path)
    assert found is not None
    assert found.images == 10
    assert len(problems) == 1
    assert str(newest) in str(problems[0])
    # Set aside, it does not push the good one out.
    write(tmp_path, 30)
    assert [int(p.name) for p in checkpoint.numbered(tmp_path)] == [30, 10]


def test_nothing_usable_is_none(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path / "absent") == (None, [])


@pytest.mark.parametrize("call", [1, 2, 4])
def test_a_full_disk_is_one_line_and_leaves_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    write(tmp_path, 10)
    calls = 0
    real = os.fsync

    def full(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingError) as caught:
        write(tmp_path, 20)
    message = str(caught.value)
    assert "\n" not in message
    assert "No space left on device" in message
    assert "000000000010 is intact" in message
    assert [p.name for p in tmp_path.iterdir()] == ["000000000010"]
    found, _ = checkpoint.newest(tmp_path)
    assert found is not None
    assert found.images == 10


def test_leftovers_of_a_killed_process_are_ignored_and_swept(tmp_path: Path) -> None:
    half = tmp_path / ".000000000020.77.tmp"
    half.mkdir(parents=True)
    (half / "model.safetensors").write_bytes(b"half")
    assert checkpoint.newest(tmp_path) == (None, [])
    write(tmp_path, 30)
    assert not half.exists()


def test_a_checkpoint_of_another_format_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, 10) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(TrainingError, match="format 2, expected 1"):
        checkpoint.verify(path.parent)


def test_replacing_a_file_fails_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.json"
    checkpoint.replace_durably(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.replace_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
