"""What a picture of the world holds, before it is drawn or described.

Positions and sizes are fractions of the picture's side, so a spec can be rendered at any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from molnar.lab.data.places import Place
from molnar.plan.items import Plan

RGB = tuple[int, int, int]
ThingKind = Literal["shape", "mark", "sticker"]
SizeWord = Literal["small", "large"]
RelationName = Literal["left of", "right of", "above", "below", "inside", "on", "in front of"]
Arrangement = Literal["row", "column"]

GEOMETRY_KINDS = (
    "single", "two", "counting", "colour", "position", "attribution", "nested", "homage", "many",
)  # fmt: skip
STICKER_KINDS = (
    "sticker", "sticker_two", "sticker_position", "sticker_count", "sticker_nested", "sticker_many",
    "sticker_wearing", "sticker_touching",
)  # fmt: skip
KINDS = GEOMETRY_KINDS + STICKER_KINDS
#: Looks (`looks.LOOKS`) that leave no colour to speak of, and those that hide the background's.
COLOURLESS = frozenset({"line drawing", "blueprint"})
GROUNDLESS = COLOURLESS | {"neon"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Accessory:
    """Something worn by a sticker; where it sits is looked up in `wearing.HEADS`."""

    name: str  # one of `wearing.ACCESSORIES`
    colour: str  # name in the palette
    rgb: RGB  # the colour drawn, inside the named colour's cell


@dataclass(frozen=True, kw_only=True, slots=True)
class Thing:
    """One object: its name, look and place."""

    kind: ThingKind
    name: str  # a shape, a mark, or a sticker's concept name as in index.json
    x: float  # centre, fraction of the picture's side, rightwards
    y: float  # centre, downwards
    size: float  # side of the box it fills, fraction of the picture's side
    colour: str | None = None  # name in the palette; None for stickers in their own colours
    rgb: RGB | None = None  # the colour drawn, inside the named colour's cell
    style: str | None = None  # drawing style of a sticker, e.g. "noto"
    angle: float = 0.0  # degrees clockwise; marks, and stickers by a little
    flip: bool = False  # mirrored left to right; stickers only
    thickness: float = 0.0  # of a mark, fraction of its half size
    accessories: tuple[Accessory, ...] = ()  # worn, drawn in order; stickers only


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """`things[subject]` is <name> `things[object]`."""

    name: RelationName
    subject: int
    object: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Background:
    """What lies behind the things: one colour, or nothing (alpha 0)."""

    colour: str | None = "white"  # None = transparent
    rgb: RGB = (255, 255, 255)

    @property
    def transparent(self) -> bool:
        """Whether nothing is drawn behind the things."""
        return self.colour is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Homage:
    """A composition after Vera Molnár: what is repeated, and how far order is lost."""

    name: Literal["grid", "concentric", "lines"]
    rows: int  # squares, for "concentric": how many are nested
    columns: int
    disorder: float  # 0 = none, 1 = strong


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """One picture: things drawn in order on a background, and how they relate."""

    kind: str  # one of KINDS
    things: tuple[Thing, ...]
    background: Background = field(default_factory=Background)
    relation: Relation | None = None
    size_word: SizeWord | None = None  # says the things are unusually small or large
    arrangement: Arrangement | None = None  # of counted things
    homage: Homage | None = None
    place: Place | None = None  # where it is, or on which pattern; then `background` is not seen
    look: str | None = None  # one of `looks.LOOKS`, applied to the whole picture


def alike(things: Sequence[Thing], colourless: bool = False) -> list[list[Thing]]:
    """Put things together that are said in one word: of one name, drawing style and colour.

    Args:
        things: Of a scene.
        colourless: Colours are not said.
    """
    groups: dict[tuple[str, str | None, str | None], list[Thing]] = {}
    for thing in things:
        key = thing.name, thing.style, None if colourless else thing.colour
        groups.setdefault(key, []).append(thing)
    return list(groups.values())


class Chances(Protocol):
    """How likely what may be drawn is, each 0..1."""

    @property
    def transparent_p(self) -> float:
        """Share of transparent backgrounds."""
        ...

    @property
    def coloured_p(self) -> float:
        """Share of plain backgrounds in a colour."""
        ...

    @property
    def place_p(self) -> float:
        """Share of places and patterns."""
        ...

    @property
    def look_p(self) -> float:
        """Share of looks."""
        ...

    @property
    def tint_p(self) -> float:
        """Share of drawings whose colour is said."""
        ...

    @property
    def common_p(self) -> float:
        """Share of drawings picked among everyday ones."""
        ...

    @property
    def styles(self) -> dict[str, float]:
        """Weight of each style."""
        ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """A drawn spec."""

    image: NDArray[Any]  # uint8 H W 4, premultiplied
    masks: NDArray[Any]  # uint8 N H W, visible coverage of each thing, 0..255


@dataclass(frozen=True, slots=True)
class Sample:
    """One training example; pictures from files have neither spec nor masks nor plan."""

    image: NDArray[Any]  # uint8 H W 4, premultiplied
    caption: str
    spec: Spec | None = None
    masks: NDArray[Any] | None = None
    plan: Plan | None = None  # what is where, as `plans.plan_of` says


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be used, and why."""

    path: str
    reason: str
