"""The loop: what it writes, when it stops, what it refuses."""

from __future__ import annotations

import errno
import io
import json
import math
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file

from molnar.base.errors import ConfigError, TrainingError
from molnar.lab.train import checkpoint, process
from molnar.lab.train.loop import TrainingInterrupted, train
from molnar.lab.train.prefetch import Prefetch
from molnar.lab.train.settings import changed_keys
from molnar.lab.train.workspace import locked


def test_a_run_leaves_what_export_and_people_need(tmp_path: Path, toy: ModuleType) -> None:
    task = toy.Toy()
    folder = tmp_path / "toy"
    report = train(task, toy.settings(sheet_minutes=1000.0), folder)
    assert (report.stopped, report.images) == ("done", 48)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines] == list(range(4, 52, 4))
    assert lines[0]["double"] == 2.0
    assert lines[0]["lr"] == pytest.approx(0.005)
    assert lines[-1]["loss"] == report.loss
    described = json.loads((folder / "model.json").read_text())
    assert described["kind"] == "toy"
    assert described["config"] == {"width": 8}
    found, _ = checkpoint.newest(folder / "checkpoints")
    assert found is not None
    exported = load_file(folder / "model.safetensors")
    assert all(torch.equal(exported[name], value) for name, value in found.state["ema"].items())
    assert not torch.equal(exported["0.weight"], found.state["model"]["0.weight"])
    assert task.sheets == [folder / "samples" / "000000000048.png"]


def test_training_learns(tmp_path: Path, toy: ModuleType) -> None:
    train(toy.Toy(), toy.settings(images=1600, batch=16, lr=2e-2, log_steps=10), tmp_path / "toy")
    lines = [json.loads(x) for x in (tmp_path / "toy/metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < 0.7 * lines[0]["loss"]


def test_minutes_alone_fix_a_total_once_and_for_all(tmp_path: Path, toy: ModuleType) -> None:
    settings = toy.settings(images=None, minutes=0.01, cooldown=0.5)
    report = train(toy.Toy(sleep_s=0.002), settings, tmp_path / "toy")
    plan = json.loads((tmp_path / "toy/config.json").read_text())["plan"]
    assert report.images == plan["total"]
    assert 0 < plan["cooldown_from"] < plan["total"]
    assert report.seconds < 3.0
    again = train(toy.Toy(), settings, tmp_path / "toy")
    assert (again.images, again.stopped) == (report.images, "done")
    assert math.isnan(again.loss)  # nothing was trained


def test_images_and_minutes_stop_a_session_and_go_on(tmp_path: Path, toy: ModuleType) -> None:
    settings = toy.settings(minutes=0.0)
    first = train(toy.Toy(), settings, tmp_path / "toy")
    assert (first.stopped, first.images) == ("minutes", 4)
    second = train(toy.Toy(), toy.settings(), tmp_path / "toy")
    assert (second.stopped, second.images) == ("done", 48)


def test_a_longer_run_continues_a_shorter_one(tmp_path: Path, toy: ModuleType) -> None:
    train(toy.Toy(), toy.settings(), tmp_path / "toy")
    assert train(toy.Toy(), toy.settings(images=64), tmp_path / "toy").images == 64


def test_another_run_in_the_same_folder_is_refused_by_name(tmp_path: Path, toy: ModuleType) -> None:
    train(toy.Toy(), toy.settings(images=8), tmp_path / "toy")
    other = toy.Toy()
    other.width = 9
    with pytest.raises(ConfigError) as caught:
        train(other, toy.settings(images=8, lr=0.5), tmp_path / "toy")
    message = str(caught.value)
    assert "settings.lr: 0.01 -> 0.5" in message
    assert "task.config.width: 8 -> 9" in message
    assert "--fresh" in message
    report = train(other, toy.settings(images=4, lr=0.5), tmp_path / "toy", fresh=True)
    assert report.images == 4
    assert (tmp_path / "toy.old1/model.safetensors").exists()


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good(
    tmp_path: Path, toy: ModuleType
) -> None:
    settings = toy.settings(checkpoint_minutes=0.0)
    with pytest.raises(TrainingError, match="not finite at 20 pictures") as caught:
        train(toy.Toy(nan_at=20), settings, tmp_path / "toy")
    assert "000000000020" in str(caught.value)
    found, problems = checkpoint.newest(tmp_path / "toy/checkpoints")
    assert problems == []
    assert found is not None
    assert found.images == 20
    assert all(torch.isfinite(value).all() for value in found.state["model"].values())


def test_a_sheet_that_fails_does_not_end_the_run(tmp_path: Path, toy: ModuleType) -> None:
    task = toy.Toy()
    task.sheet = None  # calling it is a TypeError
    out = io.StringIO()
    report = train(
        task, toy.settings(sheet_minutes=1.0), tmp_path / "toy", console=Console(file=out)
    )
    assert report.stopped == "done"
    assert "no sample sheet: TypeError" in out.getvalue()


def test_errors_of_the_data_are_raised_where_the_batch_is_used(
    tmp_path: Path, toy: ModuleType
) -> None:
    task = toy.Toy()

    def broken(seen: int, size: int) -> None:
        raise ValueError(f"no picture {seen}")

    task.batch = broken
    with pytest.raises(ValueError, match="no picture 0"):
        train(task, toy.settings(), tmp_path / "toy")


def test_batches_come_in_order_and_equal_what_the_task_gives(toy: ModuleType) -> None:
    task = toy.Toy()
    with Prefetch(task, 12, 4) as batches:
        for seen in (12, 16, 20):
            batch = batches.next()
            assert int(batch["seen"]) == seen
            np.testing.assert_array_equal(batch["image"], task.batch(seen, 4)["image"])


def test_a_run_starts_from_given_weights(tmp_path: Path, toy: ModuleType) -> None:
    given = toy.Toy().module.state_dict()
    given = {name: value + 1 for name, value in given.items()}
    save_file(given, tmp_path / "init.safetensors")
    settings = toy.settings(images=4, lr=0.0, init=str(tmp_path / "init.safetensors"))
    train(toy.Toy(), settings, tmp_path / "toy")
    left = load_file(tmp_path / "toy/model.safetensors")
    assert torch.allclose(left["0.weight"], given["0.weight"])


def test_a_run_from_before_a_setting_was_added_goes_on() -> None:
    before: dict[str, Any] = {"world": {"seed": 0}}
    added = {"world": {"seed": 0, "common_p": 0.0}}
    assert changed_keys(before, added) == []
    assert changed_keys(before, {"world": {"seed": 0, "common_p": 0.3}}) == [
        "world.common_p: 0.0 -> 0.3"
    ]


def test_weights_of_another_model_are_refused_by_name(tmp_path: Path, toy: ModuleType) -> None:
    given = dict(toy.Toy().module.state_dict())
    given["0.weight"] = given["0.weight"][:4].clone()
    del given["3.bias"]
    save_file(given, tmp_path / "init.safetensors")
    with pytest.raises(TrainingError, match=r"missing 3\.bias; 0\.weight \(4, 3, 3, 3\)"):
        train(toy.Toy(), toy.settings(init=str(tmp_path / "init.safetensors")), tmp_path / "toy")


def test_two_processes_cannot_train_in_one_folder(tmp_path: Path, toy: ModuleType) -> None:
    with (
        locked(tmp_path / "toy"),
        pytest.raises(TrainingError, match="trained by another process"),
    ):
        train(toy.Toy(), toy.settings(), tmp_path / "toy")


def test_bf16_computes_low_and_keeps_high(tmp_path: Path, toy: ModuleType) -> None:
    task = toy.Toy()
    train(task, toy.settings(precision="bf16", channels_last=True), tmp_path / "toy")
    assert {p.dtype for p in task.module.parameters()} == {torch.float32}
    assert {
        v.dtype for k, v in load_file(tmp_path / "toy/model.safetensors").items() if "num" not in k
    } == {torch.float32}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "needs a length"),
        ({"batch": 0}, "batch=0: expected 1"),
        ({"cooldown": 1.5}, "cooldown=1.5"),
        ({"precision": "fp8"}, "precision='fp8'"),
    ],
)
def test_settings_that_cannot_be_trained_are_refused(
    toy: ModuleType, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        toy.settings(**changes)


@pytest.mark.parametrize("lost", ["older", "none", "damaged"])
def test_weights_that_a_kill_left_behind_are_written_again(
    tmp_path: Path, toy: ModuleType, lost: str
) -> None:
    """Killed after the last checkpoint and before the averaged weights were replaced."""
    train(toy.Toy(), toy.settings(images=24), tmp_path / "toy")
    older = (tmp_path / "toy" / "model.json").read_bytes()
    train(toy.Toy(), toy.settings(), tmp_path / "toy")
    right = (tmp_path / "toy" / "model.safetensors").read_bytes()
    (tmp_path / "toy" / "model.safetensors").write_bytes(b"stale")
    description = tmp_path / "toy" / "model.json"
    if lost == "none":
        description.unlink()
    else:
        description.write_bytes(older if lost == "older" else b"{")
    report = train(toy.Toy(), toy.settings(), tmp_path / "toy")
    assert report.stopped == "done"
    assert (tmp_path / "toy" / "model.safetensors").read_bytes() == right


def test_ctrl_c_while_the_end_is_saved_is_not_lost(tmp_path: Path, toy: ModuleType) -> None:
    class Late(toy.Toy):  # type: ignore[misc, name-defined]
        def sheet(self, module: torch.nn.Module, path: Path) -> None:
            super().sheet(module, path)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(TrainingInterrupted, match="48 pictures"):
        train(Late(), toy.settings(sheet_minutes=1000.0), tmp_path / "toy")
    assert (tmp_path / "toy" / "model.safetensors").is_file()


def test_a_device_that_is_not_there_is_one_line(tmp_path: Path, toy: ModuleType) -> None:
    with pytest.raises(ConfigError, match=r"cdua.*expected auto, cpu or cuda"):
        train(toy.Toy(), toy.settings(device="cdua"), tmp_path / "toy")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="no CUDA GPU here"):
            train(toy.Toy(), toy.settings(device="cuda"), tmp_path / "gpu")


def test_automatic_precision_is_what_the_machine_is_fast_in(
    toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu, settings = torch.device("cpu"), toy.settings(precision="auto")
    for tiles, vectors in ((True, False), (False, True), (False, False)):
        for name, has in (("amx_tile", tiles), ("avx512_bf16", vectors)):
            name = f"_is_{name}_supported"
            monkeypatch.setattr(torch.cpu, name, lambda has=has: has, raising=False)
        expected = torch.bfloat16 if tiles or vectors else torch.float32
        assert process.compute_type(settings, cpu) == expected
    for native, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation=True, has=native: has
        )
        assert process.compute_type(settings, torch.device("cuda")) == expected


def test_weights_that_were_moved_away_are_written_again(tmp_path: Path, toy: ModuleType) -> None:
    train(toy.Toy(), toy.settings(), tmp_path / "toy")
    weights = tmp_path / "toy" / "model.safetensors"
    right = weights.read_bytes()
    weights.unlink()
    assert train(toy.Toy(), toy.settings(), tmp_path / "toy").stopped == "done"
    assert weights.read_bytes() == right


def test_sigterm_while_the_end_is_saved_is_not_lost(tmp_path: Path, toy: ModuleType) -> None:
    class Late(toy.Toy):  # type: ignore[misc, name-defined]
        def sheet(self, module: torch.nn.Module, path: Path) -> None:
            super().sheet(module, path)
            signal.raise_signal(signal.SIGTERM)

    settings = toy.settings(sheet_minutes=1000.0)
    assert train(Late(), settings, tmp_path / "toy").stopped == "terminated"
    assert train(toy.Toy(), settings, tmp_path / "toy").stopped == "done"


def test_a_full_disk_after_the_last_checkpoint_says_that_it_is_intact(
    tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = checkpoint.replace_durably

    def full(path: Path, data: bytes) -> None:
        if path.name == "model.safetensors":
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(path, data)

    monkeypatch.setattr(checkpoint, "replace_durably", full)
    with pytest.raises(TrainingError, match=r"000000000048 is intact; free some space"):
        train(toy.Toy(), toy.settings(), tmp_path / "toy")
