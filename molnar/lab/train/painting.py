"""Plans in, their maps out, whole batches at once on the device that trains: `plan.paint` in torch.

A map of a large batch is hundreds of megabytes. Only names, colours and boxes travel to the device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from molnar.base.boxes import BOX, LOUD_BOX
from molnar.plan.items import COLOURS, MANNERS, Plan
from molnar.plan.paint import FAR, Floats


class Painter:
    """Paints plans on one device."""

    def __init__(self, names: Mapping[str, Floats], device: torch.device) -> None:
        """Bring the names to the device.

        Args:
            names: Vector of every name that plans can hold, float32 P.
            device: Where maps are wanted.
        """
        self.rows = {name: row for row, name in enumerate(names)}
        wide = np.stack(list(names.values()))
        loud = wide.shape[1] ** 0.5
        nothing = np.zeros((1, len(COLOURS)), np.float32)
        self.names = torch.from_numpy(wide * np.float32(loud)).to(device)
        colours = np.concatenate([np.eye(len(COLOURS), dtype=np.float32) * loud, nothing])
        self.colours = torch.from_numpy(colours.astype(np.float32)).to(device)
        self.device = device

    def __call__(self, plans: Sequence[Plan], shape: tuple[int, int]) -> Tensor:
        """Paint plans (an empty one is all zero): Float B F H W, as `paint` does one by one."""
        height, width = shape
        most = max(map(len, plans), default=0)
        kinds = np.zeros((len(plans), most, 3), np.int64)  # name, colour, whether it is behind
        boxes = np.zeros((len(plans), most, 4), np.float32)  # x, y, width, height; of none: no area
        manners = self.names.new_zeros(len(plans), self.names.shape[1])
        for row, plan in enumerate(plans):
            for item in plan:
                if item.name in MANNERS:
                    manners[row] += self.names[self.rows[item.name]]
            for place, item in enumerate(i for i in plan if i.name not in MANNERS):
                colour = len(COLOURS) if item.colour is None else COLOURS.index(item.colour)
                kinds[row, place] = self.rows[item.name], colour, item.behind
                boxes[row, place] = item.x, item.y, item.width, item.height
        kind, box = (torch.from_numpy(x).to(self.device) for x in (kinds, boxes))
        names, colours, behind = kind.unbind(-1)
        said = torch.cat([self.names[names], self.colours[colours]], dim=-1)
        painted = said.new_zeros(len(plans), said.shape[-1] + BOX, height, width)
        for place in range(most):
            own = box[:, place] * min(shape)
            rows, v = _along(height, own[:, 1], own[:, 3])
            columns, u = _along(width, own[:, 0], own[:, 2])
            cover = (rows[:, :, None] * columns[:, None, :])[:, None]
            told = said[:, place, :, None, None].expand(-1, -1, height, width)
            seen = _box(box[:, place], behind[:, place], u, v)
            painted = painted * (1 - cover) + cover * torch.cat([told, seen], dim=1)
        painted[:, : manners.shape[1]] += manners[:, :, None, None]
        return painted


def _along(cells: int, centre: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """As `paint._along`, for B boxes: shares of cells and places in them, Float B cells."""
    edges = torch.arange(cells + 1, dtype=torch.float32, device=centre.device)[None]
    low, high = (centre - length / 2)[:, None], (centre + length / 2)[:, None]
    inside = torch.minimum(edges[:, 1:], high) - torch.maximum(edges[:, :-1], low)
    half = (length / 2).clamp(min=1e-6)[:, None]
    place = (edges[:, :-1] + 0.5 - centre[:, None]) / half
    return inside.clamp(0, 1), place.clamp(-FAR, FAR)


def _box(box: Tensor, behind: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """As `paint._box`, for B boxes: Float B BOX H W."""
    height, width = v.shape[1], u.shape[1]
    across = u[:, None, :].expand(-1, height, -1)
    down = v[:, :, None].expand(-1, -1, width)
    one = torch.ones_like(across)
    thing = one * (1 - behind.float())[:, None, None]
    size = [one * box[:, k, None, None] for k in (2, 3)]
    told = [one, thing, across, down, across**2, down**2, across * down, *size]
    return LOUD_BOX * torch.stack(told, dim=1)
