"""A spec in, the same spec with a look that leaves its caption true out."""

from __future__ import annotations

from dataclasses import replace

from molnar.base.looks import LOOKS
from molnar.lab.data import concepts
from molnar.lab.data.draw import Draw
from molnar.lab.data.palette import COLOURS
from molnar.lab.data.spec import COLOURLESS, GROUNDLESS, Spec

#: Kinds that may have a look: not those whose caption is all about colours, nor fine lines.
LOOKED = frozenset(
    {"single", "two", "counting", "sticker", "sticker_two", "sticker_count", "sticker_wearing"}
)
#: Colours that glowing tubes cannot show: they come out white or orange.
DIMMED = frozenset({"black", "gray", "brown"})


def with_look(draw: Draw, spec: Spec) -> Spec:
    """Choose a look for a spec of a kind in LOOKED; the spec itself where that look would lie."""
    look = draw.choice(LOOKS)
    if look in COLOURLESS and not _told_apart(spec):
        return spec
    if look in GROUNDLESS and spec.place is not None and spec.place.colours:
        return spec
    if look == "neon" and _shown(spec) & DIMMED:
        return spec
    return replace(spec, look=look)


def _told_apart(spec: Spec) -> bool:
    """Tell whether names alone say which thing is which (or all are the same), and no colour."""
    names = {thing.name for thing in spec.things}
    alike = {(thing.name, thing.colour) for thing in spec.things}
    called = " ".join(word for name in names for word in concepts.names_of(name)).lower().split()
    coloured = not set(COLOURS).isdisjoint(called)  # "red heart" says what would not be seen
    return (len(names) == len(spec.things) or len(alike) == 1) and not coloured


def _shown(spec: Spec) -> set[str | None]:
    """List the colours that a caption names."""
    worn = {accessory.colour for thing in spec.things for accessory in thing.accessories}
    return {thing.colour for thing in spec.things} | worn
