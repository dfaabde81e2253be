"""Spec -> one English sentence that says only what is true.

About two in three captions are exhaustive; the others are as short as people type. A background
that is not white, an unusual size and an unusual drawing style are always said, so that silence
means the default: a thing of normal size, in the default style, on white.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from molnar.lab.data import concepts
from molnar.lab.data.draw import Draw
from molnar.lab.data.manner import (
    COLOURED,
    MANNERS,
    MOODS,
    MOVES,
    OPENINGS,
    STICKER_OPENINGS,
    in_look,
)
from molnar.lab.data.places import Place
from molnar.lab.data.spec import COLOURLESS, GROUNDLESS, Background, Homage, Spec, Thing, alike
from molnar.lab.data.touching import BACK, FRONT, JOINTS, ON
from molnar.lab.data.wardrobe import ACCESSORIES

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six")
#: What each style is called; the default (noto) mostly goes without saying.
STYLE_WORDS: dict[str, str] = {
    "noto": "emoji", "blob": "blob", "twemoji": "simple", "fluent-color": "glossy",
    "fluent-flat": "flat", "fluent-high-contrast": "outline", "fluent-3d": "3d",
}  # fmt: skip
HYPERNYMS = ("animal", "fruit", "flower", "vehicle", "vegetable", "insect", "bird", "dessert")

_SIZE_WORDS = {"small": ("small", "small", "tiny", "little"), "large": ("large", "large", "big")}
_SIDES = {
    "left of": ("to the left of", "to the left of", "left of", "on the left of"),
    "right of": ("to the right of", "to the right of", "right of", "on the right of"),
    "above": ("above", "above", "over"),
    "below": ("below", "below", "under", "beneath"),
}
_HALVES = {
    "left of": ("on the left", "on the right"), "right of": ("on the right", "on the left"),
    "above": ("at the top", "at the bottom"), "below": ("at the bottom", "at the top"),
}  # fmt: skip
#: What follows the things: in a place, or on a pattern of two colours.
PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "beach": ("on a beach", "at the beach"), "kitchen": ("in a kitchen",),
    "bar": ("in a bar", "at a bar"), "night sky": ("in the night sky", "under a night sky"),
    "snow": ("in the snow",), "forest": ("in a forest", "in the woods"),
    "desert": ("in a desert", "in the desert"), "mountains": ("in the mountains",),
    "city": ("in a city", "in the city"), "underwater": ("underwater", "under water"),
    "meadow": ("in a meadow", "in a field"), "living room": ("in a living room",),
    "gradient": ("on a {a} and {b} gradient", "on a {a} to {b} gradient background"),
    "stripes": ("on {a} and {b} stripes", "on a striped {a} and {b} background"),
    "polka dots": ("on a {a} background with {b} dots", "on {a} with {b} polka dots"),
    "checkerboard": ("on a {a} and {b} checkerboard",),
}  # fmt: skip
WEATHER_WORDS: dict[str, tuple[str, ...]] = {
    "rain": ("in the rain",), "snowfall": ("in falling snow", "while it snows"),
    "fog": ("in fog", "in the fog"),
}  # fmt: skip


class Described(Protocol):
    """What a caption needs to know of a concept."""

    @property
    def keywords(self) -> tuple[str, ...]:
        """Words that go with it."""
        ...


class Lexicon:
    """Which keywords name one concept alone, and which name a family."""

    def __init__(self, rows: Mapping[str, Described]) -> None:
        """Count how many concepts share each keyword."""
        uses = Counter(word for row in rows.values() for word in set(row.keywords))
        self.tags: dict[str, tuple[str, ...]] = {}
        self.families: dict[str, tuple[str, ...]] = {}
        for name, row in rows.items():
            fit = [w for w in row.keywords if w.isascii() and w.islower() and len(w) > 2]
            own = [w for w in fit if uses[w] <= 3 and w not in name.lower()]
            self.tags[name] = tuple(own)
            self.families[name] = tuple(w for w in HYPERNYMS if w in row.keywords)


def describe(spec: Spec, rng: np.random.Generator, lexicon: Lexicon, short_p: float = 0.35) -> str:
    """Write a caption for a spec.

    Args:
        spec: what the picture shows.
        rng: decides the wording alone, never the meaning.
        lexicon: keywords of the stickers' concepts.
        short_p: probability of a short caption, 0..1.
    """
    return _Writer(spec, Draw(rng), lexicon, short_p).caption()


class _Writer:
    """Words for one spec."""

    def __init__(self, spec: Spec, draw: Draw, lexicon: Lexicon, short_p: float) -> None:
        self.spec = spec
        self.draw = draw
        self.lexicon = lexicon
        self.short = draw.chance(short_p)
        self.digits = draw.chance(0.3)
        # "circle and square" leaves colours open; asking for colours is what attribution is about
        names = {thing.name for thing in spec.things}
        self.colourless = (
            self.short and spec.kind in ("two", "position") and len(names) == 2 and draw.chance(0.3)
        )
        self.colourless = self.colourless or spec.look in COLOURLESS
        self.bare = self.short and draw.chance(0.4)

    def caption(self) -> str:
        body = self._body()
        draw = self.draw
        if self.spec.place is not None:
            return self._finished(f"{body} {self._somewhere(self.spec.place)}")
        ground = self._ground(self.spec.background)
        plain = self.spec.look is None and self.spec.kind != "homage"
        if plain and not self.short and draw.chance(0.12):
            stuck = self.spec.kind == "sticker"
            body = draw.choice(STICKER_OPENINGS if stuck else OPENINGS) + body
        if not ground:
            text = body
        elif self.spec.look is None and draw.chance(0.07):
            text = f"{ground}, {body}"
        elif draw.chance(0.25):
            text = f"{body}, {ground}"
        else:
            text = f"{body} {self._on(ground)}"
        return self._finished(text)

    def _finished(self, text: str) -> str:
        """Add how it looks, and what people do with capitals and full stops."""
        if self.spec.look is not None:
            text = in_look(self.draw, text, self.spec.look)
        elif self.spec.kind.startswith("sticker") and self.draw.chance(0.08):
            text = f"{text}, {self.draw.choice(MANNERS)}"
        if self.draw.chance(0.05):
            text = text[0].upper() + text[1:]
        return text + "." if self.draw.chance(0.03) else text

    def _somewhere(self, place: Place) -> str:
        """Say the place, its weather, or the colours of a pattern."""
        phrase = self.draw.choice(PLACE_WORDS[place.name])
        if place.colours:
            phrase = phrase.format(a=place.colours[0], b=place.colours[1])
            return phrase.replace("on a orange", "on an orange")
        if place.weather is not None:
            phrase += f" {self.draw.choice(WEATHER_WORDS[place.weather])}"
        return phrase

    def _ground(self, ground: Background) -> str:
        """Name the background; white mostly goes without saying."""
        if self.spec.look in GROUNDLESS and not ground.transparent:
            return ""
        said = ground.colour != "white" or self.draw.chance(0.1 if self.short else 0.25)
        if not said and (self.spec.kind != "colour" or self.short):
            return ""
        return f"{ground.colour or 'transparent'} background"

    def _on(self, ground: str) -> str:
        if self.bare and "transparent" not in ground and self.draw.chance(0.3):
            return f"on {ground.removesuffix(' background')}"
        if self.bare:
            return f"on {ground}"
        if "transparent" in ground and self.draw.chance(0.4):
            return f"with a {ground}"
        article = "an" if ground.startswith("orange") else "a"
        return f"on {article} {ground}"

    # -- bodies -------------------------------------------------------------------------------

    def _body(self) -> str:
        spec, things = self.spec, self.spec.things
        if spec.homage is not None:
            return self._homage(spec.homage, things[0])
        if spec.kind in ("counting", "sticker_count"):
            return self._counted(things)
        if spec.relation is not None and spec.relation.name == "inside":
            return self._inside(things[spec.relation.subject], things[spec.relation.object])
        if spec.relation is not None:
            return self._placed(things[spec.relation.subject], things[spec.relation.object])
        if len(things) == 2:
            return self._both(things[0], things[1])
        if len(things) > 2:
            return self._all(things)
        return self._alone(things[0])

    def _alone(self, thing: Thing) -> str:
        if thing.kind != "sticker" or not self.short or thing.accessories:
            return self._one(thing)
        at = self.draw.random()
        tags, families = self.lexicon.tags[thing.name], self.lexicon.families[thing.name]
        if at < 0.08 and tags and self.spec.place is None and thing.colour is None:
            return f"{self._one(thing)}, {self.draw.choice(tags)}"
        if at < 0.12 and families:
            family = self.draw.choice(families)
            return self._noun(thing, family)
        if at < 0.22:
            return f"{self._one(thing)} {self.draw.choice(('sticker', 'emoji', 'icon'))}"
        if at < 0.34:
            return f"{self._one(thing)} {self.draw.choice(MOVES)}"
        return self._one(thing)

    def _both(self, first: Thing, second: Thing) -> str:
        beside = abs(first.x - second.x) > 2.5 * abs(first.y - second.y)
        if self.draw.chance(0.5):
            first, second = second, first
        joint = "and"
        if beside and self.draw.chance(0.3):
            joint = self.draw.choice(("next to", "beside"))
        elif self.spec.kind == "sticker_two" and self.draw.chance(0.5):
            joint = self.draw.choice(JOINTS)
        return f"{self._one(first)} {joint} {self._one(second)}"

    def _all(self, things: tuple[Thing, ...]) -> str:
        """List things in an order of their own, alike ones by number: not who is where."""
        left = [self._counted(tuple(group)) for group in alike(things, self.colourless)]
        said = [left.pop(int(self.draw.random() * len(left))) for _ in range(len(left))]
        return f"{', '.join(said[:-1])} and {said[-1]}"

    def _placed(self, subject: Thing, object_: Thing) -> str:
        assert self.spec.relation is not None
        name = self.spec.relation.name
        if name == "on":
            return f"{self._one(subject)} {self.draw.choice(ON)} {self._one(object_)}"
        if name == "in front of" and self.draw.chance(0.4):
            return f"{self._one(object_)} {self.draw.choice(BACK)} {self._one(subject)}"
        if name == "in front of":
            return f"{self._one(subject)} {self.draw.choice(FRONT)} {self._one(object_)}"
        if self.draw.chance(0.12):
            here, there = _HALVES[name]
            joint = self.draw.choice((" and ", ", "))
            return f"{self._one(subject)} {here}{joint}{self._one(object_)} {there}"
        return f"{self._one(subject)} {self.draw.choice(_SIDES[name])} {self._one(object_)}"

    def _inside(self, inner: Thing, outer: Thing) -> str:
        first, second = self._one(inner), self._one(outer)
        if self.draw.chance(0.2):
            return f"{second} with {first} inside"
        return f"{first} {self.draw.choice(('inside', 'inside', 'in', 'inside of'))} {second}"

    def _counted(self, things: tuple[Thing, ...]) -> str:
        count, thing = len(things), things[0]
        number = str(count) if self.digits else NUMBERS[count]
        if count == 1:
            plain = len(self.spec.things) > 1 or self.draw.chance(0.3)
            text = self._one(thing) if plain else self._words(thing, number)
        else:
            text = self._words(thing, number, many=True)
        if self.spec.arrangement is not None and (not self.short or self.draw.chance(0.5)):
            text += f" in a {self.spec.arrangement}"
        return text

    def _homage(self, homage: Homage, thing: Thing) -> str:
        mess = {0.0: "", 0.4: "slightly disordered ", 1.0: "disordered "}[homage.disorder]
        if homage.name == "lines":
            text = self.draw.choice((f"interrupted {thing.colour} lines",
                                     f"{thing.colour} horizontal lines with gaps"))  # fmt: skip
            return mess + text
        if homage.name == "concentric":
            number = f"{homage.rows if self.digits else NUMBERS[homage.rows]} "
            count = "" if self.short else number
            return f"{count}{mess}concentric {thing.colour} squares"
        what = f"{thing.colour} " + (
            "square outlines" if thing.name == "frame" else concepts.plural(thing.name)
        )
        if self.short:
            return f"{mess}grid of {what}"
        rows, columns = homage.rows, homage.columns
        by = f"{rows} by {columns}" if self.draw.chance(0.5) else f"{rows}x{columns}"
        lead = f"{mess}{by}"
        return f"{_article(lead)}{lead} grid of {what}"

    # -- phrases ------------------------------------------------------------------------------

    def _name(self, thing: Thing, countable: bool) -> str:
        names = concepts.names_of(thing.name)
        if countable:
            names = tuple(name for name in names if concepts.is_countable(name)) or names
        if len(names) > 1 and self.draw.chance(0.5):
            return self.draw.choice(names[1:])
        return names[0]

    def _one(self, thing: Thing) -> str:
        """Say one thing: "a small red circle", "a 3d rocket", "rocket"."""
        return self._noun(thing, self._name(thing, countable=False))

    def _noun(self, thing: Thing, name: str) -> str:
        words, later = self._adjectives(thing), ""
        if thing.colour in words and not thing.accessories and self.draw.chance(0.05):
            later = " " + self.draw.choice(COLOURED).format(words.pop(words.index(thing.colour)))
        text = " ".join([*words, name])
        if not self.bare and concepts.takes_article(name):
            text = _article(text) + text
        return f"{text} {self._wearing(thing, text)}" if thing.accessories else text + later

    def _wearing(self, thing: Thing, wearer: str) -> str:
        """Say what a thing wears, each with its colour if it comes in several."""
        said = []
        for worn in thing.accessories:
            piece = ACCESSORIES[worn.name]
            noun = piece.noun if piece.plural else piece.noun.split(" ", 1)[1]
            silent = len(piece.colours) == 1 or self.spec.look in COLOURLESS
            words = noun if silent else f"{worn.colour} {noun}"
            said.append(words if piece.plural else _article(words) + words)
        if self.draw.chance(0.5):
            said.reverse()
        wears = "with" if " with " not in wearer and self.draw.chance(0.35) else "wearing"
        return f"{wears} {' and '.join(said)}"

    def _words(self, thing: Thing, number: str, many: bool = False) -> str:
        name = self._name(thing, countable=True)
        return " ".join([number, *self._adjectives(thing), concepts.plural(name) if many else name])

    def _adjectives(self, thing: Thing) -> list[str]:
        words = []
        if self.spec.size_word is not None:
            words.append(self.draw.choice(_SIZE_WORDS[self.spec.size_word]))
        if thing.style is not None and (thing.style != "noto" or self.draw.chance(0.06)):
            words.append(STYLE_WORDS[thing.style])
        if thing.colour is not None and not self.colourless:
            words.append(thing.colour)
        elif thing.kind == "sticker" and self.draw.chance(0.04):
            words.insert(0, self.draw.choice(MOODS))
        return words


def _article(phrase: str) -> str:
    return concepts.article(phrase.split(" ")[0]) or "a "
