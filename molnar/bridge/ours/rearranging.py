"""A tensor and a pattern in, the tensor with its axes in another order, split or joined, out.

Source: Rogozhnikov 2022, "Einops: clear and reliable tensor manipulations with Einstein-like
notation", section 3; this is the part of `einops.rearrange` that the networks use.
"""

from __future__ import annotations

import math
import re

from torch import Tensor


def rearrange(x: Tensor, pattern: str, **sizes: int) -> Tensor:
    """Rearrange axes, e.g. by "B L (N K) -> B N L K".

    Args:
        x: Any tensor.
        pattern: Names of its axes, then of the result's; those in one bracket share an axis.
        sizes: Lengths that cannot be told from x: all names of a bracket but one.

    Example:
        >>> import torch
        >>> rearrange(torch.zeros(2, 3, 8), "B L (N K) -> B N L K", N=4).shape
        torch.Size([2, 4, 3, 2])
    """
    left, right = (_axes(side) for side in pattern.split("->"))
    lengths: dict[str, int] = {}
    for names, length in zip(left, x.shape, strict=True):
        known = math.prod(sizes[name] for name in names if name in sizes)
        lengths |= {name: sizes.get(name, length // known) for name in names}
    order = list(lengths)
    split = x.reshape(list(lengths.values()))
    turned = split.permute([order.index(name) for names in right for name in names])
    return turned.reshape([math.prod(lengths[name] for name in names) for names in right])


def _axes(side: str) -> list[list[str]]:
    """Cut one side of a pattern into its axes, each a list of names; "1" has none."""
    found = re.findall(r"\(([^)]*)\)|(\S+)", side)
    return [together.split() if together else [name] * (name != "1") for together, name in found]
