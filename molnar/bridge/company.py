"""What draws beside a checkpoint, a refiner and ControlNets: how large, and how much work.

Text encoders and decoder of a refiner are those of the checkpoint, as they are published; so its
own network alone is counted. Nothing is loaded: sizes are those of the files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from molnar.bridge.beside import HANDOVER, second_path
from molnar.bridge.estimating import BYTES, parameters, parts_of
from molnar.bridge.headers import read_header
from molnar.bridge.options import Options
from molnar.bridge.recognising import Found, recognise


@dataclass(frozen=True)
class Company:
    """Weights that are counted beside a checkpoint's own.

    Example:
        >>> Company(control=1.8e8).steps(2.0, weights=3.6e8)
        3.0
    """

    refiner: float = 0.0  # how many weights
    control: float = 0.0
    takes_over: bool = True  # the refiner goes on with the steps; else it adds some of its own

    def steps(self, step: float, weights: float) -> float:
        """Estimate a mean step with all that draws.

        Args:
            step: Seconds of a step of the checkpoint alone.
            weights: How many its network has.
        """
        own = step * (1 + self.control / weights)
        if not self.refiner or not self.takes_over:
            return own
        return own * HANDOVER + (1 - HANDOVER) * step * self.refiner / weights

    def bytes_as(self, dtype: str) -> int:
        """Give the bytes of all of it in files of a dtype."""
        return int((self.refiner + self.control) * BYTES.get(dtype, 2))


def company_of(found: Found, options: Options, controls: Sequence[Path] = ()) -> Company:
    """Count what draws beside a checkpoint.

    Args:
        found: The checkpoint.
        options: They may name a refiner.
        controls: ControlNets: a file or a folder each; one that is named twice is loaded once.

    Raises:
        CheckpointError: A refiner is none.
    """
    refiner, takes_over = 0.0, True
    if (path := second_path(found, options)) is not None:
        second = recognise(path)
        parts = parts_of(second)
        refiner, takes_over = parameters(parts.drawer, parts.dtype), second.family.name != "if-ii"
    return Company(refiner, sum(map(_weights, set(controls))), takes_over)


def _weights(path: Path) -> float:
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    whole = [file for file in files if ".fp16." not in file.name] or files
    tensors = [tensor for file in whole for tensor in read_header(file).tensors.values()]
    return sum((parameters(one.bytes, one.dtype) for one in tensors), 0.0)
