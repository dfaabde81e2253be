"""A picture and what was asked in, a verdict with its reason out: the judge of ProcEval.

What is demanded, atom by atom (after GenEval, Ghosh et al. 2023, arXiv 2310.11513, section 3, made
stricter):

- every asked object is there, its colour and its shape on the *same* patch (binding);
- no further object of an asked shape in a colour nobody asked for; other bystanders are tolerated;
- when counting, exactly the asked number and nothing else that is as large as an object;
- a relation holds between the centres by a margin of a tenth of the picture, and more along than
  across; "inside" means box in box and centre in area;
- a background colour, or transparency, is that of the picture's rim.

The judge is itself measured (``self_test``): it knows nothing of any model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molnar.lab.data.spec import Spec
from molnar.lab.evaluate.segments import Region, Segments, segment
from molnar.lab.evaluate.shapes import Match, match

MARGIN = 0.10  # share of the picture's longer side by which centres must differ
RELATIONS = ("left of", "right of", "above", "below", "inside")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """An object that a prompt asks for; None means: any."""

    shape: str
    colour: str | None = None
    count: int = 1

    def words(self) -> str:
        """Write it as in a verdict: ``2 x red circle``."""
        name = " ".join(word for word in (self.colour, self.shape) if word)
        return name if self.count == 1 else f"{self.count} x {name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """Everything a prompt asks for.

    ``relation`` is (index of the subject in things, one of RELATIONS, index of the object).
    ``background`` is a palette name, "transparent", or None for anything. ``only`` refuses
    bystanders (counting).
    """

    things: tuple[Asked, ...]
    relation: tuple[int, str, int] | None = None
    background: str | None = None
    only: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """An object that the judge found: ``shape`` is None when it fits no template."""

    shape: str | None
    colour: str
    region: Region
    match: Match

    def words(self) -> str:
        """Write it as in a verdict: ``red circle``."""
        return f"{self.colour} {self.shape or 'something'}"


@dataclass(frozen=True, slots=True)
class Atom:
    """One demand and whether it was met."""

    demand: str
    met: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a picture shows what was asked, why not in words, and the demands one by one."""

    correct: bool
    reason: str
    atoms: tuple[Atom, ...]
    seen: tuple[str, ...] = ()

    @property
    def atom_score(self) -> float:
        """Share of the demands met, 0-1."""
        return sum(atom.met for atom in self.atoms) / len(self.atoms)


def look(image: NDArray[np.uint8], use_alpha: bool = False) -> tuple[Segments, tuple[Seen, ...]]:
    """Find and name the objects of a picture (uint8 H W 3|4, straight alpha), largest first."""
    segments = segment(image, use_alpha)
    seen = []
    for region in segments.regions:
        found = match(region.coverage)
        seen.append(Seen(found.name, region.colour, region, found))
    return segments, tuple(seen)


def judge(image: NDArray[np.uint8], ask: Ask) -> Verdict:
    """Check one picture against what was asked.

    Args:
        image: uint8 H W 3|4, any size, straight alpha; judged at 128 px. Transparency is put on
            white, unless the ask demands a transparent background.
        ask: what the prompt demands.

    Raises:
        ValueError: the array is not a uint8 picture.
    """
    segments, seen = look(image, ask.background == "transparent")
    return weigh(segments, seen, ask)


def weigh(segments: Segments, seen: tuple[Seen, ...], ask: Ask) -> Verdict:
    """Compare what was seen with what was asked; one look can be weighed against many asks."""
    atoms = [_presence(thing, seen, ask.only) for thing in ask.things]
    stray = _stray(seen, ask)
    if stray is not None:
        atoms.append(stray)
    if ask.relation is not None:
        atoms.append(_related(segments, seen, ask))
    if ask.background is not None:
        met = segments.background == ask.background
        atoms.append(Atom(f"background {ask.background}", met))
    wrong = [atom.demand for atom in atoms if not atom.met]
    words = tuple(thing.words() for thing in seen)
    shown = f"saw {', '.join(words) or 'nothing'} on {segments.background or 'no clear background'}"
    return Verdict(
        not wrong, f"not met: {'; '.join(wrong)} ({shown})" if wrong else "", tuple(atoms), words
    )


def ask_of(spec: Spec) -> Ask:
    """Give what a geometry spec of the world asks for, as the judge sees it.

    Raises:
        ValueError: the spec holds something other than plain shapes.
    """
    if any(thing.kind != "shape" for thing in spec.things):
        raise ValueError(f"got a spec of kind {spec.kind!r}, expected one of plain shapes only")
    kinds: dict[tuple[str, str | None], int] = {}
    for thing in spec.things:
        kinds[thing.name, thing.colour] = kinds.get((thing.name, thing.colour), 0) + 1
    order = list(kinds)
    relation = None
    if spec.relation is not None:
        ends = [spec.things[end] for end in (spec.relation.subject, spec.relation.object)]
        subject, target = (order.index((end.name, end.colour)) for end in ends)
        relation = (subject, spec.relation.name, target)
    return Ask(
        things=tuple(Asked(shape=s, colour=c, count=kinds[s, c]) for s, c in order),
        relation=relation,
        background=spec.background.colour or "transparent",
        only=spec.kind == "counting",
    )


def _fits(thing: Seen, asked: Asked) -> bool:
    return thing.shape == asked.shape and asked.colour in (None, thing.colour)


def _presence(asked: Asked, seen: tuple[Seen, ...], exact: bool) -> Atom:
    found = sum(_fits(thing, asked) for thing in seen)
    met = found == asked.count if exact or asked.count > 1 else found >= 1
    return Atom(asked.words(), met)


def _stray(seen: tuple[Seen, ...], ask: Ask) -> Atom | None:
    """Refuse objects of an asked shape in another colour, and when counting any further object."""
    others = [thing for thing in seen if not any(_fits(thing, asked) for asked in ask.things)]
    shapes = {asked.shape for asked in ask.things}
    wrong = [thing for thing in others if ask.only or thing.shape in shapes]
    return Atom(f"no {wrong[0].words()}", False) if wrong else None


def _related(segments: Segments, seen: tuple[Seen, ...], ask: Ask) -> Atom:
    assert ask.relation is not None
    subject, name, target = ask.relation
    demand = f"{ask.things[subject].words()} {name} {ask.things[target].words()}"
    pairs = [
        (first.region, second.region)
        for first in seen
        for second in seen
        if first is not second
        and _fits(first, ask.things[subject])
        and _fits(second, ask.things[target])
    ]
    gap = MARGIN * max(segments.width, segments.height)
    return Atom(demand, any(holds(name, first, second, gap) for first, second in pairs))


def holds(name: str, first: Region, second: Region, gap_px: float) -> bool:
    """Tell whether ``first`` is <name> ``second``.

    Centres must be apart by ``gap_px`` along the axis named, and more along it than across it.

    Raises:
        ValueError: the relation is not one of RELATIONS.
    """
    dx, dy = second.centre[0] - first.centre[0], second.centre[1] - first.centre[1]
    if name == "inside":
        return _inside(first, second)
    along = {"left of": dx, "right of": -dx, "above": dy, "below": -dy}
    if name not in along:
        raise ValueError(f"got relation {name!r}, expected one of {', '.join(RELATIONS)}")
    across = dy if name in ("left of", "right of") else dx
    return along[name] >= gap_px and along[name] > abs(across)


def _inside(first: Region, second: Region) -> bool:
    inner, outer = first.box, second.box
    boxed = (
        inner[0] >= outer[0]
        and inner[1] >= outer[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )
    column, row = int(first.centre[0]), int(first.centre[1])
    return boxed and bool(second.coverage[row, column] >= 0.5) and first.area_px < second.area_px


def describe(seen: tuple[Seen, ...]) -> list[dict[str, Any]]:
    """Give what was seen as plain data for a report: shape, colour, box, score."""
    return [
        {
            "shape": t.shape,
            "colour": t.colour,
            "box": list(t.region.box),
            "score": round(t.match.score, 3),
        }
        for t in seen
    ]
