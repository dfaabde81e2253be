"""A picture in, a map per word out: how much of what is seen where is due to the word.

A word acts on a picture twice, and both are measured by leaving it out:

1. **through the plan**: the planner is asked how likely each item's name and colour are with the
   whole text and without the word. The share by which the chance falls, in [0, 1], is how much the
   item is due to the word. It is shown where the estimate of the picture changes when that item
   (or its colour) is taken out of the plan;
2. **through the text**: it is shown where the estimate changes when the word is taken out of the
   text and the plan stays.

All maps of a picture have one scale, so that words that say little are nearly empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.base.arrays import numbers
from molnar.base.request import Request
from molnar.base.types import Item, Parts, Plan, TextEmbedding
from molnar.explain.scene import Drawing, Floats, Scene, drawing
from molnar.explain.spoken import Word, words_of
from molnar.pipeline import Pipeline
from molnar.plan.items import BACKGROUND, COLOURS, TRANSPARENT
from molnar.plan.writing import DOUBT_WHAT, LENGTH, field_of, item_of, written
from molnar.text.words import STOP_WORDS

Doubles = NDArray[np.float64]
FAINT = 1e-3  # change, of 1 = all of a channel, below which nothing is seen
GROUNDS = (BACKGROUND, TRANSPARENT)
BLUR = 3  # pixels: edges change most, things should count as a whole


@dataclass(frozen=True)
class WordMap:
    """A word and where it acts.

    Example:
        >>> WordMap("fox", 2, np.zeros((8, 8), np.float32)).largest
        (0, 0)
    """

    word: str
    begin: int  # its first character in the prompt
    map: Floats  # h w in [0, 1], one scale for all words of a picture
    names: tuple[float, ...] = ()  # of each item of the plan, what of its name is due to the word
    colours: tuple[float, ...] = ()  # and what of its colour

    @property
    def largest(self) -> tuple[int, int]:
        """Row and column of the largest value."""
        row, column = np.unravel_index(int(self.map.argmax()), self.map.shape)
        return int(row), int(column)


def word_maps(
    pipeline: Pipeline,
    request: Request,
    drawn: Drawing | None = None,
    words: Sequence[Word] | None = None,
) -> tuple[WordMap, ...]:
    """Make a map for each word of a prompt.

    Args:
        pipeline: What draws.
        request: Of one picture.
        drawn: That picture and the way to it, if they are at hand; drawn again otherwise.
        words: Of its prompt, those that are asked for; None = all.

    Returns:
        In the order of the prompt, of the shape that the model draws, cut as the picture is.
    """
    return maps_of(Scene(pipeline, drawn or drawing(pipeline, request)), words)


def maps_of(scene: Scene, words: Sequence[Word] | None = None) -> tuple[WordMap, ...]:
    """Make a map for each word of what a scene was told, or for some of them."""
    if words is None:
        words = words_of(scene.request.prompt, scene.request.literal)
    plain = [scene.estimate(scene.branches(m.stage), m) for m in scene.moments]
    items, colours = _item_maps(scene, plain)
    prompts = [_less(scene, word) for word in words]
    texts = [_text_map(scene, prompt, plain) for prompt in prompts]
    loudest = max((float(m.max()) for m in [*items, *colours, *texts]), default=0.0)
    whole = _chances(scene)
    shares = [_shares(whole, _chances(scene, prompt)) for prompt in prompts]
    found = []
    for word, text, (names, paints) in zip(words, texts, shares, strict=True):
        total: Floats = text / max(loudest, FAINT)
        for share, where in [*zip(names, items, strict=True), *zip(paints, colours, strict=True)]:
            total = np.add(total, share * where / max(float(where.max()), FAINT))
        found.append(WordMap(word.text, word.begin, total.astype(np.float32), names, paints))
    top = max((float(one.map.max()) for one in found), default=0.0)
    return tuple(replace(one, map=one.map / max(top, FAINT)) for one in found)


def _item_maps(scene: Scene, plain: Sequence[Floats]) -> tuple[list[Floats], list[Floats]]:
    """Show where the picture changes without each item of the plan, and without its colour."""
    items: list[Floats] = []
    colours: list[Floats] = []
    for index, item in enumerate(scene.plan):
        without = (*scene.plan[:index], *scene.plan[index + 1 :])
        items.append(_changed(scene, plain, without))
        if item.colour is None:
            colours.append(np.zeros_like(items[-1]))
            continue
        bare = replace(item, colour=None)
        colours.append(_changed(scene, plain, (*scene.plan[:index], bare, *without[index:])))
    return items, colours


def _changed(scene: Scene, plain: Sequence[Floats], plan: Plan) -> Floats:
    each = [scene.estimate(scene.branches(m.stage, plan), m) for m in scene.moments]
    return _gap(scene, plain, each)


def _less(scene: Scene, word: Word) -> str:
    """Give the prompt without a word.

    Of a name or a colour that is said twice, either could be left out and the other would still say
    it; so it is exchanged for another name or colour.
    """
    prompt, names = scene.request.prompt, scene.pipeline.names or {}
    said = [one.text.lower() for one in words_of(prompt, scene.request.literal)]
    low = word.text.lower()
    if said.count(low) > 1 and low not in STOP_WORDS:
        for kind in (COLOURS, tuple(names)):
            if any(low in name.split() for name in kind):
                others = (name for name in kind if name.isalpha() and name not in (*said, *GROUNDS))
                return word.exchanged(prompt, next(others, ""))
    return word.left_out(prompt)


def _text_map(scene: Scene, prompt: str, plain: Sequence[Floats]) -> Floats:
    """Show where the picture changes with a prompt that says less, in the same plan."""
    stages = scene.said_less(prompt)
    each = [scene.estimate(stages[m.stage], m) for m in scene.moments]
    return _gap(scene, plain, each)


def _gap(scene: Scene, one: Sequence[Floats], other: Sequence[Floats]) -> Floats:
    """Give the mean change over channels and moments: h w, 0 = none, 1 = all."""
    pairs = zip(one, other, strict=True)
    total = sum((np.abs(a - b).mean(axis=1, keepdims=True) / 2 for a, b in pairs), np.zeros(1))
    mean = np.asarray(total / len(one), np.float32)
    return blurred(np.asarray(np.clip(scene.cut(mean)[0, 0], 0, 1), np.float32))


def blurred(plane: Floats, reach: int = BLUR) -> Floats:
    """Average each pixel of a plane H W with those up to `reach` away in row and column."""
    height, width = plane.shape
    padded = np.pad(plane, reach, mode="edge")
    side = 2 * reach + 1
    rows = np.sum([padded[k : k + height] for k in range(side)], axis=0)
    whole = np.sum([rows[:, k : k + width] for k in range(side)], axis=0)
    return np.asarray(whole / side**2, np.float32)


def _shares(before: Doubles, after: Doubles) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Say by what share chances fall, those of names and those of colours."""
    fall = 1 - np.minimum(after / np.maximum(before, 1e-12), 1)
    return tuple(map(float, fall[:, 0])), tuple(map(float, fall[:, 1]))


def _chances(scene: Scene, prompt: str | None = None) -> Doubles:
    """Say how likely the plan is with a prompt, or with the picture's own."""
    names = scene.pipeline.names
    if names is None:
        return np.ones((0, 2))
    text = scene.first(scene.request.prompt if prompt is None else prompt)
    return chances(scene.pipeline.parts, tuple(names), scene.plan, text)


def chances(parts: Parts, names: Sequence[str], plan: Plan, text: TextEmbedding) -> Doubles:
    """Say how likely a plan's names and colours are, each after what stands before it.

    Args:
        parts: With the planner.
        names: All names, in the planner's order.
        plan: What lies behind first.
        text: One row.

    Returns:
        Chances I 2, as the planner draws them (`DOUBT_WHAT`).
    """
    told = plan if plan and plan[0].behind else (Item(name=BACKGROUND, behind=True), *plan)
    said = written(told, names)[:-1]
    found = np.ones((len(told), 2))
    for step, number in enumerate(said[:LENGTH]):
        kind = field_of(step)
        if kind > 1:
            continue
        logits = numbers(parts.plan(np.array([[0, *said[:step]]], np.int64), text)[kind])[0]
        found[item_of(step), kind] = _chance(logits[:-1] if step == 0 else logits, number)
    return found[len(told) - len(plan) :]


def _chance(logits: NDArray[Any], number: int) -> float:
    wide = np.asarray(logits, np.float64) / DOUBT_WHAT
    odds = np.exp(wide - wide.max())
    return float(odds[number] / odds.sum())
