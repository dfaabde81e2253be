"""One shell command from nothing to a PNG: median seconds of `molnar "..."` in fresh processes.

python benchmarks/cold_start.py [--runs 10] [-- extra options of molnar]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROMPT = "a red circle on a blue background"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("extra", nargs="*", help="options passed on to molnar, after --")
    options = parser.parse_args()

    command = [str(Path(sys.executable).with_name("molnar")), PROMPT, *options.extra]
    durations = []
    home = tempfile.TemporaryDirectory()  # a history of its own, not the user's
    env = {**os.environ, "MOLNAR_HOME": home.name}
    for seed in range(options.runs):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            subprocess.run(
                [*command, "--seed", str(seed)],
                cwd=folder, env=env, check=True, capture_output=True,
            )  # fmt: skip
            durations.append(time.perf_counter() - start)
            drawn = list(Path(folder).glob("*.png"))
            if len(drawn) != 1:
                sys.exit(f"expected one PNG in the current folder, got {len(drawn)}: {command}")
    home.cleanup()
    print(
        f"cold {statistics.median(durations):.2f} s (median of {len(durations)}; "
        f"{min(durations):.2f} to {max(durations):.2f})"
    )


if __name__ == "__main__":
    main()
