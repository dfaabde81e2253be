"""Numbers of a run -> metrics.jsonl for later, and a bar (or plain lines) on stderr for now."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

LINE_S = 30.0  # seconds between two plain lines when stderr is not a terminal


def duration(seconds: float) -> str:
    """Write seconds as 42s, 7m05s or 1h40m."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


@dataclass(frozen=True, kw_only=True)
class Progressed:
    """One line of the log: the state of a run at a number of images."""

    images: int
    loss: float
    lr: float
    pace: float  # pictures per second, over the last lines
    seconds: float  # trained so far, all sessions
    share: float  # of the run, [0, 1]
    left_s: float  # estimated
    extras: dict[str, float] = field(default_factory=dict)

    def text(self) -> str:
        """Write it for people."""
        extras = "".join(f"  {key} {value:.4g}" for key, value in self.extras.items())
        return (
            f"{self.images:,} pictures  loss {self.loss:.4f}{extras}  lr {self.lr:.1e}  "
            f"{self.pace:.1f} pictures/s  {duration(self.left_s)} left"
        )


class RunLog:
    """Writes metrics.jsonl and reports on stderr; a context manager.

    Example:
        >>> import tempfile
        >>> with RunLog(Path(tempfile.mkdtemp()), "toy", resumed_at=0, console=None) as log:
        ...     log.note("started")
    """

    def __init__(
        self, folder: Path, name: str, *, resumed_at: int, console: Console | None
    ) -> None:
        self.path, self.name, self.console = folder / "metrics.jsonl", name, console
        self.progress: Progress | None = None
        self.task_id: TaskID | None = None
        self.last_line_s = time.monotonic()
        forget_after(self.path, resumed_at)

    def __enter__(self) -> RunLog:
        """Show the bar, if somebody looks."""
        self.file = self.path.open("a", encoding="utf-8")
        if self.console is not None and self.console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[t]}"),
            )
            self.progress = Progress(*columns, console=self.console)
            self.progress.start()
            self.task_id = self.progress.add_task(self.name, total=1.0, t="")
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away and close the file."""
        if self.progress is not None:
            self.progress.stop()
        self.file.close()

    def write(self, state: Progressed) -> None:
        """Append one line of metrics and move the bar."""
        line = {
            "images": state.images,
            "loss": state.loss,
            "lr": state.lr,
            "pictures_per_s": round(state.pace, 2),
            "seconds": round(state.seconds, 1),
            **state.extras,
        }
        self.append(line)
        if self.progress is not None and self.task_id is not None:
            self.progress.update(self.task_id, completed=state.share, t=state.text())
        elif self.console is not None and time.monotonic() - self.last_line_s >= LINE_S:
            self.last_line_s = time.monotonic()
            self.say(f"{state.share:4.0%}  {state.text()}")

    def append(self, line: dict[str, Any]) -> None:
        """Append one JSON object to metrics.jsonl."""
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()

    def note(self, text: str) -> None:
        """Say one thing: a checkpoint, a sheet, a problem."""
        self.say(text)

    def say(self, text: str) -> None:
        """Write one line on stderr, above the bar."""
        if self.console is not None:
            self.console.print(
                f"{self.name}: {text}", markup=False, highlight=False, soft_wrap=True
            )


def forget_after(path: Path, images: int) -> None:
    """Drop metrics beyond the checkpoint a run resumes from: they will be written again."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line + "\n" for line in lines if images_of(line) <= images]
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("".join(kept), encoding="utf-8")
    temporary.replace(path)


def images_of(line: str) -> float:
    """Read the images of one line of metrics; infinity if a kill cut the line."""
    try:
        return float(json.loads(line)["images"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
