"""Spec -> the plan that a sentence about it should lead to, and all names that plans can hold."""

from __future__ import annotations

from dataclasses import replace

from molnar.base.looks import LOOKS, STYLES
from molnar.lab.data.captions import STYLE_WORDS
from molnar.lab.data.places import PATTERNS, PLACES
from molnar.lab.data.shapes import MARKS, SHAPES
from molnar.lab.data.spec import COLOURLESS, GROUNDLESS, Spec, Thing
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.wardrobe import ACCESSORIES
from molnar.lab.data.wearing import bounds, placed
from molnar.plan.items import BACKGROUND, MOST, TRANSPARENT, Item, Plan, spread


def names(stickers: Stickers | None) -> tuple[str, ...]:
    """List every name that a plan can hold: grounds, shapes, places, what is worn, how it looks."""
    own = (BACKGROUND, TRANSPARENT, *SHAPES, *MARKS, *PLACES, *PATTERNS, *ACCESSORIES)
    own += (*LOOKS, *STYLES)
    return tuple(dict.fromkeys((*own, *(stickers.concepts if stickers is not None else ()))))


def plan_of(spec: Spec, stickers: Stickers | None, shape: tuple[int, int] | None = None) -> Plan:
    """Give the plan of a spec: what lies behind first, then things in the order they are drawn.

    A composition of many pieces is one item, named after its first piece. Colours that a look
    leaves none of are not planned.

    Args:
        spec: of a square, or `framed` in another shape.
        stickers: where its drawings come from.
        shape: height and width of that frame, in any unit; None = a square.
    """
    items = [item for thing in spec.things for item in _of_thing(thing, stickers)]
    if spec.look in COLOURLESS:
        items = [replace(item, colour=None) for item in items]
    manners = _manners(spec)
    if spec.homage is not None or len(items) + len(manners) >= MOST:
        items = [_around(items)]
    height, width = shape or (1, 1)
    return (*spread((_behind(spec), *manners), height, width), *items)


def _manners(spec: Spec) -> list[Item]:
    """Give how all of it is drawn: the style, which all drawings of a scene share, and the look."""
    styles = dict.fromkeys(STYLE_WORDS[t.style] for t in spec.things if t.style is not None)
    said = [*(word for word in styles if word in STYLES), *([spec.look] if spec.look else [])]
    return [Item(name=name, behind=True) for name in said]


def _behind(spec: Spec) -> Item:
    if spec.place is not None:
        colour = spec.place.colours[0] if spec.place.colours else None
        return Item(name=spec.place.name, colour=colour, behind=True)
    if spec.background.transparent:
        return Item(name=TRANSPARENT, behind=True)
    seen = None if spec.look in GROUNDLESS else spec.background.colour
    return Item(name=BACKGROUND, colour=seen, behind=True)


def _of_thing(thing: Thing, stickers: Stickers | None) -> list[Item]:
    width = height = thing.size
    if stickers is None or thing.style is None:
        return [_item(thing, width, height)]
    aspect = stickers.sprite(thing.name, thing.style).aspect
    width, height = thing.size * min(1.0, aspect), thing.size / max(1.0, aspect)
    found = [_item(thing, width, height)]
    for accessory in thing.accessories:
        box = bounds(placed(thing, accessory, aspect))
        found.append(_boxed(accessory.name, accessory.colour, box))
    return found


def _item(thing: Thing, width: float, height: float) -> Item:
    return Item(
        name=thing.name, colour=thing.colour, x=thing.x, y=thing.y, width=width, height=height
    )


def _around(items: list[Item]) -> Item:
    """Give the one box around many."""
    left = min(item.x - item.width / 2 for item in items)
    right = max(item.x + item.width / 2 for item in items)
    top = min(item.y - item.height / 2 for item in items)
    bottom = max(item.y + item.height / 2 for item in items)
    return _boxed(items[0].name, items[0].colour, (left, top, right, bottom))


def _boxed(name: str, colour: str | None, box: tuple[float, float, float, float]) -> Item:
    left, top, right, bottom = box
    x, y = (left + right) / 2, (top + bottom) / 2
    return Item(name=name, colour=colour, x=x, y=y, width=right - left, height=bottom - top)
