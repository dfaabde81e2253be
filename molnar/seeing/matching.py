"""Words in, the items of a plan that they mean out: "hat" finds a beret, "left star" one star."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from molnar.base.errors import RequestError, one_line
from molnar.base.types import Item, Plan
from molnar.pipeline import Pipeline
from molnar.plan.items import BACKGROUND, COLOURS, MANNERS, TRANSPARENT
from molnar.text.phrases import words_in
from molnar.text.words import STOP_WORDS, stems

LIKE = 0.6  # cosine of words and a name from which the name may be meant
CLOSE = 0.1  # and names so near to the best one are meant too
GROUND = frozenset({"background", "ground", "backdrop", "behind", "surroundings"})
SIDES = ("left", "right", "top", "bottom", "upper", "lower")
_LOOSE = frozenset({"one", "thing", "things", "object", "objects", "shape", "shapes", "all"})


def meant(pipeline: Pipeline, plan: Plan, words: str) -> list[int]:
    """Find what words mean in a picture.

    Args:
        pipeline: Knows words.
        plan: Of the picture.
        words: As typed: a name or what is like it, colours, "left", "background".

    Returns:
        Places in the plan, at least one; that of the ground alone stands for all that is no thing.

    Raises:
        RequestError: nothing fits; it says what there is.
    """
    typed = [word.text for word in words_in(words)]
    colours = [_colour(word) for word in typed]
    sides = [word for word in typed if word in SIDES]
    core = [
        word for word, colour in zip(typed, colours, strict=True)
        if colour is None and word not in SIDES and word not in STOP_WORDS
    ]  # fmt: skip
    grounds = [k for k, item in enumerate(plan) if item.behind]
    if grounds and core and set(core) <= GROUND:
        return grounds[:1]
    names = [k for k, item in enumerate(plan) if _nameable(item)]
    named = {k: _nearness(pipeline, " ".join(core), plan[k].name) for k in names}
    wanted = {colour for colour in colours if colour is not None}
    if set(core) <= _LOOSE:
        if not wanted and not sides:
            core, named = ["?"], {}
        else:
            named = {k: 1.0 for k in names if not plan[k].behind}
    if wanted:
        named = {
            k: v for k, v in named.items() if plan[k].colour in wanted or _says(plan[k], wanted)
        }
    best = max(named.values(), default=0.0)
    if best < LIKE:
        raise RequestError(_not_there(plan, words))
    found = [k for k, value in named.items() if value >= max(LIKE, best - CLOSE)]
    return _on_side(plan, found, sides)


def name_meant(pipeline: Pipeline, words: str) -> str | None:
    """Give the name, of all that the model can plan, that words mean; None if none is near.

    Args:
        pipeline: Knows words.
        words: As typed; colours, sides and articles count for nothing.
    """
    core = [
        word.text for word in words_in(words)
        if _colour(word.text) is None and word.text not in {*SIDES, *STOP_WORDS, *_LOOSE}
    ]  # fmt: skip
    names = [name for name in pipeline.names or () if _nameable(Item(name=name))]
    if not core or not names:
        return None
    near = [_nearness(pipeline, " ".join(core), name) for name in names]
    best = int(np.argmax(near))
    return names[best] if near[best] >= LIKE else None


def colours_in(words: str) -> set[str]:
    """List the colours that words name.

    Example:
        >>> colours_in("the grey fox")
        {'gray'}
    """
    return {colour for word in words_in(words) if (colour := _colour(word.text)) is not None}


def there(plan: Sequence[Item]) -> str:
    """List the names in a plan.

    Example:
        >>> there([Item(name="beach", behind=True), Item(name="star", colour="red")])
        'red star, beach'
    """
    things = [item for item in plan if not item.behind]
    grounds = [item for item in plan if item.behind and _nameable(item)]
    said = [f"{item.colour or ''} {item.name}".strip() for item in (*things, *grounds)]
    return ", ".join(dict.fromkeys(said)) or "nothing but background"


def _not_there(plan: Plan, words: str) -> str:
    return (
        f"nothing in the picture fits {one_line(words, 40)!r}; "
        f"expected one of: {there(plan)}, or background"
    )


def _nameable(item: Item) -> bool:
    return item.name not in {BACKGROUND, TRANSPARENT, *MANNERS}


def _colour(word: str) -> str | None:
    word = "gray" if word == "grey" else word
    return word if word in COLOURS else None


def _says(item: Item, colours: set[str]) -> bool:
    """Tell whether a thing without a colour has one in its name, as a "red apple" has."""
    return item.colour is None and not colours.isdisjoint(item.name.split())


def _nearness(pipeline: Pipeline, words: str, name: str) -> float:
    """Say how near words are to a name, at most 1."""
    said, named = set(words.split()), {word.text for word in words_in(name)}
    roots = said | {stem for word in said for stem in stems(word)}
    if said and (named <= roots or said <= named | {f"{word}s" for word in named}):
        return 1.0
    instead = pipeline.read(words)
    meaning = pipeline.meaning
    if meaning is not None and name in meaning.names:
        # Of "headgear" less is known than of "top hat", as which it is read.
        both = [meaning.cosine(text, name) for text in (words, instead)]
        near = [cosine for cosine in both if cosine is not None]
        if near:
            return min(max(near), 0.99)
    read = {word.text for word in words_in(instead)}
    return 0.9 if named and named <= read else 0.0


def _on_side(plan: Plan, found: list[int], sides: Sequence[str]) -> list[int]:
    for side in sides:
        way = {"left": (1, 0), "right": (-1, 0), "top": (0, 1), "upper": (0, 1)}.get(side, (0, -1))
        far = [way[0] * plan[k].x + way[1] * plan[k].y for k in found]
        found = [found[int(np.argmin(far))]]
    return found
