"""What a picture will hold: one box per thing, and one for what lies behind them all.

A plan comes between the text and the noise. It decides how many things there are, which is which
and where each goes, so that the diffusion network is left with drawing them.

Source: Gafni et al. 2022, arXiv 2203.13131, section 3.1 (a layout of the scene, written from the
text before the picture); Li et al. 2023, arXiv 2301.07093, section 3.1 (boxes with embedded names).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from molnar.base.types import Item, Plan

__all__ = ["BACKGROUND", "COLOURS", "MOST", "TRANSPARENT", "Item", "Plan", "spread"]

#: Names of the colours that a plan can tell apart.
COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray",
    "cyan",
)  # fmt: skip
BACKGROUND = "background"  # the item that stands for a plain background in its colour
TRANSPARENT = "transparent"  # the item that stands for none
MOST = 10  # items of one plan, the background included


def spread(plan: Sequence[Item], height: int, width: int) -> Plan:
    """Spread a plan that was made for a square over a frame of another shape; sizes stay.

    Args:
        plan: of a square picture.
        height: of the frame, in any unit.
        width: in the same unit.
    """
    side = min(height, width)
    across, down = width / side, height / side
    return tuple(
        replace(item, x=across / 2, y=down / 2, width=across, height=down)
        if item.behind
        else replace(item, x=item.x * across, y=item.y * down)
        for item in plan
    )
