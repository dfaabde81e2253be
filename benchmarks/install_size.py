"""What `pip install .` downloads on this Python and platform: wheels in MB, ours among them.

    python benchmarks/install_size.py [--limit 150]

Exits 1 above the limit. Needs a package index, as an install does.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Measure and print; 1 MB is 10**6 bytes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=float, default=150.0, help="MB")
    parser.add_argument("--top", type=int, default=8, help="wheels listed by name")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-cache-dir"]
        subprocess.run([*command, "--wheel-dir", folder, str(ROOT)], check=True)
        wheels = {path.name: path.stat().st_size / 1e6 for path in Path(folder).iterdir()}

    total = sum(wheels.values())
    for name, size in sorted(wheels.items(), key=lambda item: -item[1])[: options.top]:
        print(f"{size:7.1f} MB  {name}")
    print(f"{total:7.1f} MB  in all, {len(wheels)} wheels (limit {options.limit:g} MB)")
    sys.exit(total > options.limit)


if __name__ == "__main__":
    main()
