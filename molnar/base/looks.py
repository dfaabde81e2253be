"""How a whole picture may be drawn: the names that plans and captions have for it.

Looks are filters over a finished picture; styles are those of the packs of drawings. The most
frequent style has no name: silence means it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from molnar.base.types import Plan

#: What captions call each look, the main word first.
LOOK_WORDS: dict[str, tuple[str, ...]] = {
    "pixel art": ("pixel art", "pixelated", "8-bit"),
    "line drawing": ("line drawing", "line art", "ink outlines"),
    "halftone": ("halftone", "halftone dots", "comic print"),
    "mosaic": ("mosaic", "mosaic tiles", "tiled"),
    "watercolor": ("watercolor", "watercolour", "watercolor painting"),
    "blueprint": ("blueprint", "blueprint drawing", "blue plan"),
    "neon": ("neon", "neon sign", "glowing neon"),
    "paper cut": ("paper cut", "papercut", "cut paper"),
}
LOOKS: tuple[str, ...] = tuple(LOOK_WORDS)
#: Looks whose surface is finer than a latent's cells.
FINE: tuple[str, ...] = ("pixel art", "mosaic", "watercolor", "paper cut")
#: Words for styles of drawings, one each.
STYLES: tuple[str, ...] = ("blob", "simple", "glossy", "flat", "outline", "3d")
#: Names in a plan that are no things: all of the picture is drawn so.
MANNERS = frozenset({*LOOKS, *STYLES})


def told(plan: Plan, manners: Sequence[str]) -> NDArray[np.float32] | None:
    """Say of a plan how all of the picture is drawn: by one name, as in training.

    Args:
        plan: What is planned.
        manners: K names, as a part that paints over pictures knows them.

    Returns:
        float32 1 K, 1 for the first of them that is planned, else 0; None: none of them is.

    Example:
        >>> from molnar.base.types import Item
        >>> told((Item(name="neon", behind=True),), ("mosaic", "neon"))
        array([[0., 1.]], dtype=float32)
    """
    first = next((item.name for item in plan if item.behind and item.name in manners), None)
    if first is None:
        return None
    return np.array([[name == first for name in manners]], np.float32)
