"""A task small enough to be trained in a test, and to be run as a process that can be killed.

As a script: `python toy.py RUN_DIR IMAGES SLEEP_S` prints "images <seen>" as it goes.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from molnar.base.errors import MolnarError
from molnar.lab.train.loop import train
from molnar.lab.train.settings import TrainSettings


class Toy:
    """Learns to swap channels, with dropout (torch's own randomness) and buffers."""

    name = "toy"

    def __init__(
        self, *, sleep_s: float = 0.0, say: bool = False, nan_at: int | None = None
    ) -> None:
        torch.manual_seed(5)
        self.module: nn.Module = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.Dropout(0.1),
            nn.Conv2d(8, 3, 3, padding=1),
        )
        self.sleep_s, self.say, self.nan_at = sleep_s, say, nan_at
        self.width = 8
        self.sheets: list[Path] = []

    def describe(self) -> dict[str, Any]:
        return {"kind": "toy", "config": {"width": self.width}}

    def batch(self, seen: int, size: int) -> dict[str, Tensor]:
        draw = np.random.Generator(np.random.Philox(key=[3, seen]))
        value = torch.from_numpy(draw.standard_normal((size, 3, 8, 8), dtype=np.float32))
        if self.nan_at is not None and seen >= self.nan_at:
            value = value * torch.nan
        return {"image": value, "seen": torch.tensor(seen)}

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        if self.say:
            sys.stdout.write(f"images {int(batch['seen'])}\n")
            sys.stdout.flush()
        time.sleep(self.sleep_s)
        found = self.module(batch["image"])
        return (found - batch["image"].flip(1)).square().mean(), {"double": 2.0}

    def sheet(self, module: nn.Module, path: Path) -> None:
        assert not module.training
        path.write_bytes(b"picture")
        self.sheets.append(path)


def settings(**changes: Any) -> TrainSettings:
    """Give quick settings: 12 steps of 4 pictures unless told otherwise."""
    values: dict[str, Any] = {
        "images": 48,
        "batch": 4,
        "lr": 1e-2,
        "warmup": 8,
        "device": "cpu",
        "threads": 1,
        "checkpoint_minutes": 1000.0,
        "sheet_minutes": 0.0,
        "log_steps": 1,
    }
    return TrainSettings(**{**values, **changes})


def main() -> int:
    """Train in the folder given, saving after every step."""
    folder, images, sleep_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    try:
        task = Toy(sleep_s=sleep_s, say=True)
        train(task, settings(images=images, checkpoint_minutes=0.0), folder)
    except MolnarError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
