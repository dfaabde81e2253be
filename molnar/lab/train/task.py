"""What the loop asks of a part: batches in, a loss and a picture of progress out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from molnar.lab.train.settings import plain

Batch = dict[str, Tensor]
#: Keys of `describe()` that decide the numbers, and so whether a run may be continued.
IDENTITY_KEYS = frozenset({"kind", "config", "data"})


class Task(Protocol):
    """What differs between parts. `batch` runs in another thread; its randomness comes from `seen`.

    Optional members, looked up by name:
      - `describe() -> dict` with at least "kind" and "config", and whatever else model.json should
        hold; "kind", "config" and "data" decide whether a run may be continued;
      - `exported(module) -> nn.Module` when only a part of the module is worth keeping;
      - `compile()` when `module.forward` is not what the loss calls;
      - `problems`, a list of data files that could not be read.
    """

    name: str
    module: nn.Module

    def batch(self, seen: int, size: int) -> Batch:
        """Return training pictures seen ... seen + size - 1: a pure function."""
        ...

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the scalar to descend, fp32, and numbers to log."""
        ...

    def sheet(self, module: nn.Module, path: Path) -> None:
        """Write a sample sheet (PNG) drawn with the averaged weights."""
        ...


def describe(task: Task) -> dict[str, Any]:
    """Ask the task what it trains: its own `describe()`, or its name and its module's `config`."""
    own = getattr(task, "describe", None)
    if own is not None:
        return dict(plain(own()))
    return {"kind": task.name, "config": plain(getattr(task.module, "config", {}))}


def identity(task: Task) -> dict[str, Any]:
    """Give what decides the numbers of a run, besides its settings."""
    own = {key: value for key, value in describe(task).items() if key in IDENTITY_KEYS}
    return {"name": task.name, **own}


def exported(task: Task, module: nn.Module) -> nn.Module:
    """Choose what model.safetensors holds: the task's `exported(module)`, or the whole module."""
    own = getattr(task, "exported", None)
    return module if own is None else own(module)
