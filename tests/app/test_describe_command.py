"""`molnar describe`: prompts on stdout, one a line, or JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from molnar.app import parents
from molnar.app.cli.describe import describe
from molnar.base.images import open_picture
from molnar.verbs import Parent


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    file = tmp_path / "a.png"
    pixels = np.full((64, 64, 3), 255, np.uint8)
    pixels[20:44, 20:44] = (218, 34, 40)
    Image.fromarray(pixels).save(file)
    monkeypatch.setattr(parents, "find", lambda text: Parent(pixels=np.asarray(open_picture(text))))
    return str(file)


def test_one_prompt_a_line(tiny: Path, picture: str) -> None:
    done = CliRunner().invoke(describe, [picture, "-n", "2", "-m", str(tiny), "-t", "1"])
    assert done.exit_code == 0, done.output
    assert len(done.stdout.splitlines()) == 2


def test_json_says_how_well_each_fits(tiny: Path, picture: str) -> None:
    done = CliRunner().invoke(describe, [picture, "-m", str(tiny), "-t", "1", "--json"])
    assert done.exit_code == 0, done.output
    assert all(set(one) == {"prompt", "fit"} for one in json.loads(done.stdout))
