"""Several pictures drawn together, against the same drawn one after the other: seconds and bits.

python benchmarks/sharing.py [--quality normal] [--rounds 5] [--at-once 8] [--rows 16] [--previews]

Whole pictures: text, plan, diffusion, decoder, upscaler, PNG. Both ways take turns, since other
work on the machine comes and goes; the ratio is the median of the rounds' ratios. CPU seconds say
what would be gained on a machine that does nothing else: what is drawn together keeps all cores
busy. Every pixel is compared.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from molnar.base.request import Picture, Request
from molnar.bundle import Bundle
from molnar.engines import open_parts
from molnar.engines.sharing import Shared
from molnar.latent.preview import Previewer
from molnar.pipeline import Pipeline
from molnar.starting import from_files

PROMPTS = (
    "a dog wearing a beret",
    "a red circle to the left of a blue square",
    "a fox in the snow",
    "a pizza on a green background",
    "a robot on a beach",
    "five blue stars on a yellow background",
    "a penguin wearing a top hat",
    "a rocket in the night sky",
)
GRID = 4
Job = tuple[Request, int]  # a request and which of its pictures


@dataclass(frozen=True)
class Spent:
    """What one way of drawing took."""

    wall: float  # seconds
    cpu: float  # seconds, of all cores


def peak_mb() -> float:
    """Return the largest resident size of this process so far, in MB (10**6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def drawn(pipeline: Pipeline, job: Job, previewer: Previewer | None) -> Picture:
    """Draw one picture, with its previews if they are asked for, and encode it."""
    request, index = job
    for event in pipeline.draw(request, only=[index]):
        if isinstance(event, Picture):
            event.encoded()
            return event
        if previewer is not None:
            previewer.encoded(event.x0)
    raise AssertionError("no picture came")


class Together:
    """Each picture in a thread of its own, so many at a time."""

    def __init__(self, bundle: Bundle, at_once: int, rows: int, previews: bool) -> None:
        self.shared = Shared(bundle, rows=rows)
        self.pipeline = Pipeline(bundle, self.shared)
        self.previewer = Previewer(self.shared, bundle.manifest.latent) if previews else None
        self.at_once = at_once

    def __call__(self, jobs: Sequence[Job]) -> list[Picture]:
        """Draw all."""
        found: dict[int, Picture] = {}
        gate = threading.Semaphore(self.at_once)

        def work(number: int) -> None:
            with gate, self.shared.drawing():
                apart = self.pipeline.apart(from_files)
                found[number] = drawn(apart, jobs[number], self.previewer)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(len(jobs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [found[number] for number in range(len(jobs))]


def timed(draw: Callable[[Sequence[Job]], list[Picture]], jobs: Sequence[Job]) -> Spent:
    """Measure one way."""
    wall, cpu = time.perf_counter(), time.process_time()
    draw(jobs)
    return Spent(time.perf_counter() - wall, time.process_time() - cpu)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="sticker")
    parser.add_argument("--quality", default="normal", help="fast, normal or best")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=len(PROMPTS), help="pictures at a time")
    parser.add_argument("--rows", type=int, default=16, help="of a batch; 2 = none is put together")
    parser.add_argument("--previews", action="store_true", help="one for each step, both ways")
    options = parser.parse_args()

    bundle = Bundle.load(options.model)
    alone = Pipeline(bundle, open_parts(bundle))
    previewer = Previewer(alone.parts, bundle.manifest.latent) if options.previews else None

    def one_by_one(jobs: Sequence[Job]) -> list[Picture]:
        return [drawn(alone, job, previewer) for job in jobs]

    different = [
        (Request(prompt=prompt, seed=seed, quality=options.quality), 0)
        for seed, prompt in enumerate(PROMPTS)
    ]
    grid = Request(prompt=PROMPTS[0], seed=7, quality=options.quality, count=GRID)
    kinds = {"different": different, f"grid of {GRID}": [(grid, k) for k in range(GRID)]}
    expected = {name: one_by_one(jobs) for name, jobs in kinds.items()}
    print(f"peak memory one by one {peak_mb():.0f} MB")
    together = Together(bundle, options.at_once, options.rows, options.previews)
    for name, jobs in kinds.items():
        for one, other in zip(together(jobs), expected[name], strict=True):
            assert np.array_equal(one.image, other.image), f"{name}: not the same pixels"
        spent = [(timed(one_by_one, jobs), timed(together, jobs)) for _ in range(options.rounds)]
        for one, other in zip(together(jobs), expected[name], strict=True):
            assert np.array_equal(one.image, other.image), f"{name}: not the same pixels"
        before, after = zip(*spent, strict=True)
        ratios = sorted(a.wall / b.wall for a, b in spent)
        cpu = [statistics.median(one.cpu for one in way) for way in (before, after)]
        print(
            f"{options.quality}, {name}, {len(jobs)} pictures: "
            f"{statistics.median(ratios):.2f} times as fast ({ratios[0]:.2f} to {ratios[-1]:.2f})\n"
            f"  one by one {statistics.median(one.wall for one in before):.2f} s "
            f"(best {min(one.wall for one in before):.2f}), CPU {cpu[0]:.2f} s\n"
            f"  together {statistics.median(one.wall for one in after):.2f} s "
            f"(best {min(one.wall for one in after):.2f}), CPU {cpu[1]:.2f} s; all pixels equal"
        )
    print(f"peak memory with both {peak_mb():.0f} MB")


if __name__ == "__main__":
    main()
