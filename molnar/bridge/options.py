"""How a checkpoint is to be opened: what a person may say, everything else is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Options:
    """What was said about a checkpoint's computation; the rest follows from the machine.

    Example:
        >>> Options(dtype="float32").device
        'auto'
    """

    device: str = "auto"  # "auto", "cpu", "cuda", "cuda:1", "mps"
    dtype: str = "auto"  # "auto", "float32", "bfloat16", "float16"
    low_memory: bool = False  # as little as can be, at any cost of time
    exact: bool = False  # nothing that changes a picture by more than rounding
    backend: str = "torch"  # "torch" or "openvino"
    threads: int | None = None  # of the CPU; None = one per core
    vae: str | None = None  # path; decodes in place of the checkpoint's own
    loras: tuple[Path, ...] = ()  # files that prompts may name, wherever they lie
    preview: str | None = None  # path or name of a tiny decoder, which shows pictures on their way
    refiner: str | None = None  # path; goes on where the checkpoint ends: SDXL's refiner, IF-II
