"""A run that was killed ends in the same weights as one that was not; signals save."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from molnar.lab.train import checkpoint
from molnar.lab.train.loop import train

SCRIPT = Path(__file__).with_name("toy.py")


def start(folder: Path, images: int, sleep_s: float) -> subprocess.Popen[str]:
    """Run toy.py as its own process; its lines "images <seen>" tell how far it is."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), str(images), str(sleep_s)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def wait_for(process: subprocess.Popen[str], images: int) -> None:
    """Read until the step that starts at `images`."""
    assert process.stdout is not None
    for line in process.stdout:
        if line == f"images {images}\n":
            return
    raise AssertionError(f"it ended first: {process.communicate()}")


def digests(folder: Path) -> dict[str, str]:
    """Hash what the newest checkpoint holds, and the exported weights."""
    newest = checkpoint.numbered(folder / "checkpoints")[0]
    paths = [*(newest / f"{part}.safetensors" for part in checkpoint.FILES)]
    paths.append(folder / "model.safetensors")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_killed_and_resumed_equals_never_stopped(tmp_path: Path, toy: ModuleType) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    train(toy.Toy(), toy.settings(), straight)
    process = start(broken, 48, 0.05)
    wait_for(process, 20)
    process.kill()  # SIGKILL: no handler runs
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    reached = int(checkpoint.numbered(broken / "checkpoints")[0].name)
    assert 0 < reached < 48
    report = train(toy.Toy(), toy.settings(), broken)
    assert report.images == 48
    assert digests(broken) == digests(straight)


def test_resume_after_a_damaged_checkpoint_equals_never_stopped(
    tmp_path: Path, toy: ModuleType
) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    train(toy.Toy(), toy.settings(channels_last=True), straight)
    for minutes in (0.0, 0.0, 0.0):  # one step per session
        train(toy.Toy(), toy.settings(channels_last=True, minutes=minutes), broken)
    newest = checkpoint.numbered(broken / "checkpoints")[0]
    (newest / "optimizer.safetensors").write_bytes(b"rotten")
    report = train(toy.Toy(), toy.settings(channels_last=True), broken)
    assert report.images == 48
    assert digests(broken) == digests(straight)


def test_metrics_are_not_doubled_by_a_resume(tmp_path: Path, toy: ModuleType) -> None:
    folder = tmp_path / "toy"
    train(toy.Toy(), toy.settings(minutes=0.0), folder)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"images": 8, "loss": 1}\n{"images": 1')  # beyond the checkpoint, and cut
    train(toy.Toy(), toy.settings(images=12), folder)
    text = (folder / "metrics.jsonl").read_text()
    assert [line.split(",")[0] for line in text.splitlines()] == [
        '{"images": 4',
        '{"images": 8',
        '{"images": 12',
    ]
    assert '"loss": 1}' not in text


@pytest.mark.long
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_signals_finish_the_step_and_save(
    tmp_path: Path, toy: ModuleType, number: signal.Signals, code: int
) -> None:
    folder = tmp_path / "toy"
    process = start(folder, 4000, 0.05)
    wait_for(process, 8)
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    found, problems = checkpoint.newest(folder / "checkpoints")
    assert problems == []
    assert found is not None
    assert 8 < found.images < 4000
    assert (folder / "model.safetensors").exists()
    if number == signal.SIGINT:
        assert errors.count("\n") == 1
        assert f"saved at {found.images:,} pictures" in errors
    weights = found.state["model"]["0.weight"]
    assert bool(torch.isfinite(weights).all())
