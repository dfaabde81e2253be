"""A history of 10,000 jobs: median milliseconds to open it, to add a job, to search.

python benchmarks/history.py [--jobs 10000] [--runs 20]
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from molnar.app.jobs import NewPicture, Store
from molnar.base.request import Picture, Request

WORDS = [
    "red",
    "blue",
    "green",
    "fox",
    "dog",
    "cat",
    "house",
    "moon",
    "star",
    "robot",
    "beret",
    "beach",
    "forest",
    "snow",
    "circle",
]


def timed(what: str, run: Callable[[int], object], runs: int) -> None:
    """Run something and print its median."""
    durations = []
    for k in range(runs):
        start = time.perf_counter()
        run(k)
        durations.append(1e3 * (time.perf_counter() - start))
    print(
        f"{what} {statistics.median(durations):.1f} ms (median of {runs}; "
        f"{min(durations):.1f} to {max(durations):.1f})"
    )


def filled(store: Store, jobs: int) -> None:
    """Add jobs with one picture each, in one transaction and without files, which is quick."""
    rng = random.Random(0)
    prompts = [" ".join(rng.choices(WORDS, k=8)) for _ in range(jobs)]
    with store.database.writing() as connection:
        connection.executemany(
            "INSERT INTO jobs (serial, verb, state, prompt, request, extra, created, version, "
            "model, model_hash) VALUES (?, 'make', 'done', ?, '{\"steps\": 8}', '{}', "
            "'2026-01-01T00:00:00.000000+00:00', '0', 'tiny', '')",
            list(enumerate(prompts, 1)),
        )
        connection.executemany(
            "INSERT INTO pictures (job, number, seed, file, bytes, sha256, width, height, "
            "favourite, record) VALUES (?, 1, 0, 'pictures/none.png', 1, '', 512, 512, ?, '{}')",
            [(serial, serial % 50 == 0) for serial in range(1, jobs + 1)],
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()

    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 4), np.uint8)
    image = np.kron(noise, np.ones((4, 4, 1), np.uint8))
    picture = Picture(image=image, request=Request(prompt="a fox", seed=7), seed=7)
    new = NewPicture.of(picture)
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        with Store.open(where) as store:
            filled(store, options.jobs)
        timed("open", lambda _: Store.open(where).close(), options.runs)
        with Store.open(where) as store:

            def add(k: int) -> None:
                job = store.begin("make", {"seed": k}, f"a fox number {k}")
                store.finish(job.id, [new])

            timed(f"add a job, one picture of {len(new.png) / 1e3:.0f} kB", add, options.runs)
            timed("search, the first one, which indexes", lambda _: store.search("fox"), 1)
            timed("search 'fox'", lambda _: store.search("fox"), options.runs)
            timed("search 'fo be'", lambda _: store.search("fo be"), options.runs)
            timed("search, nothing found", lambda _: store.search("zebra"), options.runs)
            timed("count 'fox'", lambda _: store.count("fox"), options.runs)
            timed("newest 20", lambda _: store.search(), options.runs)
            timed("favourites", lambda _: store.search(favourites=True), options.runs)
            last = options.jobs - 20
            timed("last page", lambda _: store.search(offset=last), options.runs)
            timed("find a picture", lambda _: store.find("b7.1"), options.runs)


if __name__ == "__main__":
    main()
