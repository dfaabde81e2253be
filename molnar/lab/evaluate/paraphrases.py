"""Words that no training caption holds in, the share that is drawn as the right concept out.

`paraphrases.txt` says the taught concepts in other words ("a hound", "a pachyderm"). A model can
only be asked for what it draws under the plain name, so plain names come first: a concept works
when at least half of its pictures are recognised, and paraphrases are asked of those that work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import groupby

from molnar.lab.data import concepts
from molnar.lab.evaluate.intervals import Interval, bootstrap
from molnar.lab.evaluate.sources import Source
from molnar.lab.evaluate.stickers import Gallery, Sighting, recognise

Tell = Callable[[str, int, int], None]
WORKS = 0.5  # share of a plain name's pictures that must be recognised


@dataclass(frozen=True, slots=True)
class Understood:
    """How many concepts their plain names draw, and the share of paraphrases that land on them.

    ``share`` is over the paraphrases of the concepts that work; its interval is by paraphrase.
    """

    num_concepts: int
    working: tuple[str, ...]
    share: Interval
    sightings: tuple[Sighting, ...]  # of the paraphrases
    plain: tuple[Sighting, ...]  # of the plain names


@lru_cache(maxsize=1)
def paraphrases() -> tuple[tuple[str, str], ...]:
    """Read the test set: (paraphrase, concept as in the drawings' index), in the file's order."""
    text = resources.files("molnar.lab.evaluate").joinpath("paraphrases.txt").read_text("utf-8")
    rows = [line.partition(": ") for line in text.splitlines() if not line.startswith("#")]
    return tuple((phrase, name) for name, _, rest in rows for phrase in rest.split("; "))


def understand(
    source: Source,
    gallery: Gallery,
    asked: Sequence[tuple[str, str]],
    seeds: Iterable[int] = range(4),
    tell: Tell | None = None,
) -> Understood:
    """Draw plain names, then the paraphrases of those that work.

    Args:
        source: What draws.
        gallery: Where a picture's nearest drawings are looked up.
        asked: (paraphrase, concept) pairs, those of one concept together.
        seeds: The same for every prompt.
        tell: Called with progress.
    """
    chosen = list(seeds)
    say = tell or (lambda what, done, of: None)
    names = list(dict.fromkeys(name for _, name in asked))
    plain = recognise(
        source,
        gallery,
        [(concepts.asked(name), name) for name in names],
        chosen,
        lambda done, of: say("drawing plain names", done, of),
    )
    works = {name for _, name, share, _ in plain.rows if share >= WORKS}
    pairs = [pair for pair in asked if pair[1] in works]
    found = recognise(
        source, gallery, pairs, chosen, lambda done, of: say("drawing paraphrases", done, of)
    )
    by_phrase = groupby(found.sightings, lambda seen: (seen.prompt, seen.name))
    scores = [[float(seen.found) for seen in rows] for _, rows in by_phrase]
    working = tuple(name for name in names if name in works)
    return Understood(len(names), working, bootstrap(scores), found.sightings, plain.sightings)
