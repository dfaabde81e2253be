"""A task and settings -> a trained module in a run folder: the one training loop of every part.

Resuming is running the same command again. Every number the loop uses (learning rate, averaging,
data, noise) is a function of the images seen, so a run that was killed ends in the same weights as
one that was not.
"""

from __future__ import annotations

import copy
import math
import platform
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from molnar.base.errors import TrainingError
from molnar.lab.train import checkpoint, optim, process
from molnar.lab.train.ema import Ema, decay
from molnar.lab.train.log import Progressed, RunLog, duration
from molnar.lab.train.prefetch import Prefetch
from molnar.lab.train.settings import TrainSettings, plain, plan_images, plan_minutes
from molnar.lab.train.task import Batch, Task, describe, exported, identity
from molnar.lab.train.workspace import (
    Run,
    load_weights,
    locked,
    open_run,
    write_model,
    written_images,
)

__all__ = ["RunReport", "Session", "Task", "TrainingInterrupted", "train"]


class TrainingInterrupted(TrainingError):  # noqa: N818 - not an error, like KeyboardInterrupt
    """Ctrl-C: the step was finished, the state saved."""

    exit_code = 130


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """What a session did.

    `stopped` is "done", "minutes" (the session's budget) or "terminated" (SIGTERM, after saving).
    """

    folder: Path
    images: int
    seconds: float  # trained in all sessions
    loss: float  # mean of the last logged steps; nan if nothing was trained
    pace: float  # pictures per second of this session
    stopped: str
    problems: list[Any] = field(default_factory=list)


def train(
    task: Task,
    settings: TrainSettings,
    run_dir: Path | str,
    *,
    fresh: bool = False,
    source: dict[str, Any] | None = None,
    console: Console | None = None,
) -> RunReport:
    """Train `task.module` in `run_dir`, from its newest good checkpoint if there is one.

    Args:
        task: What is trained.
        settings: How; `settings.images` or `settings.minutes` say how long.
        run_dir: The run's folder: config, metrics, samples, checkpoints, model.safetensors.
        fresh: Set an existing run in `run_dir` aside and start anew.
        source: What decides the pictures (world, drawings, files): part of the run's config.
        console: Where to report (stderr); None = quietly.

    Raises:
        ConfigError: `run_dir` holds another run.
        TrainingError: the loss is not finite, the disk is full, or another process trains here.
        TrainingInterrupted: Ctrl-C, after saving.
    """
    folder = Path(run_dir)
    process.keep_freed_memory()
    with locked(folder), process.cpu_threads(settings.threads), process.signals() as asked:
        known = identity(task) if source is None else {**identity(task), "source": source}
        run = open_run(folder, settings, known, fresh=fresh)
        session = Session(task, settings, run)
        with RunLog(folder, task.name, resumed_at=session.seen, console=console) as log:
            report = session.run_to_end(log, asked)
    if asked.exit_code == 130:  # Ctrl-C while the end was being saved: nothing may follow
        raise TrainingInterrupted(
            f"{task.name}: finished and saved at {report.images:,} pictures; "
            "run the same command again to go on"
        )
    if asked.exit_code == 0:  # SIGTERM then: nothing may follow either
        report = replace(report, stopped="terminated")
    return report


class Session:
    """One process working on one run: the state that moves, and the paragraphs of the loop."""

    def __init__(self, task: Task, settings: TrainSettings, run: Run) -> None:
        self.task, self.settings, self.run = task, settings, run
        self.device = process.pick_device(settings.device)
        self.module = task.module.to(self.device).train()
        if settings.channels_last:
            self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = optim.adamw(self.module, settings)
        self.notes: list[str] = []
        if settings.init is not None:
            load_weights(self.module, Path(settings.init))
        self.ema = Ema(self.module)
        self.seen, self.seconds_before = self.restore()
        if settings.images is not None and self.run.plan is None:
            self.run = self.run.planned(plan_images(settings))
        self.started = time.monotonic()
        self.first_seen = self.saved_at = self.seen
        self.losses: deque[Tensor] = deque(maxlen=settings.log_steps)
        self.extras: dict[str, float] = {}
        self.loss = math.nan
        self.marks: deque[tuple[float, int]] = deque(maxlen=50)  # (seconds, images) for the pace

    def restore(self) -> tuple[int, float]:
        """Load the newest good checkpoint; return the images it saw and the seconds it took."""
        found, damaged = checkpoint.newest(self.run.checkpoints)
        self.notes += [f"skipped a damaged checkpoint: {error}" for error in damaged]
        if found is None:
            return 0, 0.0
        self.module.load_state_dict(found.state["model"])
        self.ema.module.load_state_dict(found.state["ema"])
        optim.load_optimizer_tensors(self.optimizer, self.module, found.state["optimizer"])
        self.notes.append(f"continuing from {found.images:,} pictures ({found.path})")
        return found.images, float(found.manifest["seconds"])

    @property
    def elapsed_s(self) -> float:
        """Seconds trained, in all sessions."""
        return self.seconds_before + time.monotonic() - self.started

    def run_to_end(self, log: RunLog, asked: process.Asked) -> RunReport:
        """Train until the plan is fulfilled, the minutes are over, or a signal asks to stop."""
        for note in self.notes:
            log.note(note)
        self.compile()
        settings, stopped = self.settings, "done"
        next_save = next_sheet = time.monotonic()
        next_save += 60.0 * settings.checkpoint_minutes
        next_sheet += 60.0 * settings.sheet_minutes
        pinned = self.device.type == "cuda"
        with Prefetch(self.task, self.seen, settings.batch, pinned=pinned) as batches:
            while not self.finished():
                # Once in a while: a sheet to look at, a checkpoint to come back to.
                if settings.sheet_minutes and time.monotonic() >= next_sheet:
                    self.sheet(log)
                    next_sheet = time.monotonic() + 60.0 * settings.sheet_minutes
                if time.monotonic() >= next_save:
                    self.save(log)
                    next_save = time.monotonic() + 60.0 * settings.checkpoint_minutes

                # The step.
                self.step(batches.next())

                # What people see, and what they ask for.
                if self.seen // settings.batch % settings.log_steps == 0:
                    self.report(log)
                if asked.exit_code is not None:
                    stopped = "interrupted" if asked.exit_code == 130 else "terminated"
                    break
                if self.out_of_minutes():
                    stopped = "minutes"
                    break
        return self.end(stopped, log)

    def end(self, stopped: str, log: RunLog) -> RunReport:
        """Save what is not saved yet, draw the last sheet, report."""
        if self.seen > self.saved_at or written_images(self.run.folder) != self.seen:
            self.save(log)
        if stopped == "interrupted":
            raise TrainingInterrupted(
                f"{self.task.name}: stopped and saved at {self.seen:,} pictures; "
                "run the same command again to continue"
            )
        if stopped == "done" and self.settings.sheet_minutes and self.seen > self.first_seen:
            self.sheet(log)
        log.note(f"{stopped} at {self.seen:,} pictures after {duration(self.elapsed_s)}")
        return RunReport(
            folder=self.run.folder,
            images=self.seen,
            seconds=self.elapsed_s,
            loss=self.loss,
            pace=(self.seen - self.first_seen) / max(1e-9, time.monotonic() - self.started),
            stopped=stopped,
            problems=list(getattr(self.task, "problems", [])),
        )

    def finished(self) -> bool:
        """Tell whether the plan is fulfilled; fix the plan first when its moment has come."""
        if self.run.plan is None and self.seen > self.first_seen:
            plan = plan_minutes(
                self.settings, seen=self.seen, elapsed_s=self.elapsed_s, pace=self.pace()
            )
            if plan is not None:
                self.run = self.run.planned(plan)
        return self.run.plan is not None and self.seen >= self.run.plan.total

    def out_of_minutes(self) -> bool:
        """Tell whether this session's minutes are over (when the length is given in images)."""
        if self.settings.images is None or self.settings.minutes is None:
            return False
        return time.monotonic() - self.started >= 60.0 * self.settings.minutes

    def step(self, batch: Batch) -> None:
        """Take one step: loss, gradient, clip, AdamW, average.

        Raises:
            TrainingError: the loss or the gradient is not finite; nothing of it is saved.
        """
        settings = self.settings
        # What torch itself draws (dropout, noise) depends on the images seen, not on the history.
        torch.manual_seed((settings.seed * 1_000_003 + self.seen) % 2**63)
        batch = {key: value.to(self.device, non_blocking=True) for key, value in batch.items()}
        with process.attention_for(self.device):
            with process.autocast(settings, self.device):
                loss, self.extras = self.task.loss(batch)
            loss.backward()  # type: ignore[no-untyped-call]
        limit = settings.clip if settings.clip > 0 else math.inf
        norm = nn.utils.clip_grad_norm_(self.module.parameters(), limit)
        lr = optim.learning_rate(settings, self.run.plan, self.seen)
        self.losses.append(torch.stack((loss.detach().float(), norm.detach().float())))
        if self.device.type == "cpu":  # asking a GPU at every step would make it wait
            self.check()
        optim.set_learning_rate(self.optimizer, lr)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.seen += settings.batch
        self.ema.update(self.module, decay(settings, self.seen))

    def check(self) -> None:
        """Stop if a loss or gradient norm since the last report is not finite."""
        if not self.losses or bool(torch.isfinite(torch.stack(tuple(self.losses))).all()):
            return
        found = checkpoint.numbered(self.run.checkpoints)
        kept = (
            f"the last good checkpoint is {found[0]}" if found else "no checkpoint was written yet"
        )
        raise TrainingError(
            f"{self.task.name}: loss or gradient is not finite at {self.seen:,} pictures "
            f"(lr {optim.learning_rate(self.settings, self.run.plan, self.seen):.2e}); {kept}; "
            "lower lr or clip (a changed value needs another --out with init, or --fresh)"
        )

    def pace(self) -> float:
        """Pictures per second, over the last marks (a mark per report) or since the start."""
        now = time.monotonic()
        since, images = self.marks[0] if len(self.marks) > 1 else (self.started, self.first_seen)
        return (self.seen - images) / max(1e-9, now - since)

    def report(self, log: RunLog) -> None:
        """Write one line of metrics."""
        self.check()
        self.loss = float(torch.stack(tuple(self.losses))[:, 0].mean())
        self.marks.append((time.monotonic(), self.seen))
        pace = self.pace()
        plan, budget_s = self.run.plan, 60.0 * (self.settings.minutes or 0.0)
        if plan is not None:
            share, left_s = self.seen / plan.total, (plan.total - self.seen) / max(pace, 1e-9)
        else:
            share, left_s = self.elapsed_s / max(budget_s, 1e-9), budget_s - self.elapsed_s
        log.write(
            Progressed(
                images=self.seen,
                loss=self.loss,
                lr=optim.learning_rate(
                    self.settings, plan, max(0, self.seen - self.settings.batch)
                ),
                pace=pace,
                seconds=self.elapsed_s,
                share=min(1.0, share),
                left_s=left_s,
                extras={key: float(value) for key, value in self.extras.items()},
            )
        )

    def save(self, log: RunLog) -> None:
        """Write a checkpoint, then the averaged weights for export."""
        self.check()
        state = {
            "model": dict(self.module.state_dict()),
            "ema": dict(self.ema.module.state_dict()),
            "optimizer": optim.optimizer_tensors(self.optimizer, self.module),
        }
        versions = {"torch": torch.__version__, "numpy": np.__version__}
        manifest = {
            "seconds": round(self.elapsed_s, 3),
            "config_hash": self.run.config_hash,
            "config": self.run.config,
            "plan": plain(self.run.plan),
            "versions": {**versions, "python": platform.python_version()},
        }
        keep = self.settings.keep
        path = checkpoint.save(
            self.run.checkpoints, state, images=self.seen, manifest=manifest, keep=keep
        )
        weights = exported(self.task, copy.deepcopy(self.ema.module))
        write_model(self.run.folder, weights, {**describe(self.task), "images": self.seen})
        self.saved_at = self.seen
        log.note(f"saved {path}")

    def sheet(self, log: RunLog) -> None:
        """Draw a sample sheet; a failure is reported and does not end hours of training."""
        path = self.run.folder / "samples" / f"{self.seen:012d}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with torch.no_grad():
                self.task.sheet(self.ema.module, path)
        except Exception as error:  # noqa: BLE001 - whatever it is, the weights matter more
            log.note(f"no sample sheet: {type(error).__name__}: {error}")

    def compile(self) -> None:
        """Compile what the loss calls, in place: names of weights stay as they are."""
        if self.settings.compile:
            own = getattr(self.task, "compile", None)
            (self.module.compile if own is None else own)()
