"""Words that people add and that no drawing shows: how good, how nice, and what a thing does.

Some captions have them, so that a planner learns to read past them.
"""

from __future__ import annotations

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
