"""A bundle in, its parts as callables out: `onnx` (default, no torch) or `torch`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from molnar.base.errors import ConfigError

if TYPE_CHECKING:
    from molnar.base.types import Parts
    from molnar.bundle import Bundle

__all__ = ["ENGINES", "open_parts", "prepare"]

ENGINES = ("onnx", "torch")


def open_parts(bundle: Bundle, engine: str = "onnx", *, threads: int | None = None) -> Parts:
    """Give the parts of a bundle as callables.

    Args:
        bundle: A verified bundle.
        engine: "onnx" needs no torch; "torch" needs `molnar[train]`.
        threads: CPU threads, at least 1; None lets the engine choose.

    Raises:
        ConfigError: Unknown engine or impossible number of threads.
        MissingExtraError: The torch engine without torch.
    """
    if threads is not None and threads < 1:
        raise ConfigError(
            f"got threads={threads}; expected 1 or more; leave it out to let the engine choose"
        )
    if engine == "onnx":
        from molnar.engines.onnx import OnnxParts

        return OnnxParts(bundle, threads=threads)
    if engine == "torch":
        from molnar.engines.torch import TorchParts

        return TorchParts(bundle, threads=threads)
    raise ConfigError(f"got engine {engine!r}; expected one of {', '.join(ENGINES)}")


def prepare(parts: Parts, *names: str) -> None:
    """Let an engine that loads its parts lazily begin with these, side by side."""
    begin: Callable[..., None] | None = getattr(parts, "prepare", None)
    if begin is not None:
        begin(*names)
