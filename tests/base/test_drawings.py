from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from molnar.base import weights
from molnar.base.drawings import FILE, Drawings, Origin
from molnar.base.errors import WeightsError
from molnar.base.likeness import describe_by_rule

Drawn = dict[tuple[str, str], Any]
HERE = Origin("Shapes (the tests)", "CC0-1.0", ("https://spdx.org/licenses/CC0-1.0.html",))


@pytest.fixture(scope="module")
def drawings(drawn: Drawn) -> Drawings:
    origins = {style: HERE for _, style in drawn} | {"unused": HERE}
    return Drawings.of(list(drawn), describe_by_rule(list(drawn.values())), origins)


def moved(image: Any, seed: int) -> Any:
    """Put a drawing on white, moved, scaled and softened: uint8 128 128 3."""
    rng = np.random.default_rng(seed)
    side = int(rng.integers(76, 116))
    left, top = (int(rng.integers(4, 128 - side - 3)) for _ in range(2))
    canvas = Image.new("RGB", (128, 128), "white")
    drawing = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
    canvas.paste(drawing, (left, top), drawing)
    return np.asarray(canvas.filter(ImageFilter.GaussianBlur(0.8)))


def test_a_drawing_is_nearest_to_itself(drawn: Drawn, drawings: Drawings) -> None:
    for key, image in drawn.items():
        [first, *rest], ratio = drawings.nearest(image)
        assert (first.name, first.style) == key
        assert first.likeness > 0.99
        assert first.origin == HERE
        assert ratio < 1 / 3
        assert len(rest) == 4
        assert [one.likeness for one in rest] == sorted(one.likeness for one in rest)[::-1]


def test_moved_scaled_and_blurred_it_still_is(drawn: Drawn, drawings: Drawings) -> None:
    for seed, (key, image) in enumerate(drawn.items()):
        [first], _ = drawings.nearest(moved(image, seed), 1)
        assert (first.name, first.style) == key


def test_a_drawing_on_a_coloured_ground_is_found(drawn: Drawn, drawings: Drawings) -> None:
    for key, image in drawn.items():
        alpha = image[..., 3:] / 255
        flat = (image[..., :3] * alpha + np.array((120, 190, 240)) * (1 - alpha)).astype(np.uint8)
        [first], ratio = drawings.nearest(np.pad(flat, ((20, 20), (5, 35), (0, 0)), "edge"), 1)
        assert (first.name, first.style) == key
        assert ratio < 1 / 3


def test_a_new_picture_is_no_copy(drawn: Drawn, drawings: Drawings) -> None:
    halves = [drawn["disc", "red"][:32], drawn["roof", "blue"][32:]]
    _, ratio = drawings.nearest(np.concatenate(halves))
    assert 1 / 3 < ratio <= 1


def test_a_file_gives_back_what_was_written(
    drawn: Drawn, drawings: Drawings, tmp_path: Path
) -> None:
    drawings.save(tmp_path / FILE)
    read = Drawings.load(tmp_path / FILE)
    assert len(read) == len(drawn) == 16
    assert read.keys == drawings.keys
    assert read.origins == drawings.origins
    assert "unused" not in read.origins
    for key in drawn:
        before, ratio = drawings.nearest(drawn[key])
        after, again = read.nearest(drawn[key])
        assert before[0].name == after[0].name
        assert [m.likeness for m in before] == pytest.approx([m.likeness for m in after], abs=0.01)
        assert ratio == pytest.approx(again, abs=0.1)


def test_a_thousand_drawings_take_little(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    keys = [(f"a thing of some name {k}", "fluent-high-contrast") for k in range(400)]
    vectors = rng.normal(size=(400, 1648)).astype(np.float32)
    Drawings.of(keys, vectors, {"fluent-high-contrast": HERE}).save(tmp_path / FILE)
    fixed, each = 192 * (1648 + 4 + 4) + 4 * 1648 + 2_000, 192 + 80
    assert (tmp_path / FILE).stat().st_size < fixed + 400 * each
    assert fixed + 1_155 * each < 700_000


def test_vectors_of_another_version_are_refused(drawings: Drawings, tmp_path: Path) -> None:
    path = tmp_path / FILE
    drawings.save(path)
    tensors, [(key, text)] = weights.load(path), weights.read_metadata(path).items()
    weights.save(path, tensors, {key: text.replace('"descriptor":1', '"descriptor":9')})
    with pytest.raises(WeightsError, match="version 9, expected 1"):
        Drawings.load(path)


@pytest.mark.parametrize("notes", ["", "{}", "[1]", '{"descriptor":1,"drawings":[],"origins":{}}'])
def test_a_file_that_is_no_list_is_refused(notes: str, tmp_path: Path) -> None:
    one = np.zeros((1, 1), np.float32)
    weights.save(tmp_path / FILE, {"vectors": one, "axes": one, "mean": one[0]}, {"sources": notes})
    with pytest.raises(WeightsError, match="not a list of drawings") as caught:
        Drawings.load(tmp_path / FILE)
    assert "\n" not in str(caught.value)


def test_a_style_needs_an_origin(drawn: Drawn) -> None:
    vectors = describe_by_rule(list(drawn.values()))
    with pytest.raises(ValueError, match="'blue' has no origin"):
        Drawings.of(list(drawn), vectors, {})


@pytest.mark.parametrize("count", [8, 40])
def test_few_drawings_or_many_the_axes_hold_what_there_is(count: int) -> None:
    wide = np.random.default_rng(count).normal(size=(count, 16)).astype(np.float32)
    keys = [(str(row), "plain") for row in range(count)]
    tensors = Drawings.of(keys, wide, {"plain": HERE})._tensors
    back = tensors["axes"].T @ tensors["vectors"] + tensors["mean"][:, None]
    np.testing.assert_allclose(back.T, wide, atol=1e-4)
    assert len(tensors["axes"]) == min(count - 1, 16)
