"""What there is to compute with: memory, cores, and which numbers the processor is quick at."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from molnar.base.errors import RequestError

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_USED = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")
# Processors that multiply bfloat16 in hardware. Others convert each number twice, and are slower.
_BF16 = ("avx512_bf16", "amx_bf16", "bf16")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One device, and the memory beside it.

    Example:
        >>> Machine(device="cpu", memory=8 * 2**30, own=0, cores=2, bf16=False).room
        8589934592
    """

    device: str  # "cpu", "cuda", "cuda:1", "mps"
    memory: int  # bytes of main memory that are free
    own: int  # bytes of the device's own memory that are free; 0 = it has none
    cores: int
    bf16: bool  # bfloat16 is multiplied in hardware
    name: str = ""

    @property
    def room(self) -> int:
        """Bytes that a model may take where it is computed."""
        return self.own or self.memory


def look(device: str = "auto", threads: int | None = None) -> Machine:
    """Look at this machine.

    Args:
        device: As `Options.device`.
        threads: Cores to use; None = all that this process may.

    Raises:
        RequestError: There is no such device.
    """
    cores = threads or usable_cores()
    kind = device.partition(":")[0]
    if kind not in ("auto", "cpu", "cuda", "mps"):
        raise RequestError(f"device is {device!r}; expected auto, cpu, cuda, cuda:N or mps")
    if kind != "cpu":
        found = _accelerator(device, cores)
        if found is not None:
            return found
        if kind != "auto":
            raise RequestError(
                f"device is {device!r}, and torch finds no such here; expected cpu, or another "
                "build of torch"
            )
    return Machine(
        device="cpu", memory=free_memory(), own=0, cores=cores, bf16=_bf16(), name=_processor()
    )


def free_memory() -> int:
    """Give the bytes of main memory that this process may still take."""
    free = _available()
    for limit, used in zip(_LIMITS, _USED, strict=True):
        most, now = _number(limit), _number(used)
        if most is not None and now is not None and most < 2**60:
            free = min(free, max(0, most - now))
    return free


def usable_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _accelerator(device: str, cores: int) -> Machine | None:
    if "torch" not in sys.modules and not _installed("torch"):
        return None
    import torch

    wanted = "cuda" if device == "auto" else device
    if wanted.startswith("cuda") and torch.cuda.is_available():
        index = int(wanted.partition(":")[2] or 0)
        if index >= torch.cuda.device_count():
            return None
        free, _ = torch.cuda.mem_get_info(index)
        return Machine(
            device=wanted,
            memory=free_memory(),
            own=free,
            cores=cores,
            bf16=torch.cuda.is_bf16_supported(),
            name=torch.cuda.get_device_name(index),
        )
    if device in ("auto", "mps") and torch.backends.mps.is_available():
        # Its memory is the main memory.
        memory = free_memory()
        return Machine(device="mps", memory=memory, own=0, cores=cores, bf16=False, name="mps")
    return None


def _installed(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def _available() -> int:
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        pages = os.sysconf("SC_AVPHYS_PAGES" if sys.platform != "darwin" else "SC_PHYS_PAGES")
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 8 * 2**30  # nobody tells: as much as a small laptop has


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text("ascii"))
    except (OSError, ValueError):  # "max"
        return None


def _bf16() -> bool:
    return any(flag in _flags() for flag in _BF16)


def _flags() -> set[str]:
    for line in _cpu_lines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return set(value.split())
    return set()


def _processor() -> str:
    for line in _cpu_lines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return ""


def _cpu_lines() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text("utf-8", "replace").split("\n\n", 1)[0].splitlines()
    except OSError:
        return []
