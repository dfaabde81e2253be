"""A picture in, prompts out that could have drawn it, in words that the model was taught.

Coarse to fine: the ground, what stands out from it, what each of that may be; then sentences of
these, of which the network and the CLIP say how well they explain the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from molnar.base.errors import RequestError
from molnar.base.types import Plan
from molnar.pipeline import Pipeline
from molnar.plan.changes import fitted
from molnar.seeing.judging import judge_of, squared
from molnar.seeing.places import everything, place_of
from molnar.seeing.recognising import (
    Thing,
    names_of,
    options_of,
    plan_of,
    things_in,
    weighed,
)
from molnar.seeing.regions import Scene, look, united
from molnar.seeing.saying import WORN, Grammar, grounded, listed
from molnar.seeing.silhouettes import SHAPES

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

MOST = 9  # prompts of one picture, and things in it
BESIDE = 0.12  # of the side by which centres differ where one is left of, or above, another
HEADS = 3  # guesses at one thing
LEAD = 0.01  # of a fit, by which another guess must explain more than what is best thing by thing
DRESSES, DRESSED = 2, 0.05  # things to wear that are tried, and the cosine that one must add


@dataclass(frozen=True)
class Description:
    """A prompt for a picture, and how much of the picture it explains.

    Example:
        >>> Description("a red fox", 0.5).prompt
        'a red fox'
    """

    prompt: str
    fit: float  # 0: no better than its ground alone, 1: all of it; below 0: worse


@dataclass(frozen=True)
class Guess:
    """What may be in a picture."""

    things: tuple[Thing, ...]
    ground: str

    @property
    def plan(self) -> Plan:
        """As the network is told it."""
        return plan_of(self.things, self.ground)


def describe(pipeline: Pipeline, pixels: Bytes, count: int = 4) -> list[Description]:
    """Say what a picture shows, in several ways.

    Args:
        pipeline: A model with a planner.
        pixels: uint8 H W 3, or H W 4 with straight alpha; of any origin.
        count: How many prompts, 1 to 9.

    Returns:
        Different prompts, best first.

    Raises:
        RequestError: the count is out of its range, or the model has no planner.

    Example:
        >>> describe(load("sticker"), pixels)[0].prompt  # doctest: +SKIP
        'a red circle on a blue background'
    """
    if not 1 <= count <= MOST:
        raise RequestError(f"count is {count}; expected 1 to {MOST}")
    picture = squared(pixels)
    return _ranked(pipeline, picture, guesses_at(pipeline, picture), count)


def recognise(pipeline: Pipeline, pixels: Bytes) -> Plan:
    """Say what is where in a picture, as a plan of it that the model might have made.

    Args:
        pipeline: A model with a planner.
        pixels: uint8 H W 3, or H W 4 with straight alpha; of any origin.

    Raises:
        RequestError: the model has no planner.
    """
    picture = squared(pixels)
    guesses = guesses_at(pipeline, picture)
    best = guesses[_order(_fits(pipeline, picture, guesses))[0]]
    height, width = pixels.shape[:2]
    long, short = max(height, width), min(height, width)
    down, across = (long - height) // 2 / short, (long - width) // 2 / short
    scale = long / short
    return tuple(
        replace(item, x=width / short / 2, y=height / short / 2,
                width=width / short, height=height / short)
        if item.behind
        else replace(item, x=item.x * scale - across, y=item.y * scale - down,
                     width=item.width * scale, height=item.height * scale)
        for item in best.plan
    )  # fmt: skip


def guesses_at(pipeline: Pipeline, picture: Bytes) -> list[Guess]:
    """Guess what is in a square picture, uint8 S S 4; at least one guess."""
    scene = look(picture)
    if scene.ground is None:
        return _in_place(pipeline, picture)
    return _on_ground(pipeline, picture, scene)


def _on_ground(pipeline: Pipeline, picture: Bytes, scene: Scene) -> list[Guess]:
    """Guess what is on a plain ground: each patch a thing, or all of them one."""
    judge, grammar = judge_of(pipeline), Grammar.of(pipeline)
    assert scene.ground is not None
    patches = scene.patches[:MOST]
    if not patches:
        return [Guess((), scene.ground)]
    found = things_in(judge, grammar, picture, scene.ground, patches)
    if len(patches) == 1:
        return _alone(pipeline, picture, found[0], scene.ground)
    order = np.argsort([patch.centre[0] + patch.centre[1] for patch in patches], kind="stable")
    found = [found[k] for k in order]
    best = tuple(options[0] for options in found)
    guesses = [Guess(best, scene.ground)]
    for k, options in enumerate(found):
        if len(options) > 1:
            other = (*best[:k], options[1], *best[k + 1 :])
            guesses.append(Guess(other, scene.ground))
    if all(thing.name not in SHAPES for thing in best):
        whole = united(patches)
        latent = judge.latent(picture)
        options = options_of(judge, grammar, picture, whole, MOST)
        options = weighed(judge, grammar, latent, scene.ground, options)
        guesses += [Guess((thing,), scene.ground) for thing in options[:2]]
    return guesses


def _alone(
    pipeline: Pipeline, picture: Bytes, options: Sequence[Thing], ground: str
) -> list[Guess]:
    """Guess what a single patch is, and what it wears."""
    guesses = [Guess((thing,), ground) for thing in options[:HEADS]]
    judge, grammar = judge_of(pipeline), Grammar.of(pipeline)
    worn = [name for name in WORN if name in judge.names]
    head = options[0]
    if head.name in SHAPES or not worn or not judge.rates:
        return guesses
    bare = grammar.one(head.name)
    texts = [f"{bare} wearing {grammar.one(name)}" for name in worn]
    rated = judge.rate(picture, [bare, *texts])
    likely = np.argsort(-rated[1:], kind="stable")[:DRESSES]
    dressed = [
        _dressed(pipeline, head, texts[k]) for k in likely if rated[1 + k] > rated[0] + DRESSED
    ]
    return [*guesses, *(Guess((thing,), ground) for thing in dressed if thing is not None)]


def _dressed(pipeline: Pipeline, head: Thing, text: str) -> Thing | None:
    """Dress a thing as the planner would, within the box that both have in the picture."""
    plan = pipeline.plan(judge_of(pipeline).texts([text]), seed=0)
    left, top, right, bottom = head.box
    items = fitted(plan, (left, top, right - left, bottom - top))
    if len(items) < 2 or items[0].name != head.name:
        return None
    wearer = items[0]
    half = wearer.width / 2, wearer.height / 2
    box = wearer.x - half[0], wearer.y - half[1], wearer.x + half[0], wearer.y + half[1]
    return replace(head, box=box, worn=items[1:])


def _in_place(pipeline: Pipeline, picture: Bytes) -> list[Guess]:
    """Guess the place of a picture, and the thing in it."""
    judge, grammar = judge_of(pipeline), Grammar.of(pipeline)
    latent = judge.latent(picture)
    places, patch = place_of(judge, latent, picture)
    if not places:
        return [Guess((), "white")]
    if patch is None:
        return [Guess((), place) for place in places[:HEADS]]
    names = [
        *names_of(judge, grammar, picture, patch, MOST),
        *names_of(judge, grammar, picture, everything(picture), 0),
    ]
    options = [Thing(name, patch.box) for name in dict.fromkeys(names)]
    options = weighed(judge, grammar, latent, places[0], options)
    return [
        *(Guess((thing,), places[0]) for thing in options[:HEADS]),
        *(Guess((options[0],), place) for place in places[1:2]),
    ]


def _order(fits: NDArray[np.float64]) -> list[int]:
    """Sort guesses, the first of which is best thing by thing, by how much they explain."""
    leads = LEAD * (np.arange(len(fits)) == 0)
    return [int(k) for k in np.argsort(-(fits + leads), kind="stable")]


def _fits(pipeline: Pipeline, picture: Bytes, guesses: Sequence[Guess]) -> NDArray[np.float64]:
    """Say how much of a picture each guess explains, beyond the ground of the first."""
    judge, grammar = judge_of(pipeline), Grammar.of(pipeline)
    ground = guesses[0].ground
    bare = (grounded("", ground), plan_of((), ground))
    said = [(next(_sentences(grammar, guess)), guess.plan) for guess in guesses]
    errors = judge.errors(judge.latent(picture), [*said, bare])
    return np.asarray(1 - errors[:-1] / max(float(errors[-1]), 1e-9))


def _ranked(
    pipeline: Pipeline, picture: Bytes, guesses: Sequence[Guess], count: int
) -> list[Description]:
    """Put guesses into words, the best explained first."""
    grammar = Grammar.of(pipeline)
    fits = _fits(pipeline, picture, guesses)
    order = _order(fits)
    each = [
        [Description(text, round(float(fits[k]), 4)) for text in _sentences(grammar, guesses[k])]
        for k in order
    ]
    firsts = [sentences[0] for sentences in each]
    others = [sentence for sentences in each for sentence in sentences[1:]]
    # Two ways to say the best guess, then other guesses, then other ways.
    wanted = [firsts[0], *each[0][1:2], *firsts[1:], *others]
    unique = {description.prompt: description for description in reversed(wanted)}
    listed_once = [unique.pop(d.prompt) for d in wanted if d.prompt in unique]
    return listed_once[:count]


def _sentences(grammar: Grammar, guess: Guess) -> Iterator[str]:
    """Say a guess in different ways, the fullest first."""
    bodies = list(_bodies(grammar, guess.things))
    for body in bodies:
        yield grounded(body, guess.ground)
    if guess.ground == "white" and bodies[0]:
        yield f"{bodies[0]} on a white background"
    elif bodies[0]:
        yield bodies[0]
    yield f"a drawing of {grounded(bodies[0], guess.ground)}"
    yield f"a picture of {grounded(bodies[0], guess.ground)}"
    yield f"{grounded(bodies[0], guess.ground)}, flat"


def _bodies(grammar: Grammar, things: Sequence[Thing]) -> Iterator[str]:
    if not things:
        yield ""  # the ground alone
        return
    kinds: dict[tuple[str, str | None], int] = {}
    for thing in things:
        kinds[thing.name, thing.colour] = kinds.get((thing.name, thing.colour), 0) + 1
    if len(things) == 2 and len(kinds) == 2:
        first, second = things
        one, other = _one(grammar, first), _one(grammar, second)
        across = (first.box[0] + first.box[2] - second.box[0] - second.box[2]) / 2
        down = (first.box[1] + first.box[3] - second.box[1] - second.box[3]) / 2
        if abs(down) > max(abs(across), BESIDE):
            yield f"{one} above {other}" if down < 0 else f"{other} above {one}"
        elif abs(across) > BESIDE:
            left, right = (one, other) if across < 0 else (other, one)
            yield f"{left} to the left of {right}"
    said = [
        _one(grammar, next(t for t in things if (t.name, t.colour) == kind))
        if many == 1
        else grammar.several(many, *kind)
        for kind, many in kinds.items()
    ]
    yield listed(said)


def _one(grammar: Grammar, thing: Thing) -> str:
    text = grammar.one(thing.name, thing.colour)
    worn = (
        listed([grammar.one(item.name, item.colour) for item in thing.worn]) if thing.worn else ""
    )
    return f"{text} wearing {worn}" if worn else text
