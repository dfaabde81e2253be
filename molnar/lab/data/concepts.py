"""Concept name -> English: articles, plurals and what else people call it.

The names are those of Unicode CLDR (`index.json` of the sticker pack). `COMMON` is the vocabulary
of the shipped model: the emoji people use most, and everyday things.
"""

from __future__ import annotations

import re

from molnar.base.aliases import ALIASES

_FACES = """
face with tears of joy; red heart; loudly crying face; folded hands; thumbs up; fire;
smiling face with heart-eyes; party popper; birthday cake; sparkles; rolling on the floor laughing;
smiling face with hearts; face blowing a kiss; smiling face with smiling eyes; thinking face;
winking face; grinning face; grinning face with sweat; beaming face with smiling eyes;
smiling face with sunglasses; pleading face; crying face; face with rolling eyes; sleeping face;
angry face; flushed face; face screaming in fear; exploding head; star-struck; partying face;
nerd face; cowboy hat face; clown face; upside-down face; smiling face with halo;
smiling face with horns; face savoring food; slightly smiling face; skull; ghost; alien; robot;
pile of poo; hundred points; flexed biceps; waving hand; OK hand; victory hand; raising hands;
clapping hands; eyes; broken heart; thumbs down; sun; crescent moon; rainbow; snowflake;
high voltage
"""
_LATER = """
face with rolling eyes; flushed face; face screaming in fear; exploding head; star-struck; nerd
face; cowboy hat face; clown face; upside-down face; smiling face with halo; smiling face with
horns; face savoring food; alien; raising hands; thumbs down; high voltage; koala; bird; baby
chick; duck; owl; wolf; horse face; honeybee; snail; lady beetle; snake; crab; dolphin; spouting
whale; shark; giraffe; T-Rex; hot dog; taco; cookie; cupcake; popcorn; peach; cherries; pineapple;
avocado; carrot; tomato; bread; cheese wedge; egg; fire engine; tractor; helicopter; sailboat;
locomotive; flying saucer; cherry blossom; deciduous tree; castle; tent; top hat; glasses; camera;
books; scissors; teddy bear; bomb; volcano; ringed planet; anchor
"""
_THINGS = """
dog face; cat face; mouse face; rabbit face; fox; bear; panda; koala; tiger face; lion; cow face;
pig face; frog; monkey face; chicken; penguin; bird; baby chick; duck; owl; wolf; horse face;
unicorn; honeybee; butterfly; snail; lady beetle; turtle; snake; octopus; crab; tropical fish;
dolphin; spouting whale; shark; elephant; giraffe; T-Rex;
pizza; hamburger; french fries; hot dog; taco; ice cream; doughnut; cookie; cupcake; popcorn;
red apple; banana; strawberry; watermelon; grapes; lemon; peach; cherries; pineapple; avocado;
carrot; tomato; bread; cheese wedge; hot beverage; beer mug; egg;
rocket; automobile; bus; fire engine; tractor; bicycle; airplane; helicopter; sailboat;
locomotive; flying saucer;
sunflower; rose; tulip; cherry blossom; cactus; evergreen tree; deciduous tree; palm tree;
mushroom; four leaf clover;
house; castle; tent; umbrella; balloon; wrapped gift; crown; top hat; glasses; light bulb; key;
bell; guitar; soccer ball; trophy; camera; alarm clock; books; scissors; teddy bear; bomb;
snowman; jack-o-lantern; Christmas tree; cloud; volcano; ringed planet; anchor
"""


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.replace("\n", " ").split(";") if name.strip())


#: The shipped model's concepts, named exactly as in `index.json`.
COMMON: tuple[str, ...] = _names(_FACES) + _names(_THINGS)
#: The part of COMMON that is learned first, and best.
FEW: tuple[str, ...] = tuple(name for name in COMMON if name not in _names(_LATER))
#: What a recipe or the command line may ask for.
CHOICES: dict[str, tuple[str, ...] | str] = {"few": FEW, "common": COMMON, "all": "DISTINCT"}

#: Concepts whose name is an everyday one of another: "dog" (a whole one) beside "dog face".
SHADOWED = frozenset(alias for other in ALIASES.values() for alias in other)

#: Names that read as one of our geometric shapes; drawing both would blur what the words mean.
_SHAPES = "circle|square|triangle|star|heart|hexagon|diamond|ring|cross|crescent"
_GEOMETRIC = re.compile(rf"(?:\w+ )*(?:{_SHAPES})(?: button| pointed (?:up|down))?$")
_KEPT = {"red heart", "broken heart"}

#: Nouns that take no article and are not counted.
_MASS = {
    "fire", "flame", "popcorn", "bread", "rolling on the floor laughing", "thumbs up",
    "thumbs down", "high voltage", "hundred points", "star-struck", "poop", "cheese", "broccoli",
    "bacon", "spaghetti", "sushi", "butter", "salt", "ice", "soap", "wood", "fog", "foggy",
    "herb", "beans", "dango", "oden", "sake", "muscle",
}  # fmt: skip
_PROPER = {"Santa Claus", "Mrs. Claus", "Mx Claus", "mount fuji", "Tokyo tower", "saturn"}
_IRREGULAR = {
    "mouse": "mice", "fish": "fish", "wolf": "wolves", "leaf": "leaves", "knife": "knives",
    "person": "people", "child": "children", "foot": "feet",
    "tooth": "teeth", "sheep": "sheep", "deer": "deer", "goose": "geese", "ox": "oxen",
    "bison": "bison", "squid": "squid",
}  # fmt: skip
_HEAD = re.compile(
    r"^(.*?)( (?:with|in|of|on|at|for|rolling|behind|without|blowing|screaming|savoring) .*)$"
)
_VOWEL_SOUND = re.compile(
    r"^(?!eu|ewe|one\b|once)(?:[aeio]|u(?!ni|fo|til|se)|hour|x-ray|8)", re.IGNORECASE
)


def plain_name(name: str) -> str:
    """Rewrite an official name as people type it: plain quotes, no colons, no brackets."""
    text = re.sub(r"[“”]", "", name).replace("’", "'").replace(": ", " ")  # noqa: RUF001
    return re.sub(r"\s*\([^)]*\)", "", text)


def is_geometric(name: str) -> bool:
    """Tell whether a concept is named like a plain shape ("large blue diamond", "red square")."""
    return name not in _KEPT and _GEOMETRIC.match(name) is not None


def names_of(name: str) -> tuple[str, ...]:
    """List what a concept is called: the official name first, then everyday ones."""
    return (plain_name(name), *ALIASES.get(name, ()))


def is_plural(name: str) -> bool:
    """Tell whether a name is already plural ("grapes", "folded hands")."""
    head = _HEAD.sub(r"\1", name)
    return head.endswith("s") and not re.search(r"(?:ss|us|is|as|xs)$", head)


def takes_article(name: str) -> bool:
    """Tell whether "a" or "an" may stand before a name."""
    return not (name in _MASS or name in _PROPER or is_plural(name))


def article(name: str) -> str:
    """Give "a " or "an ", or nothing for names that take no article."""
    if not takes_article(name):
        return ""
    return "an " if _VOWEL_SOUND.match(name) else "a "


def asked(name: str) -> str:
    """Ask for a concept by its own name: ``a dog face``."""
    words = plain_name(name)
    return article(words) + words


def is_countable(name: str) -> bool:
    """Tell whether "three ..." makes sense for a name."""
    return takes_article(name) and not re.search(r"\d|button", name)


def plural(name: str) -> str:
    """Form the plural of a countable name, inflecting the head: "faces with tears of joy"."""
    match = _HEAD.match(name)
    head, tail = (match.group(1), match.group(2)) if match else (name, "")
    words = head.split(" ")
    words[-1] = _IRREGULAR.get(words[-1]) or _regular(words[-1])
    return " ".join(words) + tail


def _regular(noun: str) -> str:
    if noun.endswith("man") and noun not in ("human", "caiman"):
        return noun[:-2] + "en"
    if re.search(r"(?:s|x|ch|sh|z)$", noun) or noun in ("tomato", "potato", "volcano"):
        return noun + "es"
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + "s"
