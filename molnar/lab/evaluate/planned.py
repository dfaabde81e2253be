"""A plan in, its picture by rule out: what a model understood, whatever it can draw.

A control between the ceiling and the model: where it fails, the planner misread the prompt; where
it passes and the model's own picture fails, the drawing is at fault.
"""

from __future__ import annotations

from collections.abc import Callable

from molnar.base.images import unpremultiply
from molnar.base.request import Request
from molnar.lab.data.palette import PALETTE
from molnar.lab.data.render import render
from molnar.lab.data.shapes import SHAPES
from molnar.lab.data.spec import Background, Spec, Thing
from molnar.lab.evaluate.sources import Pixels, Source
from molnar.pipeline import Pipeline
from molnar.plan.items import Plan

Planning = Callable[[str, int], Plan]  # (prompt, seed) -> plan
SIZE = 128  # pixels


def by_rule(planning: Planning, size: int = SIZE) -> Source:
    """Draw plans as the world draws: exact shapes in exact colours, in the boxes of the plan.

    What is not a shape of the world has no rule and is left out.

    Args:
        planning: writes the plans.
        size: side of the pictures, pixels.
    """

    def draw(prompt: str, seed: int) -> Pixels:
        return unpremultiply(render(spec_of(planning(prompt, seed)), size).image)

    return draw


def planning(pipeline: Pipeline) -> Planning:
    """Give what writes a model's plans: those of its pictures of the same prompts and seeds."""

    def plan(prompt: str, seed: int) -> Plan:
        text, _ = pipeline.embed(Request(prompt=prompt))
        return pipeline.plan(text, seed)

    return plan


def spec_of(plan: Plan) -> Spec:
    """Turn the shapes of a plan into a scene."""
    background = Background()
    things = []
    for item in plan:
        if item.behind:
            if item.colour is not None:
                background = Background(colour=item.colour, rgb=PALETTE[item.colour])
            continue
        if item.name not in SHAPES:
            continue
        colour = item.colour or "black"
        things.append(
            Thing(
                kind="shape",
                name=item.name,
                x=item.x,
                y=item.y,
                size=max(item.width, item.height),
                colour=colour,
                rgb=PALETTE[colour],
            )
        )
    return Spec(kind="many", things=tuple(things), background=background)
