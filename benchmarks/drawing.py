"""A loaded model draws picture after picture: median seconds, seconds per stage, peak memory.

python benchmarks/drawing.py [--pictures 10] [--steps N] [--quality Q] [--size 512] [--engine E]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time

import molnar


def peak_mb() -> float:
    """Return the largest resident size of this process so far, in MB (10**6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--quality", default="normal", help="fast, normal or best")
    parser.add_argument("--size", type=int, default=512, help="height and width in pixels")
    parser.add_argument("--model", default="sticker")
    parser.add_argument("--engine", default="onnx")
    options = parser.parse_args()

    start = time.perf_counter()
    pipeline = molnar.load(options.model, engine=options.engine)
    print(f"load {time.perf_counter() - start:.2f} s")

    durations, stages = [], []
    for seed in range(options.pictures + 1):
        request = molnar.Request(
            prompt="a red circle on a blue background",
            height=options.size,
            width=options.size,
            steps=options.steps,
            quality=options.quality,
            seed=seed,
        )
        start = time.perf_counter()
        picture = pipeline(request)[0]
        if seed:  # the first call warms the engine up
            durations.append(time.perf_counter() - start)
            stages.append(picture.seconds)

    print(
        f"draw {statistics.median(durations):.2f} s (median of {len(durations)}; "
        f"{min(durations):.2f} to {max(durations):.2f}), {options.size}x{options.size}, "
        f"{picture.request.steps} steps, guidance {picture.request.guidance}"
    )
    for stage in stages[0]:
        print(f"  {stage} {1e3 * statistics.median(row[stage] for row in stages):.0f} ms")
    print(f"peak memory {peak_mb():.0f} MB")


if __name__ == "__main__":
    main()
