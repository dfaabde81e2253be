"""A picture in, the drawings it looks most like out: does "a rocket" come out as a rocket?

The gallery holds every drawing of the pack, all concepts in all styles. A picture is recognised
when its prompt's concept is among the five nearest drawings. Nearness is the fixed descriptor of
`base/likeness.py` (colour, silhouette, gradients), or the vectors of a measuring CLIP that shares
nothing with the model. Either judge is itself tested: on drawings that were moved, scaled and
blurred, and on held-out drawings that only other styles of the gallery show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from molnar.base.images import unpremultiply
from molnar.base.likeness import COPY, copy_ratio, looks
from molnar.base.likeness import Vectors as Vectors  # for those who look for the judge here
from molnar.base.likeness import describe_by_rule as describe_by_rule
from molnar.base.rng import generator
from molnar.lab.data import concepts
from molnar.lab.data.heldout import drawing_held_out
from molnar.lab.data.stickers import Stickers
from molnar.lab.evaluate.intervals import Interval, bootstrap, wilson
from molnar.lab.evaluate.proceval import Progress
from molnar.lab.evaluate.segments import judged_size
from molnar.lab.evaluate.sources import Pixels, Source

Describe = Callable[[Sequence[Pixels]], Vectors]  # pictures (straight alpha) -> unit vectors N D

SPRITE_PX = 64  # size at which the gallery is read
_LOT = 1  # version of the order in which concepts are asked for


@dataclass(frozen=True, slots=True)
class Near:
    """A drawing of the gallery and how near it is (cosine, at most 1)."""

    name: str
    style: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """One picture of a sticker prompt (128 px) and the drawings it looks most like."""

    prompt: str
    name: str  # that was asked for
    seed: int
    image: Pixels
    nearest: tuple[str, ...]  # five names, best first
    ratio: float = 1.0  # distance to the nearest drawing over that to the second nearest, 0..1

    @property
    def copied(self) -> bool:
        """Whether one drawing is so much nearer than any other that the picture repeats it."""
        return self.ratio < COPY

    @property
    def found(self) -> bool:
        """Whether the asked concept is among the nearest five."""
        return self.name in self.nearest


@dataclass(frozen=True, slots=True)
class Recognition:
    """How often the asked concept was nearest, and among the five nearest; intervals by prompt.

    ``rows`` lists (prompt, asked name, share in the top five, names nearest to the first picture).
    """

    top1: Interval
    top5: Interval
    rows: tuple[tuple[str, str, float, tuple[str, ...]], ...]
    sightings: tuple[Sighting, ...]


class Gallery:
    """All drawings as unit vectors."""

    def __init__(
        self, keys: Sequence[tuple[str, str]], vectors: Vectors, describe: Describe
    ) -> None:
        """Hold (name, style) keys and their vectors N D.

        Raises:
            ValueError: the gallery is empty, or keys and vectors differ in number.
        """
        if not len(keys) or len(keys) != len(vectors):
            raise ValueError(
                f"got {len(keys)} drawings and {len(vectors)} vectors, expected as many, above 0"
            )
        self.keys = tuple(keys)
        self.vectors = vectors
        self.describe = describe

    @classmethod
    def of(cls, stickers: Stickers, describe: Describe, chunk: int = 256) -> Gallery:
        """Describe every drawing of a pack."""
        keys = stickers.drawings
        parts = [
            describe([unpremultiply(stickers.sprites[key].pixels) for key in keys[k : k + chunk]])
            for k in range(0, len(keys), chunk)
        ]
        return cls(keys, np.concatenate(parts), describe)

    def nearest(
        self, image: Pixels, num: int = 5, without: tuple[str, str] | None = None
    ) -> list[Near]:
        """Give the ``num`` nearest drawings, best first, leaving out ``without`` (name, style)."""
        views = self.describe(looks(image))
        similarity = (self.vectors @ views.T).max(1)
        if without is not None:
            similarity[self.keys.index(without)] = -np.inf
        order = np.argsort(-similarity, kind="stable")[:num]
        return [Near(self.keys[k][0], self.keys[k][1], float(similarity[k])) for k in order]


def by_lot(stickers: Stickers, number: int) -> list[tuple[str, str]]:
    """Ask for concepts of a pack, whichever they are: (prompt, concept); the same for one pack.

    Left out are those whose words mean something else: a shape, another concept, or a comment.
    """
    other = (lambda n: n in concepts.SHADOWED, concepts.is_geometric, lambda n: "#" in n)
    names = sorted(n for n in stickers.concepts if not any(means(n) for means in other))
    order = generator(_LOT, 45).permutation(len(names))
    return [(concepts.asked(names[k]), names[k]) for k in order[:number]]


def recognise(
    source: Source,
    gallery: Gallery,
    prompts: Sequence[tuple[str, str]],
    seeds: Iterable[int] = range(4),
    progress: Progress | None = None,
) -> Recognition:
    """Draw (prompt, concept) pairs and look for the concept among the nearest drawings."""
    chosen = list(seeds)
    first, fifth, rows = [], [], []
    sightings: list[Sighting] = []
    for prompt, name in prompts:
        for seed in chosen:
            image = source(prompt, seed)
            near = gallery.nearest(image)
            names = tuple(one.name for one in near)
            seen = Sighting(prompt, name, seed, judged_size(image), names, _ratio(near))
            sightings.append(seen)
            if progress is not None:
                progress(len(sightings), len(prompts) * len(chosen))
        own = sightings[-len(chosen) :]
        first.append([float(seen.nearest[0] == name) for seen in own])
        fifth.append([float(seen.found) for seen in own])
        rows.append((prompt, name, float(np.mean(fifth[-1])), own[0].nearest))
    return Recognition(bootstrap(first), bootstrap(fifth), tuple(rows), tuple(sightings))


def copied(sightings: Sequence[Sighting]) -> Interval:
    """Give the share of pictures that repeat one drawing, with Wilson's interval."""
    return wilson(sum(seen.copied for seen in sightings), len(sightings))


def _ratio(near: Sequence[Near]) -> float:
    """Compare the distances (of unit vectors) to the nearest two drawings."""
    if len(near) < 2:
        return 1.0
    first, second = (math.sqrt(max(0.0, 2 - 2 * one.similarity)) for one in near[:2])
    return copy_ratio(first, second)


@dataclass(frozen=True, slots=True)
class JudgeAccuracy:
    """The judge on pictures whose answer is known: share with the right name in the top five.

    ``jittered``: drawings moved, scaled and blurred. ``heldout``: drawings never trained on, with
    themselves taken out of the gallery: only other styles of the concept can match. ``copies``: of
    the jittered drawings, the share that is taken for copies, which they are.
    """

    jittered: Interval
    heldout: Interval
    copies: Interval


def judge_accuracy(
    gallery: Gallery, stickers: Stickers, names: Sequence[str], at_most: int = 150, seed: int = 0
) -> JudgeAccuracy:
    """Measure the judge itself.

    Args:
        gallery: of all drawings.
        stickers: the pack that it was made from.
        names: concepts asked for in the exam.
        at_most: queries of each kind.
        seed: of the jitter and the choice.
    """
    rng = generator(seed, 41)
    wanted = set(names)
    own = [key for key in gallery.keys if key[0] in wanted]
    hidden = [k for k in gallery.keys if drawing_held_out(*k) and len(stickers.styles_of(k[0])) > 1]
    asked = _some(own, at_most, rng)
    seen = [gallery.nearest(jittered(_straight(stickers, key), rng)) for key in asked]
    hits = [key[0] in [one.name for one in near] for key, near in zip(asked, seen, strict=True)]
    caught = [_ratio(near) < COPY for near in seen]
    found = [
        key[0] in [near.name for near in gallery.nearest(_straight(stickers, key), without=key)]
        for key in _some(hidden, at_most, rng)
    ]
    shares = (wilson(sum(right), len(right)) for right in (hits, found, caught))
    return JudgeAccuracy(*shares)


def _straight(stickers: Stickers, key: tuple[str, str]) -> Pixels:
    return unpremultiply(stickers.sprites[key].pixels)


def _some(
    keys: Sequence[tuple[str, str]], at_most: int, rng: np.random.Generator
) -> list[tuple[str, str]]:
    if len(keys) <= at_most:
        return list(keys)
    return [keys[k] for k in sorted(rng.choice(len(keys), at_most, replace=False))]


def jittered(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Put a drawing on white, moved, scaled and softened as a model's are: uint8 128 128 3."""
    side = int(rng.integers(76, 116))
    left, top = (int(rng.integers(4, 128 - side - 3)) for _ in range(2))
    canvas = Image.new("RGB", (128, 128), "white")
    drawing = Image.fromarray(image, "RGBA").resize((side, side), Image.Resampling.BILINEAR)
    canvas.paste(drawing, (left, top), drawing)
    soft = ndimage.gaussian_filter(np.asarray(canvas, np.float32), (0.8, 0.8, 0))
    noise = rng.normal(0, 3, soft.shape)
    return np.asarray(np.clip(soft + noise, 0, 255).round(), np.uint8)
