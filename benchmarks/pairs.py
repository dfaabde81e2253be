"""How often a sentence about two things leads to a plan of both: what is understood, not drawn.

python benchmarks/pairs.py [--pairs 60] [--seed 0] [--model sticker]

Names are picked by lot among all that the model can plan, shapes and places left out. Some sayings
stand in training captions and some do not.
"""

from __future__ import annotations

import argparse
import random

import molnar
from molnar.lab.data.places import PATTERNS, PLACES
from molnar.lab.data.shapes import MARKS, SHAPES
from molnar.lab.data.wardrobe import ACCESSORIES

TAUGHT = (
    "a {a} and a {b}", "a {a} next to a {b}", "a {a} with a {b}", "a {a} riding a {b}",
    "a {a} on a {b}", "a {a} in front of a {b}", "a {a} holding a {b}", "a {a} behind a {b}",
)  # fmt: skip
OTHER = (
    "a {a} visiting a {b}", "a {a} who loves a {b}", "a photo of a {a} guarding a {b}",
    "a {a} surrounded by a {b}", "one {a} leaning against a {b}, trending on pinterest",
    "a {a} repairing a {b} in oil paint", "a {a} that looks at its {b}", "a {a} versus a {b}",
)  # fmt: skip
SIMPLE = 3  # words of a name, at most


def main() -> None:
    """Plan, count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=60, help="of each saying")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="sticker")
    options = parser.parse_args()

    pipeline = molnar.load(options.model)
    if pipeline.names is None:
        parser.exit(1, f"model {options.model!r} has no planner\n")
    apart = {"background", "transparent", *SHAPES, *MARKS, *PLACES, *PATTERNS, *ACCESSORIES}
    names = sorted(
        name
        for name in pipeline.names
        if name not in apart and name.replace(" ", "").isalpha() and len(name.split()) <= SIMPLE
    )
    lot = random.Random(options.seed)
    pairs = [lot.sample(names, 2) for _ in range(options.pairs)]
    for kind, sayings in (("taught", TAUGHT), ("other", OTHER)):
        both = one = 0
        for saying in sayings:
            found = [
                {a, b} & {item.name for item in pipeline.planned(saying.format(a=a, b=b), seed)}
                for seed, (a, b) in enumerate(pairs)
            ]
            own = sum(len(names) == 2 for names in found)
            both, one = both + own, one + sum(map(len, found))
            print(f"{own / len(pairs):5.2f}  {saying}")
        count = len(pairs) * len(sayings)
        print(f"{kind}: both in {both / count:.2f} of {count}, names {one / count / 2:.2f}")


if __name__ == "__main__":
    main()
