"""Two things, not placed -> one on the other, in front of it or in it, and what people say of that.

Drawings do nothing: whoever rides is on top of it, whoever eats has it beside. That much is drawn
of such a sentence, and that much a planner can learn of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from molnar.lab.data.draw import Draw
from molnar.lab.data.placing import Look
from molnar.lab.data.spec import Relation, RelationName, Thing

#: What is said of two things that are together, wherever they are.
JOINTS = (
    "with", "with", "with", "with", "and", "and", "&", "holding", "holding", "carrying", "eating",
    "chasing", "watching", "looking at", "playing with", "dancing with", "talking to", "hugging",
    "kissing", "feeding", "meeting", "catching", "pushing", "pulling", "kicking", "using",
    "reading", "playing", "cooking", "painting", "drinking", "licking", "biting", "throwing",
    "fighting", "selling", "building", "opening", "breathing", "thinking of", "dreaming of",
    "teaching", "wanting", "stealing", "washing", "cleaning", "cutting", "baking", "drawing",
    "filming", "measuring", "buying", "sharing", "finding", "losing", "dropping", "lifting",
    "dragging", "rolling", "bouncing", "wrapping", "offering", "smelling", "tasting", "petting",
    "scaring", "attacking", "defending", "rescuing", "following", "leading", "racing", "greeting",
    "waving at", "pointing at", "laughing at", "singing to", "smiling at", "staring at",
    "dancing around", "running from", "running towards", "flying to", "walking to",
    "swimming with", "waiting for", "listening to", "searching for", "near", "near", "close to",
    "by", "together with", "along with", "as well as", "and also", "plus",
)  # fmt: skip
#: What is said where the first is on the second.
ON = (
    "on", "on", "on", "on top of", "sitting on", "standing on", "riding", "riding on", "driving",
    "sleeping on", "lying on", "jumping on", "dancing on", "balancing on", "resting on",
    "jumping over", "climbing", "perched on",
)  # fmt: skip
FRONT = ("in front of", "in front of", "in front of", "before", "hiding", "covering")
BACK = ("behind", "behind", "hiding behind", "peeking out from behind")

_EDGE = 0.03  # of the picture, that stays free around
_NAMES: tuple[RelationName, ...] = ("on", "in front of", "inside")
_SHARES = (0.55, 0.25, 0.20)


def touching(
    draw: Draw, looks: Sequence[Look], heights: Sequence[float]
) -> tuple[tuple[Thing, ...], Relation]:
    """Place the second of two things on, before or in the first.

    Args:
        draw: decides.
        looks: two.
        heights: of each, in units of its size.

    Returns:
        The things in the order in which they are drawn, and how they relate.
    """
    name = draw.weighted(_NAMES, _SHARES)
    place = {"on": _stacked, "in front of": _before, "inside": _within}[name]
    return place(draw, looks, heights), Relation(name=name, subject=1, object=0)


def _stacked(draw: Draw, looks: Sequence[Look], heights: Sequence[float]) -> tuple[Thing, ...]:
    """Let the feet of the second be a little below the top of the first."""
    sizes = [draw.uniform(0.42, 0.58), draw.uniform(0.36, 0.52)]
    tall = [size * height for size, height in zip(sizes, heights, strict=True)]
    sunk = draw.uniform(0.05, 0.25) * tall[0]
    shrunk = min(1.0, (1.0 - 2 * _EDGE) / (sum(tall) - sunk))
    sizes, tall, sunk = [s * shrunk for s in sizes], [t * shrunk for t in tall], sunk * shrunk
    whole = sum(tall) - sunk
    top = 0.5 - whole / 2 + draw.uniform(-0.5, 0.5) * max(0.0, 1.0 - 2 * _EDGE - whole)
    under = _across(draw, sizes[0])
    over = _held(under + draw.uniform(-0.12, 0.12) * sizes[0], sizes[1])
    return (
        looks[0].at(under, top + whole - tall[0] / 2, sizes[0]),
        looks[1].at(over, top + tall[1] / 2, sizes[1]),
    )


def _before(draw: Draw, looks: Sequence[Look], heights: Sequence[float]) -> tuple[Thing, ...]:
    """Let the second hide a part of the first, to one side, its feet no higher."""
    sizes = [draw.uniform(0.56, 0.72), draw.uniform(0.36, 0.48)]
    tall = [size * height for size, height in zip(sizes, heights, strict=True)]
    back, level = _across(draw, sizes[0]), _held(draw.uniform(0.42, 0.50), tall[0])
    side = draw.choice((-1.0, 1.0)) * draw.uniform(0.25, 0.42) * sizes[0]
    foot = min(level + tall[0] / 2 + draw.uniform(0.0, 0.1), 1.0 - _EDGE)
    front = _held(back + side, sizes[1])
    return (
        looks[0].at(back, level, sizes[0]),
        looks[1].at(front, max(foot - tall[1] / 2, tall[1] / 2 + _EDGE), sizes[1]),
    )


def _within(draw: Draw, looks: Sequence[Look], heights: Sequence[float]) -> tuple[Thing, ...]:
    """Let the second lie on the middle of the first, half as large."""
    outer = draw.uniform(0.70, 0.90)
    inner = outer * draw.uniform(0.40, 0.52)
    x, y = _across(draw, outer), _held(draw.uniform(0.45, 0.55), outer * heights[0])
    return (
        looks[0].at(x, y, outer),
        looks[1].at(
            x + draw.uniform(-0.05, 0.05) * outer, y + draw.uniform(-0.05, 0.08) * outer, inner
        ),
    )


def _across(draw: Draw, size: float) -> float:
    return _held(draw.uniform(0.4, 0.6), size)


def _held(centre: float, size: float) -> float:
    """Move a centre so that what has this size stays inside the picture."""
    half = size / 2 + _EDGE
    return min(max(centre, half), 1.0 - half)
