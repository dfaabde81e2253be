"""Words that people add: how all of it looks, and what no drawing shows (how good, how nice).

Some captions have the latter, so that a planner learns to read past them.
"""

from __future__ import annotations

import re

from molnar.base.looks import LOOK_WORDS
from molnar.lab.data.draw import Draw
from molnar.lab.data.palette import COLOURS

OPENINGS = (
    "a picture of ", "an image of ", "a drawing of ", "an illustration of ", "a photo of ",
    "a painting of ", "a portrait of ",
)  # fmt: skip
STICKER_OPENINGS = ("a sticker of ", "an icon of ", *OPENINGS)
MANNERS = (
    "highly detailed", "detailed", "masterpiece", "high quality", "best quality", "4k", "8k",
    "digital art", "concept art", "illustration", "vector art", "clip art", "cartoon", "artwork",
    "trending on artstation", "fantasy", "epic", "cinematic", "cinematic lighting", "soft lighting",
    "vibrant colors", "colorful", "beautiful", "cute", "professional", "award winning", "kawaii",
    "minimalist", "by a famous artist", "children's book", "logo", "for kids",
)  # fmt: skip
MOODS = (
    "cute", "cute", "beautiful", "pretty", "funny", "lovely", "nice", "adorable", "fluffy",
    "magical", "friendly", "fancy", "shiny", "mysterious", "brave",
    "lonely", "giant", "huge", "colorful", "majestic",
)  # fmt: skip
MOVES = (
    "dancing", "running", "jumping", "flying", "swimming", "sleeping", "sitting", "standing",
    "waving", "smiling", "laughing", "crying", "singing", "walking", "cooking", "eating", "reading",
    "resting", "floating", "glowing", "waiting", "working", "playing", "falling", "fighting",
)  # fmt: skip
#: A colour that is said after its thing.
COLOURED = ("that is {}", "which is {}", "painted {}", "in {}", "coloured {}", "colored {}")
#: What a picture in a look is called.
_LOOK_OPENINGS = {
    "pixel art": "pixel art", "line drawing": "a line drawing", "halftone": "a halftone print",
    "mosaic": "a mosaic", "watercolor": "a watercolor", "blueprint": "a blueprint",
    "neon": "a neon sign", "paper cut": "a paper cut",
}  # fmt: skip
#: Words for looks that cannot stand before a thing.
_NOUNS = frozenset(
    {"line drawing", "ink outlines", "halftone dots", "comic print", "mosaic tiles", "blue plan"}
    | {"watercolor painting", "blueprint drawing", "neon sign"}
)
_FIRST = re.compile(r"(an?|one|two|three|four|five|six|\d+) ")


def in_look(draw: Draw, text: str, look: str) -> str:
    """Say how the whole picture looks: always, because silence means as it is."""
    word = draw.choice((look, *LOOK_WORDS[look]))
    at = draw.random()
    first = _FIRST.match(text)
    bright = word.endswith("neon") and text[first.end() if first else 0 :].startswith(COLOURS)
    if at < 0.2 and first is not None and word not in _NOUNS and not bright:  # neon green is green
        one = "an" if word[0] == "8" else "a"
        number = one if first[1] in ("a", "an") else first[1]
        return f"{number} {word} {text[first.end() :]}"
    if at < 0.5:
        return f"{text}, {word}"
    if at < 0.63:
        return f"{text} in {word} style"
    if at < 0.7:
        return f"{text} as {_LOOK_OPENINGS[look]}"
    return f"{_LOOK_OPENINGS[look]} of {text}"
