"""The process around a run: its device, threads, precision, and the signals that ask it to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from types import FrameType

import torch

from molnar.lab.train.settings import TrainSettings


@dataclass
class Asked:
    """What a signal asked for: the loop looks at it after each step."""

    exit_code: int | None = None


def pick_device(name: str) -> torch.device:
    """Choose where to compute: "auto" is the GPU if there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def autocast(settings: TrainSettings, device: torch.device) -> AbstractContextManager[object]:
    """Compute in bf16 where it is safe to; weights and everything AdamW touches stay fp32."""
    if settings.precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


@contextmanager
def cpu_threads(number: int | None) -> Iterator[None]:
    """Use this many CPU threads inside, and as many as before afterwards."""
    before = torch.get_num_threads()
    try:
        if number is not None:
            torch.set_num_threads(number)
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def signals() -> Iterator[Asked]:
    """Grant Ctrl-C and SIGTERM after the step that is running; a second Ctrl-C is immediate."""
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and asked.exit_code is not None:
            raise KeyboardInterrupt
        asked.exit_code = 130 if number == signal.SIGINT else 0

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
