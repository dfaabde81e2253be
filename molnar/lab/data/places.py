"""A place by name -> a flat illustration behind the things, its weather, and where things stand.

A place is painted from its name and its variant alone, with the same numbers at every size. The
variant moves what is in it and shifts its colours, never so far that it could be another place.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import DataError
from molnar.lab.data.draw import Draw
from molnar.lab.data.palette import COLOURS, variants
from molnar.lab.data.scenery import WEATHERS, WHITE, Canvas, pattern, waves

Pixels = NDArray[np.float32]  # H W 4, premultiplied, 0..255

#: Between which fractions of the height the ground of a place lies.
_GROUNDS = {
    "beach": (0.82, 0.90), "kitchen": (0.86, 0.92), "bar": (0.77, 0.82), "snow": (0.82, 0.90),
    "forest": (0.84, 0.90), "desert": (0.82, 0.90), "mountains": (0.84, 0.90),
    "city": (0.88, 0.92), "meadow": (0.82, 0.90), "living room": (0.86, 0.92),
}  # fmt: skip
PATTERNS = ("gradient", "stripes", "polka dots", "checkerboard")
WEATHER = tuple(WEATHERS)
#: Places whose things stand on the ground; in all others they may be anywhere.
STANDING = frozenset(_GROUNDS)
OUTDOOR = STANDING - {"kitchen", "bar", "living room"} | {"night sky"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A drawn background; a DataError is raised where its parts do not go together."""

    name: str  # one of PLACES or PATTERNS
    variant: int = 0  # 0 .. 2**16 - 1; same variant, same picture
    colours: tuple[str, ...] = ()  # two names in the palette for patterns, else empty
    weather: str | None = None  # one of WEATHER; outdoor places only

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        _expect("place", self.name, (*PLACES, *PATTERNS))
        for colour in self.colours:
            _expect("colour", colour, COLOURS)
        wanted = 2 if self.name in PATTERNS else 0
        if not len(self.colours) == len(set(self.colours)) == wanted:
            raise DataError(f"{self.name} has colours {self.colours}; expected {wanted} different")
        if not 0 <= self.variant < 2**16:
            raise DataError(f"variant is {self.variant}; expected 0 to {2**16 - 1}")
        if self.weather is not None:
            _expect("weather", self.weather, WEATHER)
            _expect(f"place of {self.weather}", self.name, sorted(OUTDOOR))


def paint(place: Place, *, height: int, width: int) -> Pixels:
    """Draw a place, opaque, and of its weather what lies behind the things; 9:16 to 16:9."""
    canvas, draw = Canvas(height, width), _chance(place.name, place.variant)
    if place.name in PATTERNS:
        shades = (variants(name)[place.variant % len(variants(name))] for name in place.colours)
        first, last = (int.from_bytes(bytes(rgb), "big") for rgb in shades)
        pattern(canvas, draw, place.name, first, last)
        return np.ascontiguousarray(canvas.pixels.transpose(1, 2, 0))
    _SCENES[place.name](canvas, draw, ground(place) * canvas.h)
    light, warmth = draw.uniform(0.97, 1.03), draw.uniform(-0.02, 0.02)
    gain = np.array((light + warmth, light, light - warmth, 1.0), np.float32)
    pixels = canvas.pixels[:, :, :: draw.choice((1, -1))]  # half of all variants are mirrored
    image = np.minimum(pixels.transpose(1, 2, 0) * gain, np.float32(255.0))
    if place.weather is not None:
        far = weather(place.weather, place.variant, height=height, width=width, near=False)
        image = image * (1.0 - far[..., 3:] * np.float32(1.0 / 255.0)) + far
    image[..., 3] = 255.0
    return np.ascontiguousarray(image)


def overlay(place: Place, *, height: int, width: int) -> Pixels:
    """Draw what of a place's weather lies in front of the things: nothing, if it has none."""
    if place.weather is None:
        return np.zeros((height, width, 4), dtype=np.float32)
    return weather(place.weather, place.variant, height=height, width=width, near=True)


def weather(name: str, variant: int, *, height: int, width: int, near: bool) -> Pixels:
    """Draw one of WEATHER, to be laid over any ground.

    Near is what falls before the things, a few large drops; else there are many small ones and a
    grey day behind them.
    """
    _expect("weather", name, WEATHER)
    canvas = Canvas(height, width)
    WEATHERS[name](canvas, _chance(f"{name} {near}", variant), near)
    return np.ascontiguousarray(canvas.pixels.transpose(1, 2, 0))


def ground(place: Place) -> float:
    """Give where things stand, as a fraction of the height, downwards; 0.5 outside STANDING."""
    low, high = _GROUNDS.get(place.name, (0.5, 0.5))
    return _chance("ground of " + place.name, place.variant).uniform(low, high)


def colours_behind(place: Place, box: tuple[float, float, float, float]) -> NDArray[np.float32]:
    """Give the mean colour, sRGB 0..255, behind a box in fractions of the sides of a square."""
    left, top, right, bottom = (min(max(at, 0.0), 1.0) * 32.0 for at in box)
    if left >= right or top >= bottom:
        raise DataError(f"box is {box}; expected left, top, right, bottom with something inside")
    part = _small(place)[int(top) : ceil(bottom), int(left) : ceil(right), :3]
    return np.asarray(part.mean(axis=(0, 1)), dtype=np.float32)


@lru_cache(maxsize=256)
def _small(place: Place) -> Pixels:
    return paint(place, height=32, width=32)


def _expect(what: str, got: str, known: Sequence[str]) -> None:
    if got not in known:
        raise DataError(f"{what} is {got!r}; expected one of {', '.join(known)}")


def _chance(what: str, variant: int) -> Draw:
    return Draw(np.random.Generator(np.random.Philox(key=(zlib.crc32(what.encode()), variant))))


# -- the places; each gets a canvas, chance, and the height of the ground in units -----------------


def _sky(c: Canvas, d: Draw, end: float, *hues: tuple[int, int]) -> None:
    high, low = d.choice(hues)
    c.floor(high, 0.0, low, end)


def _beach(c: Canvas, d: Draw, ground: float) -> None:
    horizon, tide = c.h * d.uniform(0.40, 0.48), c.h * d.uniform(0.62, 0.68)
    _sky(c, d, horizon, (0x70C6F0, 0xD8F1F8), (0x70C6F0, 0xD8F1F8), (0xF6A878, 0xFFE8C4))
    c.put("sun", c.w * d.uniform(0.12, 0.28), c.h * d.uniform(0.12, 0.22), 0.085, 0xFFD654)
    c.put("cloud", c.w * d.uniform(0.42, 0.58), c.h * d.uniform(0.12, 0.28), 0.11, WHITE)
    c.floor(0x1E88BE, horizon, 0x74DED6, tide)
    edge = waves(c, tide, 0.035, 1.5, d.random()) + 0.05 * c.x[0] / c.w
    for colour, lower in ((0xF3FBFA, -0.035), (0xE4C694, 0.0), (0xF8DFAA, 0.035)):
        c.floor(colour, edge + lower, 0xEECB8E if lower > 0.0 else None)
    x, tint = c.w - d.uniform(0.08, 0.16), d.choice((0xE84E4C, 0xF08040, 0x2E92C4))
    if d.chance(0.6):
        c.put("palm", x, ground - 0.02, d.uniform(0.56, 0.64))
    else:
        c.put("parasol", x - 0.10, ground - 0.03, 0.52, tint)


def _kitchen(c: Canvas, d: Draw, ground: float) -> None:
    hues = ((0xFAEED6, 0x689A9E), (0xE4F0E8, 0xE2A06E), (0xFCE8DA, 0x788EB0))
    (wall, front), floor, top = d.choice(hues), ground - 0.07, ground - 0.35
    for colour, edge in ((wall, 0), (0xF8FBFA, top - 0.22), (front, top), (0x5A5450, floor - 0.02)):
        c.floor(colour, edge)
    for k in range(round(c.w / 0.08) + 1):
        c.put("tile", 0.08 * k, top - 0.22)
    c.put("window", c.w * 0.5 + d.uniform(0.01, 0.04), top - d.uniform(0.37, 0.40))
    for k in range(7):
        c.put("door", 0.36 + 0.21 * k, top)
    c.box(0xCC9664, 0.0, top - 0.005, c.w, top + 0.03)
    c.floor(0xD6C4B0, floor, 0xC4B09C)
    c.put("stove", d.uniform(0.16, 0.20), floor, 1.0, d.choice((0xE25246, 0x3A7AB0, 0xF6B642)))
    c.put("fridge", c.w - d.uniform(0.14, 0.18), floor)


def _bar(c: Canvas, d: Draw, ground: float) -> None:
    c.floor(0x3E2030, 0.0, 0x683432)
    c.box(0x8E4E3A, 0.05, ground - 0.62, c.w - 0.05, ground, 0.02)
    lamps = [c.w * (0.18 + 0.32 * k) + d.uniform(-0.03, 0.03) for k in range(3)]
    for x in lamps:
        c.glow(0xFFD282, x, ground - 0.68, 0.24, 0.6)
    for shelf in (ground - 0.43, ground - 0.19):
        c.box(0xE8A460, 0.05, shelf, c.w - 0.05, shelf + 0.022)
        for k in range(14):
            x, tall = 0.13 + 0.118 * k + d.uniform(-0.014, 0.014), d.uniform(0.14, 0.18)
            tint = d.choice((0x4A9C6C, 0xE8963C, 0x568EC8, 0xCE4848, 0xF0D6A0, 0x9660A8))
            if x < c.w - 0.09:
                c.put("bottle", x, shelf, tall, tint)
    for x in lamps:
        c.put("pendant", x, ground - 0.69)
    for colour, edge in ((0xCA824C, -0.035), (0x7A422E, 0.05), (0x925438, 0.065)):
        c.floor(colour, ground + edge)
    c.put("beer", d.uniform(0.09, 0.13), ground)
    c.put("cocktail", c.w - d.uniform(0.10, 0.14), ground, 1.0, d.choice((0xF46078, 0x78D6A0)))


def _night_sky(c: Canvas, d: Draw, ground: float) -> None:
    _sky(c, d, c.h, (0x0E143E, 0x463E84), (0x0C1A40, 0x2C5088), (0x1A1244, 0x5E3C82))
    c.glow(0x7060B4, c.w * d.uniform(0.3, 0.7), c.h * d.uniform(0.5, 0.8), 0.5, 0.35)
    moon_x, moon_y = c.w * d.uniform(0.15, 0.30), c.h * d.uniform(0.17, 0.28)
    for k in range(18):
        x, y = c.w * (k % 6 + d.uniform(0.1, 0.9)) / 6, c.h * (k // 6 + d.uniform(0.1, 0.9)) / 3
        size, large = d.uniform(0.009, 0.016), d.chance(0.35)
        if abs(x - moon_x) + abs(y - moon_y) > 0.28:
            c.put("star" if large else "dot", x, y, size, 0xFFF6D6)
    c.glow(0x96A0E6, moon_x, moon_y, 0.34, 0.40)
    c.moon(0xFFF0C4, moon_x, moon_y, d.uniform(0.11, 0.14))


def _snow(c: Canvas, d: Draw, ground: float) -> None:
    hill = c.h * d.uniform(0.48, 0.56)
    _sky(c, d, hill, (0x7EB6E4, 0xE8F3FB), (0x9CA8DC, 0xF4E6EE))
    c.put("sun", c.w * d.uniform(0.2, 0.8), c.h * d.uniform(0.12, 0.20), 0.06, 0xFFF8E2)
    c.floor(0xC6DBF0, waves(c, hill, 0.07, 1.3, d.random()))
    for x in (d.uniform(0.24, 0.36), d.uniform(0.64, 0.76)):
        c.put("fir", c.w * x, hill + 0.15, d.uniform(0.18, 0.24), 0x7CA4B4, 0xB4CCDA)
    c.floor(0xDEEBF8, waves(c, hill + 0.12, 0.035, 1.1, d.random()))
    green = d.choice((0x2C6868, 0x346276, 0x2E705C))
    for low, high, tall in ((0.05, 0.10, 0.55), (0.20, 0.26, 0.33), (0.87, 0.94, 0.47)):
        x, size = c.w * d.uniform(low, high), tall * d.uniform(0.9, 1.1)
        c.put("fir", x, hill + 0.28, size, green, WHITE)
    c.floor(0xFAFCFF, waves(c, hill + 0.24, 0.03, 1.6, d.random()), 0xD6E4F6)


def _forest(c: Canvas, d: Draw, ground: float) -> None:
    _sky(c, d, c.h, (0xD6E8A8, 0x80B270), (0xE8E8A8, 0x80B270), (0xC8E8C0, 0x78AE78))
    for tone, half, step in ((0xA6C682, 0.022, 0.17), (0x6E945C, 0.030, 0.26)):
        shift = d.random() * step
        for k in range(11):
            c.wedge(tone, (shift + step * k, 0.0, half), (shift + step * k, ground, half))
    c.floor(0x5C924A, waves(c, ground - 0.12, 0.02, 0.9, d.random()), 0x3E703A)
    bark, foot = d.choice((0x684836, 0x5C423A, 0x745034)), ground - 0.02
    for x, half in ((d.uniform(0.05, 0.13), 0.06), (c.w - d.uniform(0.04, 0.15), 0.075)):
        c.wedge(bark, (x, 0.0, half), (x, foot, 1.2 * half))
        c.wedge(bark, (x, foot - 0.06, 1.1 * half), (x, foot, 1.7 * half))
    for tone, low in ((0x70A84E, 0.16), (0x468442, 0.10), (0x2E683C, 0.04)):
        c.box(tone, 0.0, 0.0, c.w, low)
        shift = d.random() * 0.2
        for k in range(10):
            c.disc(tone, shift + 0.22 * k - 0.1, low, d.uniform(0.12, 0.15))
    for x in (d.uniform(0.0, 0.08), d.uniform(0.2, 0.26), c.w - d.uniform(0.2, 0.3), c.w - 0.02):
        c.disc(0x2E703E, x, ground + 0.06, 0.12)
    c.floor(0x3A7A42, waves(c, ground + 0.05, 0.01, 0.9, d.random()), 0x2E683C)


def _desert(c: Canvas, d: Draw, ground: float) -> None:
    horizon = c.h * d.uniform(0.54, 0.60)
    _sky(c, d, horizon, (0xFAB068, 0xFFE8B8), (0xF49070, 0xFFDCA8), (0x84C8DC, 0xFBEBC4))
    c.put("sun", c.w * d.uniform(0.22, 0.44), c.h * d.uniform(0.18, 0.28), 0.11, 0xFFF4C8)
    c.put("mesa", c.w * d.uniform(0.60, 0.72), horizon, d.uniform(0.16, 0.22))
    for colour, lower, period in ((0xF0BA70, 0.0, 1.2), (0xE4A258, 0.1, 1.4)):
        c.floor(colour, waves(c, horizon + lower, 0.035, period, d.random()))
    c.put("cactus", c.w * d.uniform(0.85, 0.91), ground - 0.02, d.uniform(0.44, 0.56), 0x408658)
    c.put("cactus", c.w * d.uniform(0.09, 0.15), ground - 0.06, d.uniform(0.26, 0.36), 0x408658)
    c.floor(0xD89048, waves(c, ground - 0.06, 0.03, 1.7, d.random()), 0xC67C3E)


def _mountains(c: Canvas, d: Draw, ground: float) -> None:
    foot, shift = c.h * d.uniform(0.66, 0.72), d.uniform(-0.05, 0.05)
    _sky(c, d, foot, (0x7CB8E8, 0xEAF3F6), (0x7CB8E8, 0xEAF3F6), (0xA4A0DC, 0xFCDCCC))
    for x in (d.uniform(0.30, 0.38), d.uniform(0.64, 0.74)):
        c.put("cloud", c.w * x, c.h * d.uniform(0.10, 0.22), 0.11, WHITE)
    for k in range(5):
        x, size = 0.40 * k + d.uniform(-0.06, 0.06), d.uniform(0.26, 0.36)
        c.put("peak", x, foot - size, size, 0xA2BAD6, 0x92ACCC)
    light, dark = d.choice(((0x707C98, 0x586280), (0x78768A, 0x5E5C74), (0x7A8CA8, 0x5E7090)))
    for at, tall in ((0.50, 0.46), (0.15, 0.58), (0.86, 0.54)):
        x, size = c.w * (at + shift), tall * d.uniform(0.9, 1.1)
        c.put("peak", x, foot + 0.05 - size, size, light, dark)
        c.put("summit", x, foot + 0.05 - size, size)
    c.floor(0x7AA870, waves(c, foot, 0.03, 1.3, d.random()))
    for at in (0.06, 0.14, 0.80, 0.90, 0.97):
        x, size = c.w * at + d.uniform(-0.02, 0.02), d.uniform(0.15, 0.21)
        c.put("fir", x, foot + 0.13, size, 0x3A6E58, 0x3A6E58)
    c.floor(0x62965A, waves(c, foot + 0.10, 0.03, 1.5, d.random()), 0x4E824E)


def _city(c: Canvas, d: Draw, ground: float) -> None:
    street = ground - 0.06
    _sky(c, d, 0.62 * c.h, (0x585AA8, 0xFCBA98), (0x46509C, 0xE8A0B0), (0x3C4C98, 0x9CC8E8))
    shift, wall = d.random() * 0.1, 0
    for k in range(13):
        c.box(0x9880B8, 0.16 * k - shift, street - d.uniform(0.38, 0.58), 0.16 * k + 0.16, street)
    for k in range(10):
        x, wide, wall = 0.21 * k - shift, d.choice((0.18, 0.21, 0.21)), wall + d.choice((1, 2))
        # towers stand at the sides, where things in front leave them in sight
        floors = d.choice((3, 4, 5)) + round(4.5 * max(0.0, abs((x + 0.1) / c.w - 0.5) * 2.4 - 0.5))
        roof = street - 0.085 * floors - 0.04
        c.box((0x3A3A6C, 0x4C447C, 0x425082)[wall % 3], x, roof, x + wide, street)
        for window in range(3 * 9):
            lit, left = d.chance(0.62), x + wide * (0.14 + 0.27 * (window % 3))
            top = roof + 0.035 + 0.085 * (window // 3)
            if lit and window < 3 * floors and x < c.w:
                c.box(0xFFD67A, left, top, left + 0.18 * wide, top + 0.045)
    c.floor(0xB0A4B8, street)
    c.floor(0x4E4C62, street + 0.035, 0x403E54)
    for k in range(8):
        c.box(0xF0E8D6, 0.26 * k - 0.08, street + 0.09, 0.26 * k + 0.06, street + 0.11)


def _underwater(c: Canvas, d: Draw, ground: float) -> None:
    _sky(c, d, c.h, (0x54D0E2, 0x0E5496), (0x4CC4DC, 0x123E86), (0x5CDCD4, 0x0C6490))
    for k in range(3):
        x = c.w * (0.12 + 0.32 * k) + d.uniform(-0.06, 0.06)
        c.wedge(0xBEF4F6, (x + 0.05, -0.1, 0.05), (x - 0.10, c.h, 0.12), 0.16)
    sand = c.h - d.uniform(0.09, 0.13)
    c.floor(0x1E6EA0, waves(c, sand - 0.05, 0.04, 1.1, d.random()))
    for x, tall in ((0.05, 0.5), (0.15, 0.36), (c.w - 0.05, 0.44), (c.w - 0.15, 0.32)):
        x, tall = x + d.uniform(-0.02, 0.02), tall * d.uniform(0.85, 1.2)
        c.put("weed", x, sand + 0.04, tall, 0x229678)
    tint = d.choice((0xF47A84, 0xFA9660, 0xE870AA))
    c.put("coral", d.uniform(0.26, 0.34), sand + 0.03, 0.21, tint)
    c.floor(0xF0D8A4, waves(c, sand, 0.02, 1.4, d.random()), 0xD6B888)
    for k in range(9):
        x = d.uniform(0.05, 0.32) if k % 2 else d.uniform(0.68, 0.95)
        c.put("bubble", c.w * x, c.h * d.uniform(0.06, 0.72), d.uniform(0.016, 0.036))


def _meadow(c: Canvas, d: Draw, ground: float) -> None:
    hill = c.h * d.uniform(0.50, 0.58)
    c.floor(0x7AC8F4, 0.0, 0xE2F5FA, hill)
    for x, size in ((d.uniform(0.10, 0.38), 0.13), (d.uniform(0.62, 0.90), 0.10)):
        c.put("cloud", c.w * x, c.h * d.uniform(0.12, 0.28), size, WHITE)
    c.floor(0xA0D47A, waves(c, hill, 0.06, 1.5, d.random()))
    c.put("tree", c.w * d.uniform(0.80, 0.90), hill + 0.13, d.uniform(0.30, 0.42), 0x489854)
    c.floor(0x7CC262, waves(c, hill + 0.10, 0.05, 1.3, d.random()))
    c.floor(0x62AE50, waves(c, ground - 0.12, 0.03, 1.7, d.random()), 0x489442)
    tints = d.choice(((WHITE, 0xFA788C), (0xFCD854, WHITE), (0xEC6E96, 0xFFF0C8)))
    for k in range(12):
        x, y = (k + d.uniform(0.1, 0.9)) / 6.5, ground - 0.06 + d.random() * (c.h - ground + 0.03)
        c.put("flower", x, y, 0.029, tints[k % 2])


def _living_room(c: Canvas, d: Draw, ground: float) -> None:
    hues = ((0xE2D6C8, 0x3E7E84), (0xC4D8D2, 0xD67A58), (0xF0DAC8, 0x566896))
    (wall, sofa), floor, middle = d.choice(hues), ground - 0.08, c.w * d.uniform(0.45, 0.52)
    c.floor(wall, 0.0)
    x = c.w - d.uniform(0.11, 0.15)
    c.glow(0xFFF4CE, x, floor - 0.60, 0.34, 0.6)
    for dx, size in ((-0.15, 0.08), (0.07, 0.10)):
        c.put("picture", middle + dx, floor - d.uniform(0.62, 0.66), size, sofa)
    c.floor(0xFAF6F0, floor - 0.03)
    c.floor(0xBC8A60, floor, 0xA06E4A)
    c.box(sofa + 0x181818, 0.5 * c.w - 0.42, ground - 0.02, 0.5 * c.w + 0.42, ground + 0.08, 0.05)
    c.put("sofa", middle, floor + 0.05, 1.0, sofa, sofa + 0x181818)
    c.put("lamp", x, floor + 0.03)
    c.put("plant", d.uniform(0.08, 0.11), floor + 0.05, d.uniform(0.9, 1.1))


_SCENES: dict[str, Callable[[Canvas, Draw, float], None]] = {
    "beach": _beach, "kitchen": _kitchen, "bar": _bar, "night sky": _night_sky, "snow": _snow,
    "forest": _forest, "desert": _desert, "mountains": _mountains, "city": _city,
    "underwater": _underwater, "meadow": _meadow, "living room": _living_room,
}  # fmt: skip
PLACES: tuple[str, ...] = tuple(_SCENES)
