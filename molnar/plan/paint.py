"""A plan in, what it says of every cell of the latent out.

Each cell holds the name (a sentence vector), the colour and the box of the thing that lies on top
there, mixed by coverage at edges, so that a network of small windows knows what it is drawing and
where in it it is. How all of the picture is drawn (a look, a style) is a name, too, and added to
that of every cell. Nothing is drawn: what a name looks like is left to the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from molnar.base.boxes import BOX, LOUD_BOX
from molnar.plan.items import COLOURS, MANNERS, Item

Floats = NDArray[np.float32]
VERSION = 1  # of the numbers below: networks read what they were trained with
FAR = 1.5  # half sides from the centre beyond which a cell is "outside", however far


def features(name_width: int) -> int:
    """Count the numbers per cell, for names of `name_width` numbers."""
    return name_width + len(COLOURS) + BOX


def paint(
    plan: Sequence[Item], names: Mapping[str, Floats], shape: tuple[int, int], name_width: int
) -> Floats:
    """Lay the items of a plan over each other, first ones lowest.

    Args:
        plan: Items with places in fractions of the shorter side.
        names: Vector of every name in the plan, float32 P, of length about 1.
        shape: Rows and columns of the latent, in cells.
        name_width: P.

    Returns:
        Float F H W with F = `features(P)`; all zero where nothing is planned.
    """
    height, width = shape
    cells = min(shape)
    painted = np.zeros((features(name_width), height, width), np.float32)
    # A vector's entries are about 1 / sqrt(P), and layers learn fastest from about 1. A colour
    # is a single number: as loud as a whole name, or it is learned many times slower.
    loud = name_width**0.5
    for item in plan:
        if item.name in MANNERS:
            continue
        rows, v = _along(height, item.y * cells, item.height * cells)
        columns, u = _along(width, item.x * cells, item.width * cells)
        cover = rows[:, None] * columns[None, :]
        said = np.zeros(name_width + len(COLOURS), np.float32)
        said[:name_width] = names[item.name] * loud
        if item.colour is not None:
            said[name_width + COLOURS.index(item.colour)] = loud
        told = np.broadcast_to(said[:, None, None], (len(said), height, width))
        painted *= 1.0 - cover
        painted += cover * np.concatenate([told, _box(item, u, v)])
    for item in plan:
        if item.name in MANNERS:
            painted[:name_width] += (names[item.name] * loud)[:, None, None]
    return painted


def _along(cells: int, centre: float, length: float) -> tuple[Floats, Floats]:
    """Give, along one axis, the share of each cell inside a box and its place in it (-1 to 1)."""
    edges = np.arange(cells + 1, dtype=np.float32)
    low, high = centre - length / 2, centre + length / 2
    inside = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    place = (edges[:-1] + 0.5 - centre) / max(length / 2, 1e-6)
    cover = np.clip(inside, 0, 1).astype(np.float32)
    return cover, np.clip(place, -FAR, FAR).astype(np.float32)


def _box(item: Item, u: Floats, v: Floats) -> Floats:
    """Describe a box to its cells: Float BOX H W."""
    across, down = np.broadcast_arrays(u[None, :], v[:, None])
    one = np.ones_like(across)
    thing = one * (0.0 if item.behind else 1.0)
    size = (one * item.width, one * item.height)
    told = [one, thing, across, down, across**2, down**2, across * down, *size]
    return np.asarray(LOUD_BOX * np.stack(told), np.float32)
