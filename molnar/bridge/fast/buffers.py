"""Memory that is used again and again: no page of it is asked from the system twice.

A fresh tensor of some megabytes costs the system as much time to map and clear as a convolution
takes to fill it. What is only needed inside one call is kept here, one buffer a name and thread.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_kept = threading.local()


def buffer(name: str, shape: tuple[int, ...]) -> Tensor:
    """A float32 tensor of `shape` with anything in it, valid until the name is asked for again.

    Example:
        >>> buffer("example", (2, 3)).shape
        torch.Size([2, 3])
    """
    kept: dict[str, Tensor] = _kept.__dict__
    size = math.prod(shape)
    if name not in kept or kept[name].numel() < size:
        kept.pop(name, None)  # the smaller one goes before the larger one comes
        with torch.inference_mode(False):  # or nobody else could write into it
            kept[name] = torch.empty(size)
    return kept[name][:size].view(shape)


def forget() -> None:
    """Give every buffer of this thread back to the system."""
    _kept.__dict__.clear()
