"""Weights that were taught with some names in, weights that begin with others out.

Names are told by vectors that are set apart from each other (`naming.apart`), so that new names
move the old ones. What was learned is kept: every matrix that reads or writes a name is multiplied
by the linear map that takes the new vectors of the old names to their old ones: exactly for fewer
old names than a vector has numbers, in least squares for more. A planner's own rows move with their
names; those of new names begin at the mean.

Source: Chen et al. 2016, arXiv 1511.05641, section 2.3 (a larger network that begins as the smaller
one it replaces).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molnar.base.errors import TrainingError

Floats = NDArray[np.float32]
READERS = ("planned.read.weight", "sketch.read.weight")  # W F 1 1 of a network; a name comes first
RIDGE = 1e-3  # of the least squares


def carried(before: Floats, after: Floats) -> Tensor:
    """Fit the map from new vectors to old ones.

    Args:
        before: of the old names, float32 N P.
        after: of the same names now, float32 N P.

    Returns:
        Float P P; times a column of new numbers, it gives the old ones.
    """
    wide = after.astype(np.float64)
    squares = wide.T @ wide + RIDGE * np.eye(wide.shape[1])
    return torch.from_numpy(np.linalg.solve(squares, wide.T @ before).T.astype(np.float32))


def network(
    weights: Mapping[str, Tensor], before: Floats, after: Floats, seed: int = 0
) -> dict[str, Tensor]:
    """Let a network that reads plans read the new names.

    Where no old name points, the new ones would be read as nothing: there it begins at random.

    Args:
        weights: of the network.
        before: of the old names, float32 N P.
        after: of the same names now, in the same order, float32 N P.
        seed: of what begins at random.

    Returns:
        Weights of the same shapes.
    """
    width, out = before.shape[1], dict(weights)
    moved, draw = carried(before, after), torch.Generator().manual_seed(seed)
    spanned = np.linalg.svd(after.T, full_matrices=False)[0]
    strange = torch.from_numpy(np.eye(width, dtype=np.float32) - spanned @ spanned.T)
    for key in READERS:
        if key in weights:
            read = weights[key].clone()
            names = read[:, :width, 0, 0]
            drawn = torch.randn(names.shape, generator=draw)
            read[:, :width, 0, 0] = names @ moved + names.std() * drawn @ strange
            out[key] = read
    return out


def planner(
    weights: Mapping[str, Tensor],
    names: Sequence[str],
    before: Sequence[str],
    vectors: Floats,
) -> dict[str, Tensor]:
    """Let a planner write the new names.

    Args:
        weights: of the planner, with its old names' vectors.
        names: that it is to write, N of them, all old ones among them.
        before: the old names, in the order of its rows.
        vectors: of `names`, float32 N P.

    Returns:
        Weights of a planner of N names.

    Raises:
        TrainingError: an old name is not among the new ones.
    """
    lost = [name for name in before if name not in names]
    if lost:
        raise TrainingError(
            f"{len(lost)} names would be lost, {lost[0]!r} the first; expected all old names among "
            "the new: add them"
        )
    rows = [names.index(name) for name in before]
    moved = carried(weights["vectors"].numpy(), vectors[rows])
    out = dict(weights)
    out["vectors"] = torch.from_numpy(vectors)
    out["name_in.weight"] = weights["name_in.weight"] @ moved
    out["to_vector.weight"] = moved.T @ weights["to_vector.weight"]
    for key in ("name_own.weight", "to_name.weight", "to_name.bias"):
        old = weights[key]
        own, end = old[: len(before)], old[len(before) :]  # the end of a plan is no name
        begun = own.mean(dim=0, keepdim=True).expand(len(names), *own.shape[1:]).clone()
        begun[rows] = own
        out[key] = torch.cat([begun, end])
    return {key: value.contiguous() for key, value in out.items()}
