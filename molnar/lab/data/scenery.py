"""What drawn places are made of: a canvas with flat shapes, props such as a palm, and weather.

Lengths are in units of the picture's shorter side, so that a sun is round and a horizon level
whatever the picture's shape; y points down. Colours are 0xRRGGBB.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import DataError
from molnar.lab.data.draw import Draw
from molnar.lab.data.shapes import box as rectangle
from molnar.lab.data.shapes import length

Distance = Callable[[Any, Any], Any]  # x, y in units -> signed distance, negative inside
Box = tuple[float, float, float, float]  # left, top, right, bottom in units
Point = tuple[float, float]
End = tuple[float, float, float]  # x, y, half width
Prop = tuple[tuple[Any, ...], ...]  # rows of (method of Canvas, colour, numbers)

WHITE = 0xFCFDFF


class Canvas:
    """A picture being painted; edges are smoothed over one pixel."""

    def __init__(self, height: int, width: int) -> None:
        """Start with nothing: float32 [4, height, width], premultiplied, 0..255, alpha 0."""
        if min(height, width) < 8:
            raise DataError(f"the picture is {height} x {width}; expected sides of 8 or more")
        self.pixels = np.zeros((4, height, width), dtype=np.float32)
        self.left, self.top, self.unit = 0.0, 0.0, float(min(height, width))
        self.w, self.h = width / self.unit, height / self.unit
        self.x, self.y = _axes(height, width)  # centres of pixels: [1, width] and [height, 1]

    def put(self, prop: str, x: float, y: float, size: float = 1.0, *tints: int) -> None:
        """Paint one of PROPS with its origin at (x, y), `size` being its unit."""
        there = copy.copy(self)
        there.left, there.top = self.left + x * self.unit, self.top + y * self.unit
        there.x, there.y = (self.x - x) * (1.0 / size), (self.y - y) * (1.0 / size)
        there.unit = self.unit * size
        for kind, colour, *numbers in PROPS[prop]:
            getattr(there, kind)(tints[~colour] if colour < 0 else colour, *numbers)

    def floor(
        self, colour: int, edge: float | NDArray[Any], deep: int | None = None, end: float = 0.0
    ) -> None:
        """Paint what lies below an edge: one height, or one for each column.

        With `deep`, the colour turns into it from the edge to `end`; 0 is the picture's bottom.
        """
        line = np.asarray(edge, dtype=np.float32)
        slope = np.gradient(line) * self.unit if line.ndim else np.zeros(1, np.float32)
        high, low, rows = float(line.min()), float(line.max()), self.pixels.shape[1]
        first = min(max(int(high * self.unit) - 1, 0), rows)
        whole = min(max(int(low * self.unit) + 2, first), rows)  # from here on, all is inside
        share = ((self.y[first:] - high) / ((end or self.h) - high)).clip(0.0, 1.0)
        inks = ink(colour) + share * (ink(colour if deep is None else deep) - ink(colour))
        cover = (self.y[first:whole] - line) * (self.unit / np.sqrt(1.0 + slope * slope)) + 0.5
        here = self.pixels[:, first:whole]
        here += cover.clip(0.0, 1.0) * (inks[:, : whole - first] - here)
        self.pixels[:, whole:] = inks[:, whole - first :]

    def lay(self, colour: int, where: Box, distance: Distance, opacity: float = 1.0) -> None:
        """Paint where a distance is negative; `where` holds all of that."""
        rows, columns = self._within(where)
        x, y = self.x[:, columns], self.y[rows]
        if x.size and y.size:
            cover = (0.5 - distance(x, y) * np.float32(self.unit)).clip(0.0, 1.0)
            here = self.pixels[:, rows, columns]
            here += cover * np.float32(opacity) * (ink(colour) - here)

    def veil(self, colour: int, cover: float | NDArray[Any]) -> None:
        """Cover everything by a share, 0..1."""
        self.pixels += np.float32(1.0) * cover * (ink(colour) - self.pixels)

    def glow(self, colour: int, x: float, y: float, radius: float, opacity: float) -> None:
        """Paint light that fades out from a point."""
        rows, columns = self._within((x - radius, y - radius, x + radius, y + radius))
        dx, dy = (self.x[:, columns] - x) / radius, (self.y[rows] - y) / radius
        cover = (1.0 - dx * dx - dy * dy).clip(0.0)
        here = self.pixels[:, rows, columns]
        here += cover * cover * np.float32(opacity) * (ink(colour) - here)

    def disc(self, colour: int, x: float, y: float, radius: float, opacity: float = 1.0) -> None:
        """Paint a disc."""
        where = (x - radius, y - radius, x + radius, y + radius)
        self.lay(colour, where, lambda u, v: length(u - x, v - y) - radius, opacity)

    def moon(self, colour: int, x: float, y: float, radius: float) -> None:
        """Paint a crescent, open to the upper right."""

        def distance(u: Any, v: Any) -> Any:
            bite = 0.80 * radius - length(u - x - 0.42 * radius, v - y + 0.18 * radius)
            return np.maximum(length(u - x, v - y) - radius, bite)

        self.lay(colour, (x - radius, y - radius, x + radius, y + radius), distance)

    def dome(self, colour: int, x: float, y: float, rx: float, ry: float) -> None:
        """Paint the upper half of an ellipse, standing on y."""

        def distance(u: Any, v: Any) -> Any:
            u, v = (u - x) / rx, (v - y) / ry
            near = length(u, v)
            oval = (near - 1.0) * near / length(u / rx, v / ry)  # one Newton step to the edge
            return np.maximum(oval, v * ry)

        self.lay(colour, (x - rx, y - ry, x + rx, y), distance)

    def box(
        self, colour: int, x0: float, y0: float, x1: float, y1: float, soft: float = 0.0
    ) -> None:
        """Paint a rectangle, its corners rounded by `soft`."""
        x, y, half_x, half_y = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2

        def distance(u: Any, v: Any) -> Any:
            if not soft:
                return np.maximum(abs(u - x) - half_x, abs(v - y) - half_y)
            return rectangle(u - x, v - y, half_x - soft, half_y - soft) - soft

        self.lay(colour, (x0, y0, x1, y1), distance)

    def wedge(self, colour: int, top: End, foot: End, opacity: float = 1.0) -> None:
        """Paint a trapezium with a level top and a level foot; a half width of 0 is a point."""
        (x0, y0, half0), (x1, y1, half1), tall = top, foot, foot[1] - top[1]
        right, left = (x1 + half1 - x0 - half0) / tall, (x1 - half1 - x0 + half0) / tall
        steep_r, steep_l = 1.0 / math.hypot(1.0, right), 1.0 / math.hypot(1.0, left)

        def distance(u: Any, v: Any) -> Any:
            down = v - y0
            to_right = (u - down * right - (x0 + half0)) * steep_r
            to_left = (down * left + (x0 - half0) - u) * steep_l
            return np.maximum(np.maximum(to_right, to_left), abs(down - tall / 2) - tall / 2)

        where = (min(x0 - half0, x1 - half1), y0, max(x0 + half0, x1 + half1), y1)
        self.lay(colour, where, distance, opacity)

    def line(self, colour: int, start: Point, end: Point, half: float) -> None:
        """Paint a stroke with round ends, 2 * half thick."""
        (ax, ay), (bx, by) = start, end
        ex, ey, norm = bx - ax, by - ay, (bx - ax) ** 2 + (by - ay) ** 2

        def distance(u: Any, v: Any) -> Any:
            along = (((u - ax) * ex + (v - ay) * ey) / norm).clip(0.0, 1.0)
            return length(u - ax - ex * along, v - ay - ey * along) - half

        where = (min(ax, bx) - half, min(ay, by) - half, max(ax, bx) + half, max(ay, by) + half)
        self.lay(colour, where, distance)

    def leaf(
        self, colour: int, root: Point, angle: float, size: Point, bend: float, taper: float = -1.0
    ) -> None:
        """Paint a leaf, pointed at both ends; or, with `taper`, a stem that loses that share.

        It leaves its root at an angle, in degrees clockwise from rightwards; `size` is its length
        and half of its thickness; its end lies `bend` off the straight line, clockwise.
        """
        (x, y), (reach, half), turn = root, size, math.radians(angle)
        cos, sin, steep = math.cos(turn), math.sin(turn), 1.0 / math.hypot(1.0, 1.4 * bend / reach)

        def distance(u: Any, v: Any) -> Any:
            u, v = u - x, v - y
            along, across = (cos * u + sin * v) * (1.0 / reach), cos * v - sin * u
            t = along.clip(0.0, 1.0)
            wide = half * (4.0 * t * (1.0 - t) if taper < 0.0 else 1.0 - taper * t)
            side = (abs(across - bend * t * t) - wide) * steep
            return np.maximum(side, (abs(along - 0.5) - 0.5) * reach)

        far_x, far_y = x + cos * reach - sin * bend, y + sin * reach + cos * bend
        low_x, low_y, room = min(x, far_x), min(y, far_y), half + 0.25 * abs(bend)
        right, bottom = max(x, far_x) + room, max(y, far_y) + room
        self.lay(colour, (low_x - room, low_y - room, right, bottom), distance)

    def _within(self, where: Box) -> tuple[slice, slice]:
        """Give the rows and columns of pixels that a box touches."""
        left, right = (int(self.left + at * self.unit) for at in (where[0], where[2]))
        top, bottom = (int(self.top + at * self.unit) for at in (where[1], where[3]))
        return slice(max(top - 1, 0), max(bottom + 2, 0)), slice(
            max(left - 1, 0), max(right + 2, 0)
        )


@lru_cache(maxsize=64)
def _axes(height: int, width: int) -> tuple[NDArray[Any], NDArray[Any]]:
    unit = np.float32(min(height, width))
    x, y = (np.arange(side, dtype=np.float32) + np.float32(0.5) for side in (width, height))
    return (x / unit)[None, :], (y / unit)[:, None]


@lru_cache(maxsize=512)
def ink(colour: int) -> NDArray[Any]:
    """Give an opaque pixel: float32 [4, 1, 1]."""
    channels = (colour >> 16, colour >> 8 & 255, colour & 255, 255)
    return np.array(channels, dtype=np.float32)[:, None, None]


def waves(c: Canvas, y: float, swing: float, period: float, phase: float) -> NDArray[Any]:
    """Give a rolling edge around y for each column; `phase` in 0..1."""
    turn = c.x[0] * (6.2832 / period) + phase * 6.2832
    return np.asarray(y + swing * (0.7 * np.sin(turn) + 0.3 * np.sin(1.9 * turn + 1.3)))


# -- weather ---------------------------------------------------------------------------------------


def rain(c: Canvas, draw: Draw, near: bool) -> None:
    """Slanting streaks; those behind are many and small, under a grey sky."""
    number, reach, half = (18, 0.10, 0.0085) if near else (40, 0.07, 0.006)
    if not near:
        c.veil(0x5C6C84, 0.36)
    for k in range(number):  # one to each column, so that they are spread well
        x, y = 1.35 * c.w * (k + draw.random()) / number, c.h * draw.random()
        c.line(0xBEDAF4, (x, y), (x - 0.22 * reach, y + reach), half)


def snowfall(c: Canvas, draw: Draw, near: bool) -> None:
    """Flakes; those behind are many and small, under a dull sky."""
    number, small, large = (13, 0.016, 0.026) if near else (52, 0.007, 0.014)
    if not near:
        c.veil(0x94A8C4, 0.34)
    for k in range(number):
        x, y = c.w * (k + draw.random()) / number, c.h * draw.random()
        c.disc(WHITE, x, y, draw.uniform(small, large), 0.95)


def fog(c: Canvas, draw: Draw, near: bool) -> None:
    """Banks that thicken downwards; those in front hide the feet of things."""
    if not near:
        c.veil(0xDCE2E6, 0.46)
    for bank in range(2):
        line = waves(c, c.h * ((0.80 if near else 0.52) + 0.16 * bank), 0.05, 1.3, draw.random())
        thick = ((c.y - line) * (1.0 / 0.22) + 0.5).clip(0.0, 1.0)
        c.veil(0xEEF1F3, thick * thick * (3.0 - 2.0 * thick) * (0.42 if near else 0.34))


WEATHERS = {"rain": rain, "snowfall": snowfall, "fog": fog}


def pattern(c: Canvas, draw: Draw, name: str, first: int, last: int) -> None:
    """Paint a pattern of two colours, which are mixed only where it is a gradient."""
    period, shift = draw.uniform(0.24, 0.42), draw.random()
    across, down = draw.choice(((1.0, 0.0), (0.0, 1.0), (0.7071, 0.7071)))
    c.veil(first, 1.0)

    def bands(at: Any) -> Any:
        turn = at * (1.0 / period) + shift
        return (abs(turn - np.floor(turn) - 0.5) - 0.25) * period

    def distance(x: Any, y: Any) -> Any:
        if name == "stripes":
            return bands(across * x + down * y)
        if name == "checkerboard":
            return np.minimum(np.maximum(bands(x), -bands(y)), np.maximum(bands(y), -bands(x)))
        u, v = (bands(0.7071 * at) + 0.25 * period for at in (x + y, x - y))
        return length(u, v) - 0.27 * period  # polka dots

    if name == "gradient":
        c.veil(last, (across * c.x + down * c.y) / (across * c.w + down * c.h))
    else:
        c.lay(last, (0.0, 0.0, c.w, c.h), distance)


# -- props ----------------------------------------------------------------------------------------


def _props(text: str) -> dict[str, Prop]:
    """Read a name, then strokes: a method of Canvas, a colour or a tint (-1, -2), numbers."""
    found = {}
    for line in text.replace("\n ", " ").strip().splitlines():
        name, strokes = line.split(maxsplit=1)
        rows = (stroke.split() for stroke in strokes.split(";"))
        found[name] = tuple((kind, int(tint, 16), *map(_read, rest)) for kind, tint, *rest in rows)
    return found


def _read(word: str) -> float | tuple[float, ...]:
    numbers = tuple(map(float, word.split(",")))
    return numbers if len(numbers) > 1 else numbers[0]


#: Origin: the middle of their foot; of what hangs or floats, its middle; of a peak, its top.
PROPS = _props("""
sun      glow FFFAE0 0 0 3.2 .6; disc -1 0 0 1
cloud    box -1 -1 -.3 1 .14 .22; disc -1 -.36 -.3 .34; disc -1 .22 -.38 .46
fir      box 704E3E -.045 -.2 .045 0; wedge -1 0,-.52,0 0,-.12,.3; wedge -2 0,-.53,0 0,-.3,.17;
         wedge -1 0,-.76,0 0,-.36,.235; wedge -2 0,-.77,0 0,-.54,.13; wedge -1 0,-1,0 0,-.6,.17;
         wedge -2 0,-1.01,0 0,-.79,.09
tree     box 825C40 -.05 -.48 .05 0; disc -1 -.17 -.5 .25; disc -1 .2 -.5 .23; disc -1 0 -.72 .28
palm     leaf 966842 0,0 -96 1,.045 -.21 .45; leaf 268C54 -.27,-.98 -168 .5,.06 -.23;
         leaf 268C54 -.27,-.98 -12 .5,.06 .23; leaf 3AA860 -.27,-.98 -128 .46,.06 -.15;
         leaf 3AA860 -.27,-.98 -52 .48,.06 .15; leaf 3AA860 -.27,-.98 152 .38,.06 -.21;
         leaf 3AA860 -.27,-.98 28 .41,.06 .21; leaf 268C54 -.27,-.98 -90 .31,.06 0;
         disc 764C30 -.3 -.95 .04; disc 764C30 -.23 -.94 .04
parasol  line FAF6EC 0,-1 0,0 .019; disc -1 0 -1.04 .027; dome -1 0 -.67 .46 .36;
         dome FCFDFF 0 -.67 .25 .36; dome -1 0 -.67 .09 .36
cactus   line -1 0,0 0,-.915 .085; line -1 0,-.42 -.26,-.42 .064; line -1 -.26,-.42 -.26,-.72 .064;
         line -1 0,-.3 .26,-.3 .064; line -1 .26,-.3 .26,-.62 .064
mesa     wedge CE704E 0,-1,.66 0,.3,1.15; wedge B65C46 .44,-1,.22 .83,.3,.32
peak     wedge -1 0,0,0 0,1,.7; wedge -2 0,0,0 .385,1,.315
summit   wedge FCFDFF 0,-.01,0 0,.3,.216; wedge FCFDFF 0,.29,.074 0,.42,0;
         wedge FCFDFF -.142,.29,.074 -.142,.4,0; wedge FCFDFF .142,.29,.074 .142,.4,0
flower   disc -1 -.6 0 .56; disc -1 .6 0 .56; disc -1 0 -.6 .56; disc -1 0 .6 .56;
         disc F6B234 0 0 .44
star     wedge -1 0,-3,0 0,0,.8; wedge -1 0,0,.8 0,3,0; wedge -1 0,-.8,0 0,0,3;
         wedge -1 0,0,3 0,.8,0
weed     leaf -1 0,.04 -68 .38,.075 -.14 .2; leaf -1 .0125,-.365 -104.4 .36,.059 .13 .25;
         leaf -1 .049,-.746 -68.6 .32,.043 -.1 .95; disc -1 .0125 -.365 .050;
         disc -1 .049 -.746 .037
coral    line -1 0,0 -.4,-.52 .09; line -1 0,0 -.22,-.97 .09; line -1 0,0 .24,-.92 .09;
         line -1 0,0 .42,-.5 .09
dot      disc -1 0 0 1
bubble   disc CEF6FA 0 0 1 .45; disc FCFDFF -.3 -.3 .3 .9
tile     box D6DEDE 0 -.01 .08 0; box D6DEDE 0 .07 .08 .08; box D6DEDE 0 .145 .08 .155;
         box D6DEDE .035 0 .045 .22
door     wedge 000000 0,.03,.004 0,.25,.004 .16; box FAF4E8 -.037 .06 -.023 .14 .007
window   box FCFDFF -.15 -.15 .15 .15; box 96D4F2 -.13 -.13 .13 .13; box 96CC80 -.13 .05 .13 .13;
         box FCFDFF -.008 -.13 .008 .13; box FCFDFF -.13 -.008 .13 .008
stove    box C8CED4 -.045 -2 .045 -.68; wedge DEE3E8 0,-.7,.05 0,-.58,.15;
         box B4BCC4 -.15 -.59 .15 -.555; box DEE3E8 -.145 -.285 .145 0;
         box 3E4250 -.145 -.295 .145 -.268; box 3E4250 -.11 -.19 .11 -.04 .02;
         disc 3E4250 -.09 -.232 .014; disc 3E4250 -.03 -.232 .014; disc 3E4250 .03 -.232 .014;
         disc 3E4250 .09 -.232 .014; line 3E4250 -.1,-.365 .1,-.365 .01; disc 3E4250 0 -.417 .013;
         box -1 -.075 -.395 .075 -.295 .02; box 3E4250 -.085 -.41 .085 -.387 .01
fridge   box EEF2F4 -.135 -.66 .135 0 .02; box C4CCD2 -.135 -.425 .135 -.415;
         box 96A0AA -.11 -.59 -.09 -.45 .01; box 96A0AA -.11 -.38 -.09 -.19 .01
bottle   box -1 -.08 -1 .08 -.5; box -1 -.21 -.66 .21 0 .08; box FAEED8 -.21 -.44 .21 -.16
beer     box FCF0D6 .02 -.125 .105 -.03 .04; box 8E4E3A .04 -.105 .085 -.05 .02;
         box FAB834 -.055 -.15 .055 .01 .015; box FFFAEC -.062 -.17 .062 -.115 .025
cocktail box F0F6FA -.007 -.08 .007 0; box F0F6FA -.045 -.002 .045 .012;
         wedge F0F6FA 0,-.185,.085 0,-.07,0; wedge -1 0,-.165,.063 0,-.08,0
pendant  box 24161E -.006 -2 .006 -.06; dome E6783E 0 -.005 .075 .075; disc FFF4CC 0 0 .026
sofa     box 5A4236 -.25 -.05 -.225 .01; box 5A4236 .225 -.05 .25 .01;
         box -1 -.28 -.36 .28 -.05 .06; box -2 -.235 -.2 -.005 -.11 .03;
         box -2 .005 -.2 .235 -.11 .03; box -1 -.28 -.13 .28 -.03 .03;
         box -2 -.34 -.25 -.235 -.03 .05; box -2 .235 -.25 .34 -.03 .05
lamp     box 5A4842 -.008 -.58 .008 0; box 5A4842 -.05 -.01 .05 .01;
         wedge FFE296 0,-.7,.055 0,-.55,.1
picture  box 705446 -1 -1.1 1 1.1; box FCF6EA -.82 -.92 .82 .92; dome -1 0 .92 .68 1.1
plant    leaf 4C905C 0,-.12 -140 .22,.036 -.046; leaf 4C905C 0,-.12 -40 .22,.036 .046;
         leaf 4C905C 0,-.12 -112 .3,.036 -.022; leaf 4C905C 0,-.12 -68 .3,.036 .022;
         leaf 4C905C 0,-.12 -90 .36,.036 0; wedge DE7854 0,-.14,.07 0,0,.05
""")
