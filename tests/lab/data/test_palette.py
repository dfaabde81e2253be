"""Names and colours agree in both directions."""

import numpy as np
import pytest

from molnar.lab.data.palette import (
    COLOURS,
    PALETTE,
    contrasts,
    lab,
    name_of,
    nearest_index,
    stands_out,
    variants,
)


@pytest.mark.parametrize("name", COLOURS)
def test_every_variant_keeps_its_name(name: str) -> None:
    drawn = variants(name)
    assert len(set(drawn)) > 20
    assert {name_of(rgb) for rgb in drawn} == {name}
    assert (nearest_index(np.array(drawn)) == COLOURS.index(name)).all()


def test_lab_of_known_colours() -> None:
    values = lab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]]))
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]]
    np.testing.assert_allclose(values, expected, atol=0.1)


def test_colours_lie_far_apart() -> None:
    points = lab(np.array(list(PALETTE.values())))
    gaps = np.linalg.norm(points[:, None] - points[None], axis=-1)
    assert gaps[np.triu_indices(len(points), 1)].min() > 30


def test_contrast_is_symmetric_and_nothing_contrasts_with_itself() -> None:
    for first in COLOURS:
        assert not contrasts(first, first)
        assert not stands_out(PALETTE[first], first)
        for second in COLOURS:
            assert contrasts(first, second) == contrasts(second, first)
            assert contrasts(first, second) == stands_out(PALETTE[first], second)
    assert contrasts("red", "white")
    assert not contrasts("blue", "purple")
