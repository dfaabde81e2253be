"""The world makes scenes: pictures with captions and masks per second, on one core.

python benchmarks/world.py [--scenes 200] [--size 128] [--stickers FOLDER]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from molnar.lab.data.stickers import Stickers
from molnar.lab.data.world import World, WorldConfig


def rate(work: Callable[[int], object], count: int) -> float:
    """Return calls per second of `work(0) ... work(count - 1)`."""
    start = time.perf_counter()
    for index in range(count):
        work(index)
    return count / (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--size", type=int, default=128, help="height and width in pixels")
    parser.add_argument("--stickers", type=Path, help="folder of drawings; geometry alone without")
    options = parser.parse_args()

    stickers = Stickers.open(options.stickers) if options.stickers else None
    world = World(WorldConfig(seed=0, size=options.size), stickers=stickers)
    world.sample(0)  # rasters and fonts are cached on first use
    print(f"specs   {rate(world.spec, options.scenes):.0f} a second")
    print(f"samples {rate(world.sample, options.scenes):.0f} a second, {options.size} px")


if __name__ == "__main__":
    main()
