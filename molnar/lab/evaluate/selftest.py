"""Ground-truth renders in, the judge's own error rates out: no score before its judge is tested.

Three questions, on fresh pictures of the world (a seed no model is trained on): does the judge
accept what is true, does it refuse what is wrong in exactly one respect, and does it stand blur,
JPEG and colour noise?
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from molnar.base.images import unpremultiply
from molnar.base.rng import generator
from molnar.lab.data.palette import COLOURS, PALETTE, contrasts
from molnar.lab.data.shapes import SHAPES
from molnar.lab.data.spec import Spec
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.evaluate.checker import Ask, ask_of, look, weigh
from molnar.lab.evaluate.intervals import Interval, wilson
from molnar.lab.evaluate.proceval import Progress, plain
from molnar.lab.evaluate.segments import on_white

SEED = 7_001  # of the world that tests the judge; training uses 0
KINDS = ("single", "two", "counting", "colour", "position", "attribution", "nested")
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
ACROSS = {"left of": "above", "right of": "below", "above": "left of", "below": "right of"}

Array = NDArray[np.uint8]


def blurred(image: Array, rng: np.random.Generator) -> Array:
    """Blur by a Gaussian of sigma 1 pixel."""
    soft = ndimage.gaussian_filter(image.astype(np.float32), (1, 1, 0))
    return np.asarray(soft.round(), np.uint8)


def compressed(image: Array, rng: np.random.Generator) -> Array:
    """Send through JPEG at quality 60 with Pillow's default chroma subsampling."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=60)
    return np.asarray(Image.open(buffer).convert("RGB"))


def noisy(image: Array, rng: np.random.Generator) -> Array:
    """Add uniform noise of +-8 % of the range to every value."""
    noise = rng.integers(-20, 21, image.shape)
    return np.asarray(np.clip(image.astype(np.int64) + noise, 0, 255), np.uint8)


DEGRADED: dict[str, Callable[[Array, np.random.Generator], Array]] = {
    "blur sigma 1": blurred,
    "JPEG quality 60": compressed,
    "noise +-8 %": noisy,
}


@dataclass(slots=True)
class Tally:
    """How many of a set were accepted, and what the judge said of the surprising ones."""

    accepted: int = 0
    shown: int = 0
    surprises: list[str] = field(default_factory=list)

    def add(self, accepted: bool, expected: bool, words: str) -> None:
        """Count one verdict."""
        self.accepted += accepted
        self.shown += 1
        if accepted != expected:
            self.surprises.append(words)

    def share(self) -> Interval:
        """Share accepted with Wilson's interval."""
        return wilson(self.accepted, self.shown)


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The judge's report card."""

    true: Tally
    wrong: dict[str, Tally]  # by what was changed
    degraded: dict[str, Tally]

    @property
    def falsely_accepted(self) -> Interval:
        """Share of all wrong pairs accepted."""
        tallies = self.wrong.values()
        return wilson(sum(t.accepted for t in tallies), sum(t.shown for t in tallies))

    @property
    def passed(self) -> bool:
        """Whether the judge is fit: accepts >= 99.5 % true, <= 0.5 % wrong, >= 97 % degraded."""
        return (
            self.true.share().value >= 0.995
            and self.falsely_accepted.value <= 0.005
            and all(tally.share().value >= 0.97 for tally in self.degraded.values())
        )

    def to_json(self) -> dict[str, Any]:
        """Give [share, low, high] and counts as plain data."""
        return {
            "true_accepted": plain(self.true.share()),
            "num_true": self.true.shown,
            "wrong_accepted": plain(self.falsely_accepted),
            "num_wrong": sum(tally.shown for tally in self.wrong.values()),
            "degraded_accepted": {name: plain(t.share()) for name, t in self.degraded.items()},
            "passed": self.passed,
        }

    def lines(self) -> list[str]:
        """Write the report card."""
        rows = [("true renders accepted (>= 0.995)", self.true.share(), self.true.shown)]
        shown = sum(t.shown for t in self.wrong.values())
        rows.append(("one thing wrong, accepted (<= 0.005)", self.falsely_accepted, shown))
        rows += [(f"  wrong {name}", t.share(), t.shown) for name, t in self.wrong.items()]
        rows += [
            (f"{name} accepted (>= 0.97)", t.share(), t.shown) for name, t in self.degraded.items()
        ]
        return [f"{name:38} {share.text(4)}  n={count}" for name, share, count in rows]


def checker_self_test(
    num_renders: int, seed: int = SEED, every: int = 1, tell: Progress | None = None
) -> SelfTest:
    """Test the judge on ground truth.

    Args:
        num_renders: fresh pictures, evenly over seven kinds and both splits.
        seed: of the world; must not be the one that trains.
        every: each picture is shown degraded in all three ways when 1, every third picture in one
            way each when larger.
        tell: called with (renders done, renders in all).
    """
    worlds = [World(WorldConfig(seed=seed, split=split)) for split in ("train", "heldout")]
    result = SelfTest(Tally(), {}, {name: Tally() for name in DEGRADED})
    for index in range(num_renders):
        world, kind = worlds[index // len(KINDS) % 2], KINDS[index % len(KINDS)]
        spec = world.spec(index, kind)
        rng = generator(seed, index, 99)
        image = unpremultiply(world.render(spec).image)
        _examine(image, spec, rng, result)
        for order, (name, degrade) in enumerate(DEGRADED.items()):
            if every > 1 and index % 3 != order:
                continue
            opaque, ask = _opaque(image, spec)
            verdict = weigh(*look(degrade(opaque, rng)), ask)
            result.degraded[name].add(verdict.correct, True, f"{kind} {index}: {verdict.reason}")
        if tell is not None:
            tell(index + 1, num_renders)
    return result


def _opaque(image: Array, spec: Spec) -> tuple[Array, Ask]:
    """Put a transparent picture on a colour that its things stand out from: JPEG has no alpha."""
    ask = ask_of(spec)
    if ask.background != "transparent":
        return on_white(image), ask
    own = [thing.colour or "" for thing in spec.things]
    ground = next(c for c in ("white", *COLOURS) if all(contrasts(c, colour) for colour in own))
    alpha = image[..., 3:] / 255
    flat = image[..., :3] * alpha + np.array(PALETTE[ground]) * (1 - alpha)
    return flat.round().astype(np.uint8), replace(ask, background=ground)


def _examine(image: Array, spec: Spec, rng: np.random.Generator, result: SelfTest) -> None:
    """Weigh one picture, looked at once, against the truth and against each kind of lie."""
    ask = ask_of(spec)
    seen = look(image, ask.background == "transparent")
    verdict = weigh(*seen, ask)
    result.true.add(verdict.correct, True, f"{spec.kind}: {verdict.reason}")
    for name, lie in lies(ask, rng):
        told = weigh(*seen, lie)
        words = f"{spec.kind}: accepted {lie} for {ask}"
        result.wrong.setdefault(name, Tally()).add(told.correct, False, words)


def lies(ask: Ask, rng: np.random.Generator) -> Iterator[tuple[str, Ask]]:
    """Give (what was changed, ask) for every single change that makes a true ask false."""
    index = int(rng.integers(len(ask.things)))
    thing = ask.things[index]
    shapes = {one.shape for one in ask.things}
    colours = {one.colour for one in ask.things} | {ask.background}
    other_colour = _pick(rng, [c for c in COLOURS if c not in colours])
    other_shape = _pick(rng, [s for s in SHAPES if s not in shapes])
    yield "colour", _with(ask, index, colour=other_colour)
    yield "shape", _with(ask, index, shape=other_shape)
    if ask.only:
        more = thing.count == 1 or rng.random() < 0.5
        yield "count", _with(ask, index, count=thing.count + (1 if more else -1))
    else:
        yield "count", _with(ask, index, count=2)
    if ask.relation is not None:
        yield from _false_relations(ask)
    if len(ask.things) == 2:
        first, second = ask.things
        if first.colour != second.colour and first.shape != second.shape:
            crossed = (replace(first, colour=second.colour), replace(second, colour=first.colour))
            yield "binding", replace(ask, things=crossed)
    if ask.background in COLOURS:
        wrong = _pick(rng, [c for c in COLOURS if c != ask.background])
        yield "background", replace(ask, background=wrong)


def _false_relations(ask: Ask) -> Iterator[tuple[str, Ask]]:
    assert ask.relation is not None
    subject, name, target = ask.relation
    yield "relation", replace(ask, relation=(target, name, subject))
    if name in OPPOSITE:
        yield "relation", replace(ask, relation=(subject, OPPOSITE[name], target))
        yield "relation", replace(ask, relation=(subject, ACROSS[name], target))


def _with(ask: Ask, index: int, **changes: Any) -> Ask:
    things = list(ask.things)
    things[index] = replace(things[index], **changes)
    return replace(ask, things=tuple(things))


def _pick(rng: np.random.Generator, options: list[str]) -> str:
    return options[int(rng.integers(len(options)))]
