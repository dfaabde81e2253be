"""Who can wear what, and where it sits: a table of heads, and accessories placed on them.

Heads were measured on the drawings, in percent of the tight box around each (`Sprite.box`).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import DataError
from molnar.lab.data.spec import RGB, Accessory, Thing
from molnar.lab.data.wardrobe import ACCESSORIES, Piece, Slot, toned

SLOTS: tuple[Slot, ...] = ("head", "eyes", "neck")
#: Styles of one designer that share their outlines, and so their heads.
_FLUENT = ("fluent-color", "fluent-flat", "fluent-3d")

#: Concept: style, then x, y, width of the top of the head, which a hat covers; x, y, distance of
#: the eyes; x, y, width of the chin or neck. "-" is a slot that this drawing has no room for.
_HEADS = """
dog face: noto 50 6 50, 51 51 34, 50 94 56; twemoji 50 4 52, 50 41 28, 50 88 56;
  fluent 50 5 50, 50 36 25, 50 92 62; blob 50 7 48, 50 58 36, 50 96 56
cat face: noto 50 12 50, 50 54 39, 50 98 62; twemoji 50 11 52, 50 55 36, 50 99 62;
  fluent 50 18 46, 50 54 29, 50 97 60; blob 50 18 46, 50 63 39, 50 97 60
mouse face: noto 50 18 44, 50 62 30, 50 98 44; twemoji 50 22 40, 50 60 25, 50 96 46;
  fluent 50 25 38, 50 68 28, 50 97 40; blob 50 20 42, 50 62 32, 50 97 44
rabbit face: noto 50 46 60, 50 60 37, 50 96 62; twemoji 50 48 60, 50 67 34, 50 97 70;
  fluent 50 31 46, 50 58 28, 50 97 70; blob 50 46 60, 43 74 45, 46 100 58
fox: noto 50 25 46, 50 57 26, 50 95 56; twemoji 50 22 44, 50 48 32, 50 95 50;
  fluent 50 23 36, 50 58 26, 50 97 56; blob 50 18 42, 50 50 34, 50 93 46
bear: noto 50 10 56, 50 47 37, 50 97 72; twemoji 50 8 56, 50 49 31, 50 95 62;
  fluent 50 10 56, 50 46 28, 50 97 66; blob 50 7 58, -, 50 97 72
polar bear: noto 50 10 52, 50 31 37, 50 97 76; twemoji 50 7 56, 50 46 42, 50 95 60;
  fluent 50 12 56, 50 47 28, 50 97 66
panda: noto 50 9 54, 50 51 35, 50 96 74; twemoji 50 8 58, 50 43 31, 50 96 64;
  fluent 50 10 56, 50 45 28, 50 97 66; blob 50 8 58, 50 50 36, 50 96 70
koala: noto 50 8 46, 50 50 33, 50 96 60; twemoji 50 8 46, 50 52 31, 50 95 54;
  fluent 50 10 44, 50 58 42, 50 97 60
tiger face: noto 50 8 56, 50 31 37, 50 96 66; twemoji 50 8 56, 50 49 30, 50 96 60;
  fluent 50 10 54, 50 46 28, 50 97 60; blob 50 8 54, 50 31 35, 50 97 66
lion: noto 50 12 64, 50 38 28, 50 88 60; twemoji 50 12 60, 51 45 26, 50 93 58;
  fluent 50 14 52, 50 45 28, 50 95 56; blob 50 12 60, 50 39 25, 50 90 60
cow face: noto 52 9 46, 52 41 29, 52 96 62; twemoji 50 8 50, 50 34 28, 50 97 76;
  fluent 50 11 44, 50 44 29, 50 93 56; blob 50 9 44, 51 40 30, 50 97 66
pig face: noto 50 9 60, 50 51 43, 50 97 74; twemoji 50 8 60, -, 50 97 74;
  fluent 50 8 50, 50 42 28, 50 97 66; blob 50 6 56, 50 49 46, 50 97 74
frog: noto 50 14 42, 50 25 50, 50 97 80; twemoji 50 13 38, 50 17 52, 50 97 80;
  fluent 50 18 34, 50 21 46, 50 97 80; blob 50 14 36, 50 17 52, 50 97 80
monkey face: noto 50 10 58, 50 46 27, 50 97 60; twemoji 50 8 62, 50 47 31, 50 97 60;
  fluent 50 8 56, 50 38 24, 50 97 50; blob 50 10 58, 50 46 27, 50 97 60
wolf: noto 50 18 46, 50 47 33, 50 96 52; twemoji 50 21 46, 50 47 33, 50 96 46;
  fluent 50 17 42, 50 47 28, 50 97 40; blob 50 17 46, 50 46 30, 50 96 46
raccoon: noto 50 12 50, 50 51 29, 50 96 50; twemoji 50 10 46, 50 49 26, 50 96 50;
  fluent 50 8 44, 50 54 28, 50 96 50; blob 50 10 50, 50 37 37, 50 97 60
hamster: noto 50 13 50, 49 53 36, 50 97 70; twemoji 50 17 46, 50 57 34, 50 97 60;
  fluent 50 26 44, 50 59 28, 50 97 64; blob 50 9 50, 50 57 44, 50 97 76
penguin: noto 46 5 46, -, 45 31 60; twemoji 49 3 36, -, 50 29 44;
  fluent 50 7 46, 50 20 13, 50 45 46; blob 38 4 34, -, 41 31 40
baby chick: noto 30 5 34, -, 33 42 40; twemoji 28 5 34, -, 30 45 38;
  fluent 27 5 40, -, 29 42 44; blob 30 5 38, -, 32 44 44
front-facing baby chick: noto 50 4 42, 50 26 33, 50 48 50; twemoji 50 3 46, 50 30 40, 50 55 56;
  fluent 50 4 42, 50 21 21, 50 46 48; blob 50 5 46, 51 32 34, 50 56 52
owl: noto 50 8 56, 50 29 34, 50 56 66; twemoji 50 6 64, 50 22 44, 50 49 66;
  fluent 50 7 64, 50 25 48, 50 49 70; blob 50 12 56, 50 31 42, 50 54 68
duck: noto 40 4 36, -, 41 36 34; twemoji 29 4 26, -, 27 43 25;
  fluent 30 4 26, -, 29 42 30; blob 28 4 26, -, 32 31 26
teddy bear: noto 51 5 36, 52 26 17, 51 48 36; twemoji 50 4 46, 50 25 20, -;
  fluent 50 6 38, 50 23 20, 50 43 38; blob 50 6 36, 50 24 25, 50 48 36
robot: noto 50 30 66, 49 52 36, 50 98 60; twemoji 50 8 56, 49 41 36, 50 94 40;
  fluent 50 16 50, -, 50 97 60; blob 50 12 56, 49 41 36, 50 97 56
alien: noto 50 8 60, 50 48 46, 50 97 46; twemoji 50 8 60, 50 47 44, 50 97 40;
  fluent 50 8 64, 50 51 46, 50 97 44; fluent-color 54 8 60, 54 50 43, 54 97 42;
  blob 50 9 64, 50 55 45, 50 97 46
ghost: noto 52 6 48, 47 25 26, 52 76 50; twemoji 51 5 40, 50 32 28, -;
  fluent 50 6 44, 50 24 26, 50 66 46; blob 52 6 48, 50 30 30, 52 68 50
skull: noto 50 8 66, 50 50 49, 50 97 58; twemoji 50 8 66, 50 39 45, 50 97 46;
  fluent 50 8 60, 50 50 43, 50 97 44; blob 50 7 66, 50 47 48, 50 98 56
jack-o-lantern: noto 50 22 56, 50 53 40, 50 97 70; twemoji 50 20 58, 50 43 38, 50 97 70;
  fluent 50 18 58, 50 40 40, 50 97 70; blob 50 22 56, 50 47 40, 50 97 70
pile of poo: noto 48 13 38, 50 53 28, -; twemoji 49 16 34, 51 44 27, -;
  fluent 60 11 30, 50 58 32, -; blob 49 16 34, 51 51 38, -
boy: noto 50 14 76, 50 64 43, 50 98 58; twemoji 50 10 66, 51 56 33, 50 98 50;
  fluent 50 12 66, 50 56 37, 50 98 44; blob 50 14 76, 50 63 42, 50 97 60
man: noto 50 13 80, 50 64 43, 50 98 58; twemoji 50 8 70, 50 50 33, 50 98 50;
  fluent 50 10 66, 50 55 34, 50 98 50; blob 50 12 80, 50 61 42, 50 97 60
woman: noto 50 12 76, 51 59 42, 50 98 58; twemoji 50 9 66, 50 55 31, 50 97 46;
  fluent 50 12 60, 50 53 32, 50 95 46; blob 50 12 66, 50 60 37, 50 97 56
clown face: noto 50 8 44, 50 38 33, 50 97 74; twemoji 50 8 46, 50 32 36, 50 97 76;
  fluent 50 7 42, 50 37 29, 50 97 76; blob 50 12 66, 49 50 37, 50 97 70
smiling face with horns: noto 50 20 44, 50 65 32, 50 97 66; twemoji 50 8 48, 50 61 38, 50 97 76;
  fluent 50 9 46, 50 56 36, 50 97 76; blob 50 24 40, 50 62 43, 50 97 70
face with tears of joy: noto 50 12 62, 50 38 33, 50 97 66; twemoji 50 12 66, -, 50 97 76;
  fluent 50 12 62, 50 29 33, 50 97 68; blob 50 12 60, 50 40 38, 50 96 80
"""

#: A round face is the same disc in all its moods: where a hat and a bow tie go, by style.
_DISC = {
    "noto": "50 12 68, {}, 50 97 76",
    "twemoji": "50 12 68, {}, 50 97 76",
    "fluent": "50 11 66, {}, 50 97 76",
    "blob": "50 12 62, {}, 50 96 80",
}
#: Round face: y and distance of its eyes in these four styles.
_FACES = """
grinning face: 38 33, 37 31, 28 36, 36 35
grinning face with big eyes: 34 33, 34 31, 28 36, 42 33
grinning face with smiling eyes: 37 33, 46 31, 29 36, 39 38
beaming face with smiling eyes: 37 33, 41 31, 29 36, 35 37
grinning squinting face: 41 36, 42 36, 30 36, 40 36
slightly smiling face: 37 33, 37 32, 35 36, 45 34
winking face: 38 33, 47 35, -, 42 33
smiling face with smiling eyes: 37 33, 37 34, 30 36, 49 37
smiling face with heart-eyes: -, -, -, -
star-struck: -, -, -, -
face blowing a kiss: 39 33, 43 33, -, 38 33
kissing face: 37 33, 42 31, 35 36, 39 35
smiling face: 38 33, 47 32, 34 36, 44 34
face savoring food: 38 36, 41 36, 28 36, 40 38
face with tongue: 41 33, 39 32, 35 36, 42 33
neutral face: 41 33, 45 32, 36 36, 39 35
expressionless face: 43 36, 47 36, 38 36, 40 38
face without mouth: 43 33, 45 32, 36 36, 42 34
smirking face: 49 35, 49 34, 42 36, 49 36
unamused face: 49 35, 44 34, 49 36, 42 36
face with rolling eyes: 42 38, 34 37, 44 36, 42 38
grimacing face: 37 33, 37 31, 34 36, 40 32
relieved face: 50 35, 43 33, 54 36, 42 37
pensive face: 54 35, 54 33, 54 36, 36 36
confused face: 38 33, 38 31, 35 36, 38 35
worried face: 47 33, 45 32, 47 36, 41 34
slightly frowning face: 37 33, 39 32, 45 36, 46 34
frowning face: 40 33, 41 32, 35 36, 45 34
face with open mouth: 38 33, 37 32, 37 36, 39 34
hushed face: 45 33, 39 32, 46 36, 47 34
astonished face: 41 33, 38 32, 46 36, 36 35
flushed face: 47 43, 45 36, 42 36, 39 42
pleading face: 49 41, 40 38, 50 36, 37 46
crying face: 44 33, 46 32, 45 36, 44 35
disappointed face: 57 35, 49 34, 54 36, 47 34
angry face: 66 35, 49 34, 54 36, 42 38
enraged face: 66 35, 49 34, 54 36, 43 36
"""

_Anchor = tuple[float, float, float]  # x, y, width or distance: fractions of the box (x by width)
_Heads = dict[tuple[str, str], dict[Slot, _Anchor]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Worn:
    """An accessory in its place; lengths are fractions of the picture's side."""

    x: float  # centre of its box
    y: float
    width: float
    height: float
    angle: float  # degrees clockwise
    flip: bool  # mirrored left to right, as its wearer is
    name: str
    colour: str
    rgb: RGB


def _read(text: str) -> _Heads:
    heads: _Heads = {}
    for line in re.sub(r"\n {2}", " ", text.strip()).splitlines():
        concept, _, entries = line.partition(": ")
        for entry in entries.split("; "):
            style, _, rest = entry.partition(" ")
            anchors: dict[Slot, _Anchor] = {}
            for slot, numbers in zip(SLOTS, rest.split(", "), strict=True):
                if numbers != "-":
                    x, y, width = (int(number) / 100.0 for number in numbers.split())
                    anchors[slot] = (x, y, width)
            for name in _FLUENT if style == "fluent" else (style,):  # later entries overrule
                heads[concept, name] = anchors
    return heads


def _read_faces(text: str) -> _Heads:
    lines = []
    for line in text.strip().splitlines():
        concept, _, entries = line.partition(": ")
        for style, eyes in zip(_DISC, entries.split(", "), strict=True):
            anchor = _DISC[style].format(eyes if eyes == "-" else f"50 {eyes}")
            lines.append(f"{concept}: {style} {anchor}")
    return _read("\n".join(lines))


def _styles(heads: _Heads) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for concept, style in heads:
        found[concept] = (*found.get(concept, ()), style)
    return found


HEADS: _Heads = {**_read(_HEADS), **_read_faces(_FACES)}
#: Concept -> the styles in which it can wear something.
WEARERS: dict[str, tuple[str, ...]] = _styles(HEADS)
#: Accessory -> how it reads after "wearing": "a beret", "glasses".
NOUNS: dict[str, str] = {name: piece.noun for name, piece in ACCESSORIES.items()}


def fits(concept: str, style: str, accessory: str) -> bool:
    """Tell whether a drawing can wear an accessory."""
    piece = ACCESSORIES.get(accessory)
    return piece is not None and piece.slot in HEADS.get((concept, style), {})


def placed(thing: Thing, accessory: Accessory, aspect: float) -> Worn:
    """Put an accessory on its wearer, following its place, size, angle and mirroring.

    Args:
        thing: the wearer, a sticker.
        accessory: what it wears.
        aspect: width over height of the tight box of the wearer's drawing.

    Raises:
        DataError: there is no such accessory, or this drawing cannot wear it.
    """
    left, top, right, bottom = _on_box(thing.name, thing.style or "", accessory.name, aspect)
    wide, high = thing.size * min(1.0, aspect), thing.size / max(1.0, aspect)
    dx, dy = ((left + right) / 2.0 - 0.5) * wide, ((top + bottom) / 2.0 - 0.5) * high
    if thing.flip:
        dx = -dx
    cos, sin = math.cos(math.radians(thing.angle)), math.sin(math.radians(thing.angle))
    return Worn(
        x=thing.x + cos * dx - sin * dy,
        y=thing.y + sin * dx + cos * dy,
        width=(right - left) * wide,
        height=(bottom - top) * high,
        angle=thing.angle,
        flip=thing.flip,
        name=accessory.name,
        colour=accessory.colour,
        rgb=accessory.rgb,
    )


def reach(
    concept: str, style: str, accessory: str, aspect: float
) -> tuple[float, float, float, float]:
    """Tell by how much an accessory sticks out of its wearer's tight box.

    Args:
        concept: the wearer.
        style: of its drawing.
        accessory: what it wears.
        aspect: width over height of the wearer's tight box.

    Returns:
        left, top, right, bottom, 0 or more, in fractions of the box's width (left, right) and
        height (top, bottom), for a wearer that is neither turned nor mirrored.

    Raises:
        DataError: there is no such accessory, or this drawing cannot wear it.
    """
    left, top, right, bottom = _on_box(concept, style, accessory, aspect)
    return max(0.0, -left), max(0.0, -top), max(0.0, right - 1.0), max(0.0, bottom - 1.0)


def _on_box(
    concept: str, style: str, name: str, aspect: float
) -> tuple[float, float, float, float]:
    """Give left, top, right, bottom of an accessory, in fractions of its wearer's box."""
    piece = ACCESSORIES.get(name)
    if piece is None:
        raise DataError(f"no accessory {name!r}; there are: {', '.join(ACCESSORIES)}")
    if not 0.0 < aspect < math.inf:
        raise DataError(f"the aspect of a box is its width over its height, not {aspect}")
    anchor = HEADS.get((concept, style), {}).get(piece.slot)
    if anchor is None:
        able = [other for other in ACCESSORIES if fits(concept, style, other)]
        can = f"it can wear: {', '.join(able)}" if able else "it can wear nothing"
        raise DataError(f"{concept!r} in style {style!r} cannot wear {piece.noun}; {can}")
    width = anchor[2] * piece.width
    height = width * piece.tall * aspect
    left, top = anchor[0] - piece.attach[0] * width, anchor[1] - piece.attach[1] * height
    return left, top, left + width, top + height


def bounds(worn: Worn) -> tuple[float, float, float, float]:
    """Give left, top, right, bottom of a worn accessory, in fractions of the picture's side."""
    cos, sin = abs(math.cos(math.radians(worn.angle))), abs(math.sin(math.radians(worn.angle)))
    across = (cos * worn.width + sin * worn.height) / 2.0
    down = (sin * worn.width + cos * worn.height) / 2.0
    return worn.x - across, worn.y - down, worn.x + across, worn.y + down


def layer(worn: Worn, size: int) -> tuple[int, int, NDArray[Any], NDArray[Any]]:
    """Draw a worn accessory, to lay over its wearer.

    Args:
        worn: what, and where.
        size: side of the picture in pixels.

    Returns:
        left and top in pixels, which may lie outside the picture; premultiplied colour, float32
        H W 3, 0..255; alpha, float32 H W, 0..1.

    Raises:
        DataError: there is no such accessory.
    """
    piece = ACCESSORIES.get(worn.name)
    if piece is None:
        raise DataError(f"no accessory {worn.name!r}; there are: {', '.join(ACCESSORIES)}")
    x0, y0, x1, y1 = (side * size for side in bounds(worn))
    left, top = math.floor(x0 - 1.0), math.floor(y0 - 1.0)
    wide, high = math.ceil(x1 + 1.0) - left, math.ceil(y1 + 1.0) - top
    half = max(worn.width * size / 2.0, 1e-3)
    dx = ((np.arange(wide, dtype=np.float32) + 0.5 + left - worn.x * size) / half)[None, :]
    dy = ((np.arange(high, dtype=np.float32) + 0.5 + top - worn.y * size) / half)[:, None]
    turn = math.radians(worn.angle)
    cos, sin = math.cos(turn), math.sin(turn)
    x, y = dx, dy
    if turn:
        x, y = cos * dx + sin * dy, cos * dy - sin * dx
    return left, top, *_paint(piece, worn.rgb, -x if worn.flip else x, y, half)


def _paint(
    piece: Piece, rgb: RGB, x: NDArray[Any], y: NDArray[Any], half: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Paint the regions one over the other; `half` is pixels per unit."""
    shape = np.broadcast_shapes(x.shape, y.shape)
    colour = np.zeros((*shape, 3), dtype=np.float32)
    alpha = np.zeros(shape, dtype=np.float32)
    for tone, distance in piece.regions:
        paint, opacity = toned(rgb, tone)
        cover = np.clip(0.5 - distance(x, y) * half, 0.0, 1.0) * np.float32(opacity)
        cover = cover.astype(np.float32, copy=False)
        colour += cover[..., None] * (np.array(paint, dtype=np.float32) - colour)
        alpha += cover * (1.0 - alpha)
    return colour, alpha
