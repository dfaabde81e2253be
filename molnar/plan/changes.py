"""A plan in, a plan near it out: seen from farther off, with things gone, swayed by a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from molnar.plan.items import BACKGROUND, MANNERS, MOST, TRANSPARENT, Item, Plan, overlap

SWAY = 0.10  # of places, as a share of the shorter side, and
SWELL = 0.20  # of sizes, as a factor's logarithm: standard deviations at full strength
EDGE = 0.02  # what a thing that was inside stays away from the border by


def swayed(plan: Sequence[Item], strength: float, rng: np.random.Generator, ratio: float) -> Plan:
    """Move and resize things a little; what overlaps (a hat and its wearer) moves as one.

    Args:
        plan: In fractions of the shorter side.
        strength: 0 to 1.
        rng: Decides where to.
        ratio: Width over height of the picture.
    """
    if strength == 0:
        return tuple(plan)
    across, down = max(ratio, 1.0), max(1 / ratio, 1.0)
    moved: list[Item] = []
    ways: list[tuple[float, float, float]] = []
    for index, item in enumerate(plan):
        if item.name in MANNERS:  # a look moves nothing
            moved.append(item)
            ways.append((0.0, 0.0, 0.0))
            continue
        # Drawn for every item, so that one more item changes nothing for those before it.
        x, y, size = (float(v) for v in rng.standard_normal(3))
        under = [k for k, other in enumerate(plan[:index]) if _carries(other, item)]
        way = ways[under[0]] if under else (x, y, size)
        ways.append(way)
        if item.behind:
            moved.append(item)
            continue
        anchor = plan[under[0]] if under else item
        factor = math.exp(SWELL * strength * way[2])
        room = 0.98 / max(anchor.width / across, anchor.height / down, 1e-6)
        factor = min(factor, max(room, 1.0))
        way_x, way_y = (SWAY * strength * part for part in way[:2])
        middle_x = _inside(anchor.x, way_x, anchor.width * factor, across)
        middle_y = _inside(anchor.y, way_y, anchor.height * factor, down)
        moved.append(
            replace(
                item,
                x=middle_x + (item.x - anchor.x) * factor,
                y=middle_y + (item.y - anchor.y) * factor,
                width=item.width * factor,
                height=item.height * factor,
            )
        )
    return tuple(moved)


def framed(
    plan: Sequence[Item], old: tuple[int, int], new: tuple[int, int], corner: tuple[int, int]
) -> Plan:
    """Say the same of the same things in a larger picture of which the old one is a part.

    Args:
        plan: In fractions of the old picture's shorter side.
        old: Its height and width, pixels.
        new: Height and width of the larger one.
        corner: Where the old one's top left corner lies in it: down, right.
    """
    scale = min(old) / min(new)
    down, right = (offset / min(new) for offset in corner)
    width, height = new[1] / min(new), new[0] / min(new)
    return tuple(
        replace(item, x=width / 2, y=height / 2, width=width, height=height)
        if item.behind
        else _scaled(item, scale, right, down)
        for item in plan
    )


def within(item: Item, mask: NDArray[np.bool_]) -> bool:
    """Tell whether the middle of a thing lies in a mask, H W of the picture."""
    side = min(mask.shape)
    row, column = int(item.y * side), int(item.x * side)
    inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
    return not item.behind and inside and bool(mask[row, column])


def altered(plan: Sequence[Item], other: Sequence[Item]) -> Plan:
    """Keep of a plan what another one, of a changed text, still has; boxes stay where they are.

    A thing whose name the other plan has in another colour takes that colour; one whose name it
    does not have, or not as often, is left out. The ground is the other's. How all of it is drawn
    stays if the other still says so.
    """
    rest = [item for item in other if not item.behind]
    kept: list[Item] = []
    grounds = [item for item in other if item.behind and item.name not in MANNERS]
    manners = {item.name for item in other if item.name in MANNERS}
    for item in plan:
        if item.name in MANNERS:
            kept += [item] if item.name in manners else []
            continue
        if item.behind:
            ground = grounds[0] if grounds else item
            kept.append(replace(item, name=ground.name, colour=ground.colour))
            continue
        same = [one for one in rest if one.name == item.name]
        if not same:
            continue
        match = next((one for one in same if one.colour == item.colour), same[0])
        rest.remove(match)
        kept.append(replace(item, colour=match.colour))
    return tuple(kept)


def fitted(plan: Sequence[Item], box: tuple[float, float, float, float]) -> Plan:
    """Bring the things of a plan (made for a square) into a box; the ground is left out.

    Args:
        plan: In fractions of a square's side.
        box: Left, top, width and height, in fractions of the shorter side of the new picture.
    """
    things = [item for item in plan if not item.behind]
    if not things:
        return ()
    left = min(item.x - item.width / 2 for item in things)
    top = min(item.y - item.height / 2 for item in things)
    width = max(item.x + item.width / 2 for item in things) - left
    height = max(item.y + item.height / 2 for item in things) - top
    scale = min(box[2] / width, box[3] / height)
    x = box[0] + (box[2] - width * scale) / 2 - left * scale
    y = box[1] + (box[3] - height * scale) / 2 - top * scale
    return tuple(_scaled(item, scale, x, y) for item in things)


def joined(plan: Sequence[Item], more: Sequence[Item]) -> Plan:
    """Lay more things over a plan, as many as a plan can hold."""
    return (*plan, *more)[:MOST]


def plain(item: Item) -> bool:
    """Tell whether an item is a ground without things in it: a colour, or nothing at all."""
    return item.behind and item.name in (BACKGROUND, TRANSPARENT)


def _scaled(item: Item, scale: float, x: float, y: float) -> Item:
    """Scale a thing about the top left corner, then move it right by x and down by y."""
    return replace(
        item,
        x=item.x * scale + x,
        y=item.y * scale + y,
        width=item.width * scale,
        height=item.height * scale,
    )


def _carries(under: Item, item: Item) -> bool:
    """Tell whether a thing wears or holds another, and so takes it along."""
    return not under.behind and not item.behind and under is not item and overlap(under, item)


def _inside(middle: float, way: float, length: float, side: float) -> float:
    """Move a thing, but not out of the picture, or no farther out than it was."""
    half = length / 2 + EDGE
    low, high = min(half, middle), max(side - half, middle)
    return min(max(middle + way, low), high)
