"""(seed, index) -> Spec: which things, how many, which colours, where.

Every kind draws its own things; places are found by trying, and never overlap unless nested.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from molnar.lab.data import concepts
from molnar.lab.data.draw import Draw
from molnar.lab.data.dressing import dress, room
from molnar.lab.data.homage import concentric, grid, lines
from molnar.lab.data.looking import LOOKED, with_look
from molnar.lab.data.palette import COLOURS, contrasts, stands_out, variants
from molnar.lab.data.placing import Look, anywhere, in_line, scattered, side_by_side, two
from molnar.lab.data.settling import PATTERNED, settle
from molnar.lab.data.shapes import INSIDE, SHAPES
from molnar.lab.data.spec import (
    RGB,
    Accessory,
    Arrangement,
    Background,
    Chances,
    Homage,
    Relation,
    RelationName,
    SizeWord,
    Spec,
)
from molnar.lab.data.stickers import STYLES, Stickers
from molnar.lab.data.tinting import in_colour
from molnar.lab.data.touching import touching
from molnar.lab.data.wearing import WEARERS

SIDES: tuple[RelationName, ...] = ("left of", "right of", "above", "below")
_SHAPE_NAMES = tuple(SHAPES)
_COMMON = frozenset(concepts.COMMON)
_SIZE_WORDS: tuple[SizeWord | None, ...] = ("small", "large", None)
#: How many there are of each, where not all are different: two cats and a dog.
_NUMBERS = ((2, 1), (2, 1), (1, 2), (1, 2), (3, 1), (1, 3), (2, 2), (3, 2), (2, 1, 1), (3, 3))
#: Of things scattered, the side of the largest, by how many there are; fractions of the picture's.
_LARGEST = {1: 0.5, 2: 0.42, 3: 0.36, 4: 0.32, 5: 0.28, 6: 0.26}
_SAID = 3  # words of a name that may be listed among many: a caption must fit the encoder


class SpecSampler:
    """Draws specs of any kind; holds what may be drawn."""

    def __init__(self, config: Chances, stickers: Stickers | None) -> None:
        """Index the drawings by style; without any it is geometry alone."""
        self.stickers, self.config = stickers, config
        self.by_style: dict[str, tuple[str, ...]] = {}
        for style in STYLES if stickers is not None else ():
            assert stickers is not None
            names = [n for n, s in stickers.drawings if s == style and not concepts.is_geometric(n)]
            if names:
                self.by_style[style] = tuple(names)
        self.common = {
            style: tuple(name for name in names if name in _COMMON) or names
            for style, names in self.by_style.items()
        }
        self.wearers = {
            style: tuple(name for name in names if style in WEARERS.get(name, ()))
            for style, names in self.by_style.items()
        }
        self.known = frozenset(stickers.concepts if stickers is not None else ())
        self.style_names = tuple(self.by_style)
        self.style_weights = tuple(config.styles.get(style, 0.0) for style in self.style_names)
        self._kinds: dict[str, Callable[[Draw, str], Spec]] = {
            "single": self._single, "colour": self._single, "two": self._two,
            "attribution": self._two, "position": self._position, "counting": self._counting,
            "nested": self._nested, "homage": self._homage, "sticker": self._sticker,
            "sticker_two": self._two, "sticker_position": self._position,
            "sticker_count": self._counting, "sticker_nested": self._nested,
            "many": self._many, "sticker_many": self._many,
            "sticker_wearing": self._wearing, "sticker_touching": self._touching,
        }  # fmt: skip

    def draw(self, rng: np.random.Generator, kind: str) -> Spec:
        """Draw one spec of a kind (see `spec.KINDS`)."""
        draw = Draw(rng)
        spec = self._kinds[kind](draw, kind)
        # Where none are asked for, no number is drawn: such worlds stay what they were.
        if self.config.place_p and kind in PATTERNED and draw.chance(self.config.place_p):
            spec = self._settled(draw, spec)
        if self.config.look_p and kind in LOOKED and draw.chance(self.config.look_p):
            spec = with_look(draw, spec)
        return spec

    def _settled(self, draw: Draw, spec: Spec) -> Spec:
        colours: list[RGB] = []
        heights, tops = [], []
        for thing in spec.things:
            height, top, rgb = 1.0, 0.0, thing.rgb
            if self.stickers is not None and thing.style is not None:
                sprite = self.stickers.sprites[thing.name, thing.style]
                height, rgb = sprite.height, thing.rgb or sprite.rgb
                top = room(thing.name, thing.style, thing.accessories, sprite.aspect)[1]
            colours.append(rgb or (0, 0, 0))
            heights.append(height)
            tops.append(top)
        return settle(draw, spec, colours, heights, tops)

    def can(self, kind: str) -> bool:
        """Tell whether these drawings suffice for a kind."""
        return kind != "sticker_wearing" or any(self.wearers.values())

    # -- looks and backgrounds ----------------------------------------------------------------

    def _background(self, draw: Draw, kind: str) -> Background:
        at = draw.random()
        if at < self.config.transparent_p:
            return Background(colour=None, rgb=(0, 0, 0))
        if at < self.config.transparent_p + self.config.coloured_p or kind == "colour":
            colour = draw.choice(COLOURS)
            if colour != "white":
                return Background(colour=colour, rgb=draw.choice(variants(colour)))
        return Background()

    def _shape(self, draw: Draw, ground: Background, avoid: tuple[str, ...] = ()) -> Look:
        """Pick a shape and a colour that can be seen on the background."""
        while True:
            colour = draw.choice(COLOURS)
            if colour in avoid or not contrasts(colour, ground.colour or "white"):
                continue
            return Look("shape", draw.choice(_SHAPE_NAMES), colour, draw.choice(variants(colour)))

    def _drawing(self, draw: Draw, ground: Background, style: str, countable: bool) -> Look:
        assert self.stickers is not None
        for _ in range(64):
            # Where no share is asked for, no number is drawn: see `draw`.
            everyday = self.config.common_p and draw.chance(self.config.common_p)
            name = draw.choice((self.common if everyday else self.by_style)[style])
            if countable and not concepts.is_countable(name):
                continue
            rgb = self.stickers.sprites[name, style].rgb
            if ground.colour is None or stands_out(rgb, ground.colour):
                break
        angle = draw.uniform(-8.0, 8.0) if draw.chance(0.15) else 0.0
        return self._coloured(draw, Look("sticker", name, style=style, angle=angle), ground)

    def _coloured(self, draw: Draw, look: Look, ground: Background) -> Look:
        """Give some drawings another colour, which is then said."""
        if not self.config.tint_p or not draw.chance(self.config.tint_p):
            return look
        assert self.stickers is not None and look.style is not None
        sprite = self.stickers.sprites[look.name, look.style]
        colour, rgb = in_colour(draw, look.name, sprite, ground.colour, self.known)
        return replace(look, colour=colour, rgb=rgb)

    def _looks(self, draw: Draw, kind: str, ground: Background) -> tuple[Look, Look]:
        """Pick two different things; with stickers, one may be a shape."""
        if not kind.startswith("sticker"):
            first = self._shape(draw, ground)
            while True:
                avoid = (first.colour or "",) if kind == "attribution" else ()
                second = self._shape(draw, ground, avoid)
                if (second.name, second.colour) != (first.name, first.colour):
                    return first, second
        style = draw.weighted(self.style_names, self.style_weights)
        first = self._drawing(draw, ground, style, countable=True)
        if draw.chance(0.2):
            second = self._shape(draw, ground)
        else:
            second = self._drawing(draw, ground, style, countable=True)
            for _ in range(16):  # in a small pack, nothing else may be seen on this background
                if second.name != first.name:
                    break
                second = self._drawing(draw, ground, style, countable=True)
        return (first, second) if draw.chance(0.5) else (second, first)

    # -- kinds --------------------------------------------------------------------------------

    def _single(self, draw: Draw, kind: str) -> Spec:
        ground = self._background(draw, kind)
        word = draw.weighted(_SIZE_WORDS, (0.15, 0.15, 0.70))
        low, high = {"small": (0.18, 0.25), "large": (0.62, 0.80), None: (0.29, 0.57)}[word]
        size = draw.uniform(low, high)
        thing = self._shape(draw, ground).at(*anywhere(draw, size, centred=0.5), size)
        return Spec(kind=kind, things=(thing,), background=ground, size_word=word)

    def _sticker(self, draw: Draw, kind: str) -> Spec:
        ground = self._background(draw, kind)
        style = draw.weighted(self.style_names, self.style_weights)
        look = self._drawing(draw, ground, style, countable=False)
        word: SizeWord | None = "small" if draw.chance(0.07) else None
        size = draw.uniform(0.28, 0.42) if word else draw.uniform(0.72, 0.90)
        thing = look.at(*anywhere(draw, size, centred=0.6), size)
        return Spec(kind=kind, things=(thing,), background=ground, size_word=word)

    def _wearing(self, draw: Draw, kind: str) -> Spec:
        """Draw one sticker that wears something, with room for hats."""
        assert self.stickers is not None
        ground = self._background(draw, kind)
        styles = [style for style in self.style_names if self.wearers[style]]
        weights = [self.style_weights[self.style_names.index(style)] for style in styles]
        worn: tuple[Accessory, ...] = ()
        tries = 0
        while not worn:
            if (tries := tries + 1) > 64:  # pale faces alone, and backgrounds that are all white
                ground = Background(colour=None, rgb=(0, 0, 0))
            style = draw.weighted(styles, weights)
            name = draw.choice(self.wearers[style])
            sprite = self.stickers.sprites[name, style]
            look = self._coloured(draw, Look("sticker", name, style=style), ground)
            rgb = look.rgb or sprite.rgb
            if ground.colour is None or stands_out(rgb, ground.colour):
                worn = dress(draw, name, style, rgb, ground)
            elif draw.chance(0.1):  # nothing may stand out here: try another background
                ground = self._background(draw, kind)
        left, top, right, bottom = room(name, style, worn, sprite.aspect)
        longest = 1.0 + max(left + right, top + bottom)
        whole = draw.uniform(0.78, 0.94)  # side of the box around wearer and accessories
        x, y = anywhere(draw, whole, centred=0.6)
        size = whole / longest
        x, y = x + (left - right) / 2 * size, y + (top - bottom) / 2 * size
        thing = replace(look, accessories=worn).at(x, y, size)
        return Spec(kind=kind, things=(thing,), background=ground)

    def _two(self, draw: Draw, kind: str) -> Spec:
        ground = self._background(draw, kind)
        looks = self._looks(draw, kind, ground)
        things = two(draw, looks, drawings=kind == "sticker_two")
        return Spec(kind=kind, things=things, background=ground)

    def _many(self, draw: Draw, kind: str) -> Spec:
        """Scatter three to six things, as many as a caption can name; half the time, some alike."""
        ground = self._background(draw, kind)
        stuck = kind == "sticker_many"
        count = draw.weighted((3, 4, 5, 6), (4, 3, 0, 0) if stuck else (4, 3, 2, 1))
        numbers = draw.choice(_NUMBERS) if draw.chance(0.5) else (1,) * count
        count = len(numbers)
        style = draw.weighted(self.style_names, self.style_weights) if stuck else ""
        looks: list[Look] = []
        for _ in range(16 * count):
            if stuck and draw.chance(0.8):
                look = self._drawing(draw, ground, style, countable=True)
                if max(len(name.split()) for name in concepts.names_of(look.name)) > _SAID:
                    continue
            else:
                look = self._shape(draw, ground)
            if all(
                look.name != other.name or (look.kind == "shape" and look.colour != other.colour)
                for other in looks
            ):
                looks.append(look)
            if len(looks) == count:
                break
        if len(looks) == count:  # in a small pack, fewer may be found
            looks = [look for look, n in zip(looks, numbers, strict=True) for _ in range(n)]
        largest = _LARGEST[max(2, len(looks))]
        sizes = [draw.uniform(largest * 0.76, largest) for _ in looks]
        return Spec(kind=kind, things=scattered(draw, looks, sizes), background=ground)

    def _position(self, draw: Draw, kind: str) -> Spec:
        ground = self._background(draw, kind)
        looks = self._looks(draw, kind, ground)
        low, high = (0.40, 0.465) if kind == "sticker_position" else (0.24, 0.40)
        sizes = [draw.uniform(low, high) for _ in looks]
        name = draw.choice(SIDES)
        things = side_by_side(draw, looks, sizes, name)
        relation = Relation(name=name, subject=0, object=1)
        return Spec(kind=kind, things=things, background=ground, relation=relation)

    def _touching(self, draw: Draw, kind: str) -> Spec:
        assert self.stickers is not None
        ground = self._background(draw, kind)
        looks, sprites = self._looks(draw, kind, ground), self.stickers.sprites
        heights = [sprites[look.name, look.style].height if look.style else 1.0 for look in looks]
        things, relation = touching(draw, looks, heights)
        return Spec(kind=kind, things=things, background=ground, relation=relation)

    def _counting(self, draw: Draw, kind: str) -> Spec:
        ground = self._background(draw, kind)
        stuck = kind == "sticker_count"
        # one is drawn rarely here: the single kinds are full of it
        count = draw.weighted((1, 2, 3, 4, 5, 6), (0.04, 1, 1, 1, 1, 1))
        if stuck:
            style = draw.weighted(self.style_names, self.style_weights)
            look = self._drawing(draw, ground, style, countable=True)
            count = max(2, count)
        else:
            look = self._shape(draw, ground)
        arrangement: Arrangement | None = None
        if 2 <= count <= 4 and draw.chance(0.25):
            arrangement = "row" if draw.chance(0.65) else "column"
        if arrangement is not None:
            things = in_line(draw, look, count, arrangement)
        else:
            largest = _LARGEST[count]
            base = draw.uniform(largest * 0.76, largest)
            sizes = [base * draw.uniform(0.95, 1.05) for _ in range(count)]
            things = scattered(draw, [look] * count, sizes)
        return Spec(kind=kind, things=things, background=ground, arrangement=arrangement)

    def _nested(self, draw: Draw, kind: str) -> Spec:
        ground = self._background(draw, kind)
        outer = self._shape(draw, ground)
        while outer.name not in INSIDE:
            outer = self._shape(draw, ground)
        behind = Background(colour=outer.colour, rgb=outer.rgb or (0, 0, 0))
        if kind == "sticker_nested":
            style = draw.weighted(self.style_names, self.style_weights)
            inner = self._drawing(draw, behind, style, countable=True)
            share = draw.uniform(0.88, 1.0)
            size = draw.uniform(0.78, 0.92)
        else:
            inner = self._shape(draw, behind, avoid=(ground.colour or "",))
            share = draw.uniform(0.66, 0.92)
            size = draw.uniform(0.60, 0.82)
        x, y = anywhere(draw, size, centred=0.6)
        dx, dy, room = INSIDE[outer.name]
        placed = inner.at(x + dx * size / 2, y + dy * size / 2, size * room * share)
        return Spec(
            kind=kind,
            things=(outer.at(x, y, size), placed),
            background=ground,
            relation=Relation(name="inside", subject=1, object=0),
        )

    def _homage(self, draw: Draw, kind: str) -> Spec:
        ground = self._background(draw, kind)
        name: Literal["grid", "concentric", "lines"] = draw.choice(("grid", "concentric", "lines"))
        disorder = draw.choice((0.0, 0.0, 0.4, 1.0))
        colour = self._shape(draw, ground).colour or "black"
        if name == "concentric":
            homage = Homage(name=name, rows=draw.choice((3, 4, 5)), columns=1, disorder=disorder)
            things = concentric(draw, homage, colour)
        elif name == "grid":
            rows, columns = draw.choice((2, 3, 4, 5)), draw.choice((2, 3, 4, 5))
            homage = Homage(name=name, rows=rows, columns=columns, disorder=disorder)
            shape = draw.choice(("square", "circle", "frame", "frame", *_SHAPE_NAMES))
            things = grid(draw, homage, shape, colour)
        else:
            homage = Homage(name=name, rows=draw.choice((5, 6, 7, 8)), columns=1, disorder=disorder)
            things = lines(draw, homage, colour)
        return Spec(kind=kind, things=things, background=ground, homage=homage)
