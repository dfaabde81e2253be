"""Colour names -> sRGB and back: twelve colours that lie far apart in CIELAB.

A named colour is drawn with a little jitter, kept well inside the cell of its own name, so that
`name_of` (what a checker uses) always gives back the name that was drawn.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.cielab import PALETTE as PALETTE  # for those who look for colours here
from molnar.base.cielab import lab as lab

RGB = tuple[int, int, int]

COLOURS: tuple[str, ...] = tuple(PALETTE)

#: Other everyday names of colours -> which of the twelve is nearest, judged by eye: a sentence
#: encoder puts names of colours near each other, but "crimson" nearer to "purple" than to "red".
SHADES: dict[str, str] = {
    **dict.fromkeys(("scarlet", "crimson", "ruby", "vermilion", "maroon", "burgundy"), "red"),
    **dict.fromkeys(("amber", "copper"), "orange"),
    **dict.fromkeys(("gold", "golden", "saffron", "blond", "blonde"), "yellow"),
    **dict.fromkeys(("emerald", "jade", "khaki"), "green"),
    **dict.fromkeys(("navy", "cobalt", "azure", "indigo", "sapphire", "ultramarine"), "blue"),
    **dict.fromkeys(("violet", "lilac", "lavender", "mauve"), "purple"),
    **dict.fromkeys(("magenta", "fuchsia", "coral", "rosy"), "pink"),
    **dict.fromkeys(("beige", "tan", "bronze", "sepia", "ochre"), "brown"),
    **dict.fromkeys(("ebony",), "black"),
    **dict.fromkeys(("ivory", "snowy"), "white"),
    **dict.fromkeys(("silver", "charcoal"), "gray"),
    **dict.fromkeys(("turquoise", "teal", "aqua", "aquamarine"), "cyan"),
}

#: Least CIELAB distance between an object and what lies behind it.
MIN_CONTRAST = 40.0

_JITTER = 16  # sRGB units, each channel
_VARIANTS = 128  # jittered versions kept for each name


@lru_cache(maxsize=1)
def centres() -> NDArray[Any]:
    """Give the CIELAB values of the twelve names: float64 [12, 3]."""
    return lab(np.array(list(PALETTE.values())))


def nearest_index(rgb: NDArray[Any]) -> NDArray[Any]:
    """Give the index into `COLOURS` of the nearest named colour: sRGB [..., 3] -> int64 [...]."""
    distance = np.linalg.norm(lab(rgb)[..., None, :] - centres(), axis=-1)
    return np.asarray(distance.argmin(axis=-1))


def name_of(rgb: RGB) -> str:
    """Name one sRGB colour (0..255) after the nearest of the twelve."""
    return COLOURS[int(nearest_index(np.array(rgb)))]


@lru_cache(maxsize=1)
def _contrast() -> NDArray[Any]:
    table: NDArray[Any] = np.linalg.norm(centres()[:, None] - centres()[None], axis=-1)
    return table


def contrasts(first: str, second: str) -> bool:
    """Tell whether two colour names can be seen on top of each other."""
    return bool(_contrast()[COLOURS.index(first), COLOURS.index(second)] >= MIN_CONTRAST)


def stands_out(rgb: RGB, background: str) -> bool:
    """Tell whether an sRGB colour (0..255) can be seen on a named background."""
    gap = float(np.linalg.norm(lab(np.array(rgb)) - centres()[COLOURS.index(background)]))
    return gap >= MIN_CONTRAST


@lru_cache(maxsize=len(COLOURS))
def variants(name: str) -> tuple[RGB, ...]:
    """Give 128 sRGB versions of a named colour, all safely inside its cell.

    "Safely" means at most 0.6 times as far from its own centre as from any other.
    """
    rng = np.random.Generator(np.random.PCG64(COLOURS.index(name)))
    offsets = rng.integers(-_JITTER, _JITTER + 1, size=(_VARIANTS * 16, 3))
    rgb = np.clip(np.array(PALETTE[name]) + offsets, 0, 255)
    distance = np.sort(np.linalg.norm(lab(rgb)[:, None] - centres(), axis=-1), axis=-1)
    own = nearest_index(rgb) == COLOURS.index(name)
    safe = rgb[own & (distance[:, 0] < 0.6 * distance[:, 1])][:_VARIANTS]
    return tuple((int(r), int(g), int(b)) for r, g, b in safe)
