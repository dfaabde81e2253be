from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from molnar.base.errors import BundleError, DataError
from molnar.bundle import Bundle
from molnar.explain.sources import sources

Drawn = dict[tuple[str, str], Any]


@pytest.mark.parametrize(("suffix", "side"), [(".png", 64), (".webp", 400), (".jpg", 700)])
def test_a_drawing_is_found_in_any_kind_of_picture(
    drawn: Drawn, listed: Path, tmp_path: Path, suffix: str, side: int
) -> None:
    path = tmp_path / f"roof{suffix}"
    image = Image.fromarray(drawn["roof", "green"]).resize((side, side))
    if suffix == ".jpg":
        white = Image.new("RGB", image.size, "white")
        white.paste(image, (0, 0), image)
        image = white
    image.save(path)
    found = sources(Bundle.load(listed), path, 3)
    assert (found.nearest[0].name, found.nearest[0].style) == ("roof", "green")
    assert found.nearest[0].likeness > 0.95
    assert len(found.nearest) == 3
    assert (found.model, found.drawings, found.copied) == ("listed", 16, found.ratio < 1 / 3)
    assert sources(Bundle.load(listed), path.read_bytes(), 3) == found


def test_transparency_is_laid_on_white(drawn: Drawn, listed: Path, tmp_path: Path) -> None:
    hidden = drawn["cross", "red"].copy()
    hidden[hidden[..., 3] == 0, :3] = (0, 255, 0)  # a colour that nobody sees
    answers = []
    for name, pixels in {"a": drawn["cross", "red"], "b": hidden}.items():
        Image.fromarray(np.kron(pixels, np.ones((8, 8, 1), np.uint8))).save(
            tmp_path / f"{name}.png"
        )
        answers.append(sources(Bundle.load(listed), tmp_path / f"{name}.png"))
    assert answers[0] == answers[1]
    assert answers[0].nearest[0].name == "cross"


def test_a_plain_picture_is_no_copy(listed: Path, tmp_path: Path) -> None:
    Image.new("L", (1, 90), 255).save(tmp_path / "white.png")
    assert not sources(Bundle.load(listed), tmp_path / "white.png").copied


def test_a_picture_must_be_one(listed: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(DataError, match="not a readable PNG"):
        sources(Bundle.load(listed), tmp_path / "text.png")


def test_a_model_must_list_its_drawings(listed: Path, tmp_path: Path) -> None:
    bundle = Bundle.load(listed)
    bundle.manifest = replace(bundle.manifest, sources=None)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(BundleError, match="'listed' lists no drawings"):
        sources(bundle, tmp_path / "a.png")
