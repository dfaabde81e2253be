"""A plan in, its picture by rule out: what a model understood, whatever it can draw.

A control between the ceiling and the model: where it fails, the planner misread the prompt; where
it passes and the model's own picture fails, the drawing is at fault.
"""

from __future__ import annotations

from collections.abc import Callable

from molnar.base.images import unpremultiply
from molnar.base.looks import LOOKS
from molnar.base.request import Request
from molnar.lab.data.palette import PALETTE
from molnar.lab.data.places import PATTERNS, PLACES, Place
from molnar.lab.data.render import render
from molnar.lab.data.shapes import SHAPES
from molnar.lab.data.spec import Background, Spec, Thing
from molnar.lab.evaluate.sources import Pixels, Source
from molnar.pipeline import Pipeline
from molnar.plan.items import TRANSPARENT, Item, Plan

Planning = Callable[[str, int], Plan]  # (prompt, seed) -> plan
SIZE = 128  # pixels


def by_rule(plan_for: Planning, size: int = SIZE) -> Source:
    """Draw plans as the world draws: exact shapes in exact colours, in the boxes of the plan.

    Nothing is forgiven: what was not asked must not vanish, and what is without its colour must not
    pass. So a thing that is no shape of the world is drawn as a gray ring, a place as itself, and a
    shape without a colour not at all.

    Args:
        plan_for: writes the plans.
        size: side of the pictures, pixels.
    """

    def draw(prompt: str, seed: int) -> Pixels:
        return unpremultiply(render(spec_of(plan_for(prompt, seed)), size).image)

    return draw


def planning(pipeline: Pipeline) -> Planning:
    """Give what writes a model's plans: those of its pictures of the same prompts and seeds."""

    def plan(prompt: str, seed: int) -> Plan:
        text, _ = pipeline.embed(Request(prompt=prompt))
        return pipeline.plan(text, seed)

    return plan


def spec_of(plan: Plan) -> Spec:
    """Turn a plan into a scene of shapes."""
    background, place, look = Background(), None, None
    for item in plan:
        if item.behind and item.name in PLACES:
            place = Place(name=item.name)
        elif item.behind and item.name in PATTERNS:
            place = Place(name=item.name, colours=("black", "white"))
        elif item.behind and item.name == TRANSPARENT:
            background = Background(colour=None)
        elif item.name in LOOKS:
            look = item.name
        elif item.behind and item.colour is not None:
            background = Background(colour=item.colour, rgb=PALETTE[item.colour])
    things = tuple(_thing(item) for item in plan if not item.behind and _drawn(item))
    return Spec(kind="many", things=things, background=background, place=place, look=look)


def _drawn(item: Item) -> bool:
    return item.name not in SHAPES or item.colour is not None


def _thing(item: Item) -> Thing:
    known = item.name in SHAPES
    colour = (item.colour if known else None) or "gray"
    return Thing(
        kind="shape",
        name=item.name if known else "ring",
        x=item.x,
        y=item.y,
        size=max(item.width, item.height),
        colour=colour,
        rgb=PALETTE[colour],
    )
