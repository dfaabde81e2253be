"""Pictures become squares of one size; broken ones are passed over, and said."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from molnar.base.errors import DataError
from molnar.lab.data.folder import open_data
from molnar.lab.data.pictures import Pictures, Row, square


def test_a_picture_that_breaks_late_is_listed_once_and_replaced(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text(name)
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[:2000])
    data = open_data(tmp_path)
    assert [data.sample(index).caption for index in (0, 1, 0)] == ["b", "b", "b"]
    assert [Path(problem.path).name for problem in data.problems] == ["a.png"]


def test_captions_far_too_long_and_reads_that_fail_are_listed() -> None:
    def fails() -> bytes:
        raise OSError("gone")

    pictures = Pictures([Row("a", "x" * 10_001, fails), Row("b", "fine", fails)], [])
    assert len(pictures) == 0
    assert [problem.path for problem in pictures.problems] == ["a", "b"]
    assert "10,000" in pictures.problems[0].reason
    with pytest.raises(DataError, match="none of 0"):
        pictures.sample(0)


def test_square_crops_the_middle_and_keeps_hidden_colour_hidden() -> None:
    image = Image.new("RGBA", (80, 40), (255, 0, 0, 0))
    image.paste((0, 255, 0, 255), (30, 0, 50, 40))
    pixels = square(image, 20)
    assert (pixels[..., :3] <= pixels[..., 3:]).all()
    assert pixels[..., 0].max() <= 2  # the red of transparent pixels must not leak into edges
    assert tuple(pixels[10, 10]) == (0, 255, 0, 255)
    assert tuple(pixels[10, 0]) == (0, 0, 0, 0)
