"""How often a plan holds what a caption says: captions of the world, by kind and by split.

python benchmarks/plans.py --stickers PACK [--captions 60] [--seed 977] [--model sticker] [--wrong]

A plan is right if it has the ground and the names of the scene, as many of each, in the colours
that the caption says; a drawing whose colour it does not say has its own. Captions are new ones;
combinations of "heldout" no part was trained on.
"""

from __future__ import annotations

import argparse
from collections import Counter

import molnar
from molnar.lab.data.plans import plan_of
from molnar.lab.data.shapes import MARKS, SHAPES
from molnar.lab.data.spec import KINDS
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.wardrobe import ACCESSORIES
from molnar.lab.data.world import World, WorldConfig
from molnar.plan.items import Plan

FREE = {*SHAPES, *MARKS, *ACCESSORIES}  # in one or another, if none is said
LEFT_OUT = ("single", "colour")  # nothing to mistake


def told(plan: Plan, caption: str) -> Counter[tuple[str, str | None]]:
    """Count things by name and by the colour that the caption says."""
    said = set(caption.lower().replace(",", " ").replace(".", " ").split())
    return Counter(
        (item.name, None if item.name in FREE and item.colour not in said else item.colour)
        for item in plan
    )


def main() -> None:
    """Plan, count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stickers", required=True)
    parser.add_argument("--captions", type=int, default=60, help="of each kind")
    parser.add_argument("--seed", type=int, default=977, help="of the world")
    parser.add_argument("--model", default="sticker")
    parser.add_argument("--wrong", action="store_true", help="print what was planned wrongly")
    options = parser.parse_args()

    pipeline = molnar.load(options.model)
    stickers = Stickers.open(options.stickers)
    kinds = [kind for kind in KINDS if kind not in LEFT_OUT]
    for kind in kinds:
        shares = []
        for split in ("train", "heldout"):
            config = WorldConfig(seed=options.seed, split=split, tint_p=0.2, place_p=0.1)
            world, right = World(config, stickers), 0
            for index in range(options.captions):
                spec = world.spec(index, kind)
                caption = world.caption(spec, index)
                meant = told(plan_of(spec, stickers), caption)
                found = told(pipeline.planned(caption, index), caption)
                right += meant == found
                if meant != found and options.wrong:
                    print(f"  {split}: {caption!r}: {dict(found)}")
            shares.append(right / options.captions)
        print(f"{kind:18}  seen {shares[0]:.2f}  held out {shares[1]:.2f}")


if __name__ == "__main__":
    main()
