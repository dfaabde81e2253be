"""Does a word's map point at what the word names? Share of maps whose largest value does.

python benchmarks/explain.py [--prompts 60] [--seeds 1] [--stickers DIR] [--threads 1]

Prompts of two objects are drawn; the judge of `molnar eval` (which knows nothing of plans or words)
finds the objects in the finished picture; the map of each object's noun is made, and counts as
right if its largest value lies on the object. A picture in which the judge does not find both
objects, each once, says nothing about maps and is left out; how many were is printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

import molnar
from molnar.explain.scene import drawing
from molnar.explain.spoken import Word, words_of
from molnar.explain.words import WordMap, word_maps
from molnar.lab.evaluate.checker import look
from molnar.lab.evaluate.intervals import bootstrap, wilson
from molnar.lab.evaluate.prompts import questions
from molnar.lab.evaluate.segments import judged_size, on_white

TASKS = ("two", "position", "attribution")
#: Concepts of the pack that differ in colour, so that it can be seen which is which.
PAIRS = (
    ("frog", "strawberry"), ("sunflower", "pig face"), ("sun", "spouting whale"),
    ("cactus", "red heart"), ("banana", "red apple"), ("ghost", "frog"),
    ("octopus", "sunflower"), ("fox", "cactus"), ("panda", "banana"),
    ("red heart", "sun"), ("dolphin", "fox"), ("pig face", "Christmas tree"),
    ("penguin", "strawberry"), ("turtle", "octopus"), ("lemon", "crab"),
    ("bear", "watermelon"), ("koala", "tangerine"), ("butterfly", "red apple"),
    ("rocket", "lemon"), ("owl", "frog"),
)  # fmt: skip
WHITE = 235  # of 255: darker than this in some channel is a thing, on a white ground
SMALL = 0.01  # share of a picture below which a patch is no thing
Masks = list[NDArray[np.bool_]]


@dataclass(frozen=True)
class Case:
    """A prompt, its nouns, and how their objects are found in a picture."""

    prompt: str
    nouns: tuple[str, ...]  # as the prompt has them, first to last
    find: Any  # uint8 H W 3 or 4 -> a mask for each noun, or None


def shapes(count: int) -> Iterator[Case]:
    """Take coloured shapes from ProcEval, where the judge names every object."""
    for question in questions(2 * count // len(TASKS) + 3, TASKS):
        things = question.spec.things
        relation = question.spec.relation
        if relation is not None and relation.name == "inside":
            continue
        order = things if relation is None else [things[relation.subject], things[relation.object]]
        wanted = [(thing.name, thing.colour) for thing in order]

        def find(image: Any, wanted: Any = tuple(wanted)) -> Masks | None:
            _, seen = look(image)
            masks = []
            for name, colour in wanted:
                hits = [one for one in seen if (one.shape, one.colour) == (name, colour)]
                if len(hits) != 1:
                    return None
                masks.append(hits[0].region.coverage >= 0.5)
            return masks

        yield Case(question.prompt, tuple(name for name, _ in wanted), find)


def stickers(folder: Path) -> Iterator[Case]:
    """Pair drawings whose patches on white can be told apart by the gallery of drawings."""
    from molnar.base.likeness import describe_by_rule
    from molnar.lab.data.stickers import Stickers
    from molnar.lab.evaluate.stickers import Gallery

    pack = Stickers.open(folder)
    gallery = Gallery.of(pack, describe_by_rule)
    names = {name for name, _ in gallery.keys}
    for one, other in PAIRS:
        if not {one, other} <= names:
            continue

        def find(image: Any, wanted: tuple[str, str] = (one, other)) -> Masks | None:
            flat = on_white(judged_size(image))
            patches, found = ndimage.label(ndimage.binary_opening((flat < WHITE).any(-1)))
            sizes = np.bincount(patches.ravel(), minlength=found + 1)[1:] / patches.size
            kept = [k + 1 for k, size in enumerate(sizes) if size > SMALL]
            if len(kept) != 2:
                return None
            masks = [ndimage.binary_fill_holes(patches == k) for k in kept]
            alone = [np.where(mask[..., None], flat, 255).astype(np.uint8) for mask in masks]
            rows = [[likeness(gallery, picture, name) for name in wanted] for picture in alone]
            if rows[0][0] > rows[0][1] and rows[1][1] > rows[1][0]:
                return masks
            if rows[0][1] > rows[0][0] and rows[1][0] > rows[1][1]:
                return masks[::-1]
            return None  # both look like the same one

        nouns = tuple(
            name.split()[0] if "face" in name else name.split()[-1] for name in (one, other)
        )
        yield Case(f"{article(one)} and {article(other)}", nouns, find)


def likeness(gallery: Any, image: Any, name: str) -> float:
    """Say how much a picture looks like some drawing of a concept."""
    near = gallery.nearest(image, len(gallery.keys))
    return max(float(one.similarity) for one in near if one.name == name)


def article(name: str) -> str:
    """Put a or an before a name."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def nouns_of(case: Case) -> list[Word]:
    """Find the nouns of a case among the words of its prompt, each at its own place."""
    rest = list(words_of(case.prompt))
    found = []
    for noun in case.nouns:
        while rest[0].text != noun:
            rest.pop(0)
        found.append(rest.pop(0))
    return found


def points(maps: tuple[WordMap, ...], masks: Masks) -> list[float]:
    """Say of each map whether its largest value lies in the mask of its object."""
    right = []
    for one, mask in zip(maps, masks, strict=True):
        row, column = one.largest
        rows, columns = (have / of for have, of in zip(mask.shape, one.map.shape, strict=True))
        right.append(float(mask[int((row + 0.5) * rows), int((column + 0.5) * columns)]))
    return right


def measure(pipeline: molnar.Pipeline, cases: list[Case], seeds: int, title: str) -> None:
    """Draw, make maps, compare, print."""
    scores: dict[str, list[float]] = {}
    seconds: list[float] = []
    unseen = 0
    for done, (seed, case) in enumerate((s, case) for s in range(seeds) for case in cases):
        drawn = drawing(pipeline, molnar.Request(prompt=case.prompt, seed=seed))
        masks = case.find(drawn.picture.image)
        if masks is None:
            unseen += 1
            continue
        start = time.perf_counter()
        maps = word_maps(pipeline, drawn.request, drawn, nouns_of(case))
        seconds.append(time.perf_counter() - start)
        right = points(maps, masks)
        scores.setdefault(case.prompt, []).extend(right)
        if 0.0 in right:
            missed = [one.word for one, hit in zip(maps, right, strict=True) if not hit]
            print(f"  missed {' and '.join(missed)}: {case.prompt!r}, seed {seed}", flush=True)
        if done % 20 == 19:
            print(f"  {done + 1}/{seeds * len(cases)}: {summary(scores, unseen)}", flush=True)
    print(
        f"{title}: {summary(scores, unseen)}; {np.median(seconds):.1f} s for two maps", flush=True
    )


def summary(scores: dict[str, list[float]], unseen: int) -> str:
    """Write shares and counts."""
    flat = [score for group in scores.values() for score in group]
    return (
        f"{bootstrap(list(scores.values())).text(3)} of {len(flat)} maps of {len(scores)} prompts "
        f"point at their object (per map, Wilson: {wilson(int(sum(flat)), len(flat)).text(3)}); "
        f"{unseen} pictures left out"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=60, help="of two coloured shapes")
    parser.add_argument("--seeds", type=int, default=1, help="pictures of each: 0, 1, ...")
    parser.add_argument("--stickers", type=Path, help="folder of the pack, to pair drawings too")
    parser.add_argument("--model", default="sticker")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    pipeline = molnar.load(options.model, threads=options.threads)
    # Every k-th: the list is sorted by task.
    cases = list(shapes(options.prompts))
    chosen = [cases[k * len(cases) // options.prompts] for k in range(options.prompts)]
    if chosen:
        measure(pipeline, chosen, options.seeds, "two shapes")
    if options.stickers is not None:
        measure(pipeline, list(stickers(options.stickers)), options.seeds, "two drawings")


if __name__ == "__main__":
    main()
