"""The process around a run: its device, threads, precision, and the signals that ask it to stop."""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from types import FrameType

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from molnar.base.errors import ConfigError
from molnar.lab.train.settings import TrainSettings


@dataclass
class Asked:
    """What a signal asked for: the loop looks at it after each step."""

    exit_code: int | None = None


def pick_device(name: str) -> torch.device:
    """Choose where to compute: "auto" is the GPU if there is one.

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device is {name!r}; expected auto, cpu or cuda") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"device is {name!r} and there is no CUDA GPU here; "
            "use --recipe sticker_cpu, or --set PART.train.device=auto"
        )
    return device


def multiplies_bf16(device: torch.device) -> bool:
    """Tell whether bf16 products are faster than fp32 ones.

    They are on GPUs since Ampere, and on CPUs with AMX or AVX512-BF16. Elsewhere bf16 is emulated;
    on a CPU that is slower by up to 80 times.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    units = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return device.type != "cpu" or any(getattr(torch.cpu, one, bool)() for one in units)


def compute_type(settings: TrainSettings, device: torch.device) -> torch.dtype:
    """Give the type that products are computed in; "auto" asks the machine."""
    wanted = settings.precision
    fast = wanted == "bf16" or (wanted == "auto" and multiplies_bf16(device))
    return torch.bfloat16 if fast else torch.float32


def autocast(settings: TrainSettings, device: torch.device) -> AbstractContextManager[object]:
    """Compute in bf16 where it is safe to; weights and everything AdamW touches stay fp32."""
    if compute_type(settings, device) == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


@contextmanager
def attention_for(device: torch.device) -> Iterator[None]:
    """Compute attention on a CPU by plain products: the U-Net trains 1.2 times faster so.

    The fused kernel saves memory that pictures of 64 cells do not need, and its backward pass does
    not use a CPU's matrix units.
    """
    if device.type == "cpu":
        with sdpa_kernel(SDPBackend.MATH):
            yield
    else:
        yield


def keep_freed_memory() -> bool:
    """Let glibc keep what is freed for the next step, for the rest of the process.

    By default large tensors go back to the system when they are freed, and each step pays for
    fresh, zeroed pages: 4 to 7 % of the U-Net's training.

    Returns:
        Whether this system's allocator took it; others are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # mallopt(3): M_MMAP_THRESHOLD (-3) first. Older versions refuse more than 32 MiB, and any call
    # that takes stops the threshold from growing by itself.
    if not (mallopt(-3, 2**31 - 1) or mallopt(-3, 2**25)):
        return False
    return bool(mallopt(-1, 2**31 - 1) and mallopt(-2, 2**28))  # M_TRIM_THRESHOLD, M_TOP_PAD


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
