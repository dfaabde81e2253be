"""Scenes of several drawings in, the share that repeats a training drawing out.

Each thing of a picture is cut out by its box in the picture's own plan, and looked up among all
drawings: it is a copy if it is as near to one as that drawing itself would be, laid into the same
box on the picture's own ground. How near that is, is measured: nineteen of twenty true drawings
are. (The ratio that single stickers are tested with fails here: with seven styles of each concept,
the second nearest is hardly ever three times as far.) The test is itself tested on drawings that
were never there, each half of one style and half of another.

Whether a scene repeats a training scene as a whole is told beside it (`repeats`).

Source: Somepalli et al. 2023, arXiv 2212.03860 (copies of parts of training pictures).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image

from molnar.base.images import unpremultiply
from molnar.base.likeness import on_white, on_white_ground
from molnar.base.rng import generator
from molnar.lab.data import concepts
from molnar.lab.data.stickers import Stickers
from molnar.lab.evaluate import repeats
from molnar.lab.evaluate.intervals import wilson
from molnar.lab.evaluate.planned import Planning
from molnar.lab.evaluate.proceval import Progress, plain
from molnar.lab.evaluate.segments import judged_size
from molnar.lab.evaluate.shown import Shown
from molnar.lab.evaluate.sources import Pixels, Source
from molnar.lab.evaluate.stickers import Gallery, Near
from molnar.plan.items import Item, Plan

VERSION = 1
NUM_PROMPTS = 50
LEAST = 0.12  # width and height of a box that can be looked at, fraction of the picture's side
FOUND = 0.95  # share of true drawings that are to be found
MARGIN = 1.1  # of a cut, times the box
STYLE = "noto"  # of the drawings that the test is tested with


def pairs(stickers: Stickers, number: int = NUM_PROMPTS) -> list[tuple[str, str]]:
    """Pick two concepts each; the same list for the same pack."""
    known = [name for name in concepts.COMMON if name in stickers.concepts]
    if len(known) < 2:
        return []
    rng = generator(VERSION, 44)
    chosen = [rng.choice(len(known), 2, replace=False) for _ in range(number)]
    return [(known[first], known[second]) for first, second in chosen]


def prompts(stickers: Stickers, number: int = NUM_PROMPTS) -> list[str]:
    """Ask for two concepts each: "a dog face and a pizza"."""
    return [" and ".join(map(concepts.asked, pair)) for pair in pairs(stickers, number)]


def measure(
    source: Source,
    planning: Planning,
    stickers: Stickers,
    gallery: Gallery,
    seeds: Sequence[int],
    number: int = NUM_PROMPTS,
    progress: Progress | None = None,
) -> tuple[dict[str, Any], list[Shown]]:
    """Draw scenes and look for copies in them.

    Args:
        source: what draws.
        planning: the plans of the same pictures.
        stickers: the pack that was trained on.
        gallery: its drawings.
        seeds: the same for every prompt.
        number: prompts.
        progress: called after each picture.

    Returns:
        The section as plain data, and all pictures.
    """
    asked = [(prompt, seed) for prompt in prompts(stickers, number) for seed in seeds]
    drawn: list[tuple[Shown, list[Near]]] = []
    true: list[float] = []
    between: list[float] = []
    for prompt, seed in asked:
        image, plan = judged_size(source(prompt, seed)), planning(prompt, seed)
        items = visible(plan, stickers)
        truth = laid(stickers, items, image)
        near = [gallery.nearest(cut(image, item), num=1)[0] for item in items]
        true += [gallery.nearest(cut(truth, item), num=1)[0].similarity for item in items]
        mixed = [(item, halved(stickers, item, image)) for item in items]
        between += [
            gallery.nearest(cut(one, item), num=1)[0].similarity
            for item, one in mixed
            if one is not None
        ]
        drawn.append((Shown(prompt, "scene", seed, image, True, "no copy"), near))
        if progress is not None:
            progress(len(drawn), len(asked))
    result, shown = _summed(drawn, true, between, len(asked) // max(len(seeds), 1))
    images = iter([picture.image for picture, _ in drawn])
    scenes = [(pair, list(islice(images, len(seeds)))) for pair in pairs(stickers, number)]
    return result | {"scenes": repeats.measure(stickers, scenes)}, shown


def _summed(
    drawn: Sequence[tuple[Shown, list[Near]]],
    true: Sequence[float],
    between: Sequence[float],
    number: int,
) -> tuple[dict[str, Any], list[Shown]]:
    """Say of each picture what it repeats, and count.

    Args:
        drawn: pictures, and the nearest drawing of each of their things.
        true: cosines of true drawings in their places.
        between: cosines of drawings that are none.
        number: of prompts.
    """
    least = float(np.quantile(true, 1 - FOUND)) if true else 1.0
    copied = [[f"repeats {x.name}" for x in near if x.similarity >= least] for _, near in drawn]
    looked = sum(bool(near) for _, near in drawn)
    cosines = [x.similarity for _, near in drawn for x in near]
    result = {
        "version": VERSION,
        "copies": plain(wilson(sum(map(bool, copied)), looked)),
        "judge_true": plain(wilson(sum(value >= least for value in true), len(true))),
        "judge_between": plain(wilson(sum(value >= least for value in between), len(between))),
        "similarity_least": round(least, 4),
        "similarity_median": round(float(np.median(cosines)), 4) if cosines else None,
        "num_prompts": number,
        "num_pictures": looked,  # with a thing in that can be looked at
        "num_things": len(true),
    }
    shown = [
        replace(picture, right=not names, words=", ".join(names) or picture.words)
        for (picture, _), names in zip(drawn, copied, strict=True)
    ]
    return result, shown


def visible(plan: Plan, stickers: Stickers) -> list[Item]:
    """Choose the things of a plan that are drawings, and large enough to be looked at."""
    return [
        item
        for item in plan
        if not item.behind
        and (item.name, STYLE) in stickers.sprites
        and min(item.width, item.height) >= LEAST
    ]


def cut(image: Pixels, item: Item) -> Pixels:
    """Cut a thing out, with a small margin, on white if its ground is even: uint8 h w C."""
    height, width = image.shape[:2]
    left, right = _edges(item.x, item.width, width)
    top, bottom = _edges(item.y, item.height, height)
    part = np.ascontiguousarray(image[top:bottom, left:right])
    white = on_white_ground(part)
    return part if white is None else white


def _edges(centre: float, size: float, of: int) -> tuple[int, int]:
    """Give the first pixel of a cut, and the one after the last; at least one pixel."""
    first = min(max(math.floor((centre - MARGIN * size / 2) * of), 0), of - 1)
    return first, max(min(math.ceil((centre + MARGIN * size / 2) * of), of), first + 1)


def laid(stickers: Stickers, items: Sequence[Item], image: Pixels, style: str = STYLE) -> Pixels:
    """Lay the true drawings of things into their boxes, on the ground of a picture.

    Args:
        stickers: the pack.
        items: with a drawing each.
        image: uint8 H W 3 or 4; the ground's colour is the median of its rim.
        style: of the drawings.

    Returns:
        uint8 H W 3.
    """
    height, width = image.shape[:2]
    flat = on_white(image)
    rim = np.concatenate([flat[0], flat[-1], flat[:, 0], flat[:, -1]])
    red, green, blue = (int(value) for value in np.median(rim, axis=0))
    paper = Image.new("RGB", (width, height), (red, green, blue))
    for item in items:
        size = max(1, round(item.width * width)), max(1, round(item.height * height))
        sprite = stickers.sprites[(item.name, style)]
        drawing = Image.fromarray(unpremultiply(sprite.pixels), "RGBA").crop(sprite.box)
        drawing = drawing.resize(size, Image.Resampling.BOX)
        place = round(item.x * width - size[0] / 2), round(item.y * height - size[1] / 2)
        paper.paste(drawing, place, drawing)
    return np.asarray(paper)


def halved(stickers: Stickers, item: Item, image: Pixels) -> Pixels | None:
    """Lay a drawing that is none: half of one style, half of another; None if it has only one."""
    others = [style for style in stickers.styles_of(item.name) if style != STYLE]
    if not others:
        return None
    one, other = (laid(stickers, [item], image, style) for style in (STYLE, others[0]))
    return ((one.astype(np.uint16) + other) // 2).astype(np.uint8)
