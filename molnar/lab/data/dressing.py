"""A wearer and a background in, accessories that fit and can be seen out, and their room."""

from __future__ import annotations

from collections.abc import Sequence

from molnar.lab.data.draw import Draw
from molnar.lab.data.palette import contrasts, stands_out, variants
from molnar.lab.data.spec import RGB, Accessory, Background
from molnar.lab.data.wardrobe import ACCESSORIES
from molnar.lab.data.wearing import SLOTS, fits, reach

_SECOND_P = 0.3  # share of wearers with two accessories
_ORDER = {slot: number for number, slot in enumerate(("neck", "eyes", "head"))}  # a hat is on top


def dress(
    draw: Draw, concept: str, style: str, rgb: RGB, ground: Background
) -> tuple[Accessory, ...]:
    """Choose one or two accessories in different slots, in the order in which they are drawn.

    Args:
        draw: decides.
        concept: the wearer.
        style: of its drawing.
        rgb: mean colour of the drawing, 0..255: what is worn must stand out against it.
        ground: what lies behind; hats must be seen there.

    Returns:
        None at all where nothing fits.
    """
    slots = [slot for slot in SLOTS if any(_of(slot, concept, style))]
    wanted = 2 if draw.chance(_SECOND_P) else 1
    chosen: list[Accessory] = []
    while slots and len(chosen) < wanted:
        slot = slots.pop(int(draw.random() * len(slots)))
        name = draw.choice(_of(slot, concept, style))
        behind = ground.colour or "white"
        colours = [
            colour
            for colour in ACCESSORIES[name].colours
            if stands_out(rgb, colour) and (slot == "eyes" or contrasts(colour, behind))
        ]
        if colours:
            colour = draw.choice(colours)
            chosen.append(Accessory(name=name, colour=colour, rgb=draw.choice(variants(colour))))
    return tuple(sorted(chosen, key=lambda worn: _ORDER[ACCESSORIES[worn.name].slot]))


def _of(slot: str, concept: str, style: str) -> list[str]:
    return [
        name
        for name, piece in ACCESSORIES.items()
        if piece.slot == slot and fits(concept, style, name)
    ]


def room(
    concept: str, style: str, accessories: Sequence[Accessory], aspect: float
) -> tuple[float, float, float, float]:
    """Give left, top, right, bottom that accessories stick out, in units of the wearer's size.

    Args:
        concept: the wearer, neither turned nor mirrored.
        style: of its drawing.
        accessories: what it wears.
        aspect: width over height of the wearer's tight box.
    """
    wide, high = min(1.0, aspect), 1.0 / max(1.0, aspect)
    grown = [reach(concept, style, worn.name, aspect) for worn in accessories]
    left, top, right, bottom = (max((one[k] for one in grown), default=0.0) for k in range(4))
    return left * wide, top * high, right * wide, bottom * high
