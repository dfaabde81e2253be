"""What a training run asks of the process around it."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import sys
import numpy as np
from molnar.lab.train.process import keep_freed_memory

if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit(3)
import resource
np.ones(2**24)  # 128 MiB, used and freed
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    np.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=False
    )
    if done.returncode == 3:
        pytest.skip("not glibc: keep_freed_memory says so and changes nothing")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.long
def test_memory_freed_in_one_step_is_there_for_the_next() -> None:
    assert faults("kept") * 20 < faults("default"), "no fresh pages after the first step"
