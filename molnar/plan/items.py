"""What a picture will hold: one box per thing, and one for what lies behind them all.

A plan comes between the text and the noise. It decides how many things there are, which is which
and where each goes, so that the diffusion network is left with drawing them.

Source: Gafni et al. 2022, arXiv 2203.13131, section 3.1 (a layout of the scene, written from the
text before the picture); Li et al. 2023, arXiv 2301.07093, section 3.1 (boxes with embedded names).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from molnar.base.cielab import PALETTE
from molnar.base.looks import MANNERS
from molnar.base.types import SHAPES, Item, Plan

__all__ = [
    "BACKGROUND", "COLOURS", "GROUNDS", "MANNERS", "MOST", "SHAPES", "TRANSPARENT", "Item", "Plan",
    "overlap", "spread",
]  # fmt: skip

#: Names of the colours that a plan can tell apart.
COLOURS = tuple(PALETTE)
BACKGROUND = "background"  # the item that stands for a plain background in its colour
TRANSPARENT = "transparent"  # the item that stands for none
#: What may lie behind: those two, places and patterns.
GROUNDS = frozenset(
    {BACKGROUND, TRANSPARENT, "beach", "kitchen", "bar", "night sky", "snow", "forest", "desert"}
    | {"mountains", "city", "underwater", "meadow", "living room"}
    | {"gradient", "stripes", "polka dots", "checkerboard"}
)
MOST = 10  # items of one plan, the background and looks included


def spread(plan: Sequence[Item], height: int, width: int) -> Plan:
    """Spread a plan that was made for a square over a frame of another shape; sizes stay.

    What overlaps (a hat and its wearer, a heart inside a square) moves as one. In a place, feet
    stay on the ground: there it is the lower edge that keeps its share of the height.

    Args:
        plan: of a square picture.
        height: of the frame, in any unit.
        width: in the same unit.
    """
    side = min(height, width)
    across, down = width / side, height / side
    plain = {BACKGROUND, TRANSPARENT, *MANNERS}
    standing = any(item.behind and item.name not in plain for item in plan)
    moved: list[Item] = []
    for index, item in enumerate(plan):
        if item.behind:
            moved.append(replace(item, x=across / 2, y=down / 2, width=across, height=down))
            continue
        under = [other for other in plan[:index] if not other.behind and overlap(item, other)]
        anchor = under[0] if under else item
        foot = anchor.y + anchor.height / 2 if standing else anchor.y
        x, y = item.x + anchor.x * (across - 1), item.y + foot * (down - 1)
        moved.append(replace(item, x=x, y=y))
    return tuple(moved)


def overlap(one: Item, other: Item) -> bool:
    """Tell whether two boxes share any area."""
    return (
        abs(one.x - other.x) < (one.width + other.width) / 2
        and abs(one.y - other.y) < (one.height + other.height) / 2
    )
