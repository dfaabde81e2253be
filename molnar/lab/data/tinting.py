"""A drawing and a colour in, the same drawing in that colour out: a purple octopus, a green car.

What has the drawing's main colour changes; what has another (eyes, a beak, the windows of a red
car) stays. Shade is kept: what was darker than the main colour is as much darker than the new one,
and what was lighter is as much nearer to white. A drawing without one main colour is left alone.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.cielab import lab
from molnar.lab.data import concepts
from molnar.lab.data.draw import Draw
from molnar.lab.data.palette import COLOURS, RGB, centres, contrasts, name_of, variants
from molnar.lab.data.stickers import Sprite

LEAST = 0.45  # share of a drawing that must have its main colour
_OWN_P = 0.2  # of drawings in a colour that is said, the share that keeps the one it has
_LEAST_HUE = 0.25  # the same of a colour with a hue, where no other has more: a bicycle's frame
_DARK = 32.0  # lightness of tyres and outlines: nobody means these who says "a red tractor"
_CLEAR = 0.45  # most distance to its own name's centre, in units of that to the next
_MOSTLY = 0.7  # share of a drawing that must have the colour it is said to have anyway
_LOOKED_AT = 6  # colours, the most frequent ones first
_BIN = 12.0  # CIELAB units: colours this near are counted together when looking for the main one
_GREY = 14.0  # chroma below which a colour has no hue to speak of
_HUES = (28.0, 44.0)  # degrees from the main hue: all changes to the first, none after the second
_GREYS = (30.0, 48.0)  # the same of a main colour without hue, in CIELAB units of distance
_LIGHTNESS = 0.6  # weight of lightness in that distance: shades of grey are one thing

Main = tuple[RGB, float]


def main_colour(pixels: NDArray[Any]) -> Main:
    """Find the colour that most of a drawing has, and the share of the drawing that follows it.

    Args:
        pixels: uint8 H W 4, premultiplied.
    """
    alpha = pixels[..., 3]
    rgb = pixels[alpha > 200][:, :3].astype(np.float64)
    if not len(rgb):
        return (0, 0, 0), 0.0
    values = lab(rgb)
    cells = np.round(values / _BIN).astype(np.int64) @ np.array([1, 1 << 10, 1 << 20])
    _, which, counts = np.unique(cells, return_inverse=True, return_counts=True)
    hued: Main = ((0, 0, 0), 0.0)
    dark: Main = ((0, 0, 0), 0.0)
    for cell in np.argsort(-counts, kind="stable")[:_LOOKED_AT]:
        red, green, blue = rgb[which == cell].mean(axis=0)
        main = (round(red), round(green), round(blue))
        centre, share = lab(np.array(main)), float(_follows(values, main).mean())
        if not _has_hue(centre) and centre[0] < _DARK:
            dark = max(dark, (main, share), key=lambda found: found[1])
        elif share >= LEAST:
            return main, share
        elif _has_hue(centre):
            hued = max(hued, (main, share), key=lambda found: found[1])
    return hued if hued[1] >= _LEAST_HUE else dark


def tinted(pixels: NDArray[Any], main: RGB, rgb: RGB) -> NDArray[Any]:
    """Give a drawing another main colour.

    Args:
        pixels: H W 4, premultiplied, 0..255.
        main: its main colour, as `main_colour` finds it.
        rgb: the new one.

    Returns:
        float32 H W 4, premultiplied, 0..255; alpha as it was.
    """
    cover = pixels[..., 3:].astype(np.float32) / 255.0
    plain = np.clip(pixels[..., :3] / np.maximum(cover, 1 / 255), 0, 255).astype(np.float32)
    values = lab(plain)
    light, middle = values[..., :1], lab(np.array(main))[0]
    new = np.array(rgb, dtype=np.float32)
    darker = new * np.clip(light / max(middle, 1.0), 0, 1)
    nearer = np.clip((light - middle) / max(100.0 - middle, 8.0), 0, 1)
    changed = np.where(light <= middle, darker, new + (255.0 - new) * nearer)
    share = _follows(values, main)[..., None]
    colour = plain + share * (changed - plain)
    return np.concatenate([colour * cover, cover * 255.0], axis=-1).astype(np.float32)


def _follows(values: NDArray[Any], main: RGB) -> NDArray[Any]:
    """Tell how far each colour, CIELAB [..., 3], goes with the main one: 0..1."""
    centre = lab(np.array(main))
    chroma = np.hypot(values[..., 1], values[..., 2])
    if not _has_hue(centre):
        gap = values - centre
        apart = np.sqrt((_LIGHTNESS * gap[..., 0]) ** 2 + gap[..., 1] ** 2 + gap[..., 2] ** 2)
        return np.asarray(_falling(apart, *_GREYS))
    hue = np.arctan2(values[..., 2], values[..., 1]) - np.arctan2(centre[2], centre[1])
    turned = np.degrees(np.abs((hue + np.pi) % (2 * np.pi) - np.pi))
    return np.asarray(_falling(turned, *_HUES) * np.clip((chroma - _GREY / 2) / _GREY, 0, 1))


def _has_hue(value: NDArray[Any]) -> bool:
    return float(np.hypot(value[1], value[2])) >= _GREY


def _falling(value: NDArray[Any], full: float, none: float) -> NDArray[Any]:
    return np.asarray(np.clip((none - value) / (none - full), 0, 1))


@cache
def _names_a_colour(name: str) -> bool:
    """Tell whether a concept is called after a colour: a blue "red heart" would be nonsense."""
    words = " ".join(concepts.names_of(name)).lower().replace("-", " ").split()
    return not set(COLOURS).isdisjoint(words)


def in_colour(
    draw: Draw, name: str, sprite: Sprite, behind: str | None, known: Collection[str] = ()
) -> tuple[str | None, RGB | None]:
    """Choose a colour for a drawing: its name, and what to draw (None: as the drawing is).

    Args:
        draw: decides.
        name: of the concept.
        sprite: its drawing.
        behind: name of the colour behind it; None = transparent.
        known: names of all concepts: a black cat is a drawing of its own.

    Returns:
        Two times None where no colour suits.
    """
    if _names_a_colour(name):
        return None, None
    main, share = main_of(sprite)
    if share < _LEAST_HUE:
        return None, None
    own, behind = name_of(main), behind or "white"
    if draw.chance(_OWN_P):
        return (own, None) if share >= _MOSTLY and _clear(main) else (None, None)
    called = concepts.names_of(name)
    colours = [
        colour
        for colour in COLOURS
        if colour != own
        and contrasts(colour, behind)
        and not any(f"{colour} {word}" in known for word in called)
    ]
    colour = draw.choice(colours)
    return colour, draw.choice(variants(colour))


def _clear(rgb: RGB) -> bool:
    """Tell whether people would agree on the name of a colour."""
    nearest, second = np.sort(np.linalg.norm(lab(np.array(rgb)) - centres(), axis=-1))[:2]
    return bool(nearest < _CLEAR * second)


def main_of(sprite: Sprite) -> Main:
    """Find the main colour of a drawing; every third pixel is enough for that."""
    return main_colour(sprite.pixels[::3, ::3])
