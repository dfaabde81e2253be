from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from molnar.base.types import Step


def test_a_step_cannot_be_changed():
    step = Step(index=0, of=1, t=0.5, x=None, x0=None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        step.t = 0.1


def test_the_ground_and_the_samplers_need_no_torch():
    code = (
        "import sys; from molnar.base import arrays, config, errors, files, images, limits;"
        "from molnar.base import metadata, request, rng, tiling, types, weights, words;"
        "from molnar.diffusion import flow, guidance, samplers, schedule;"
        "sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
