"""Distances: right sign, right size, same in numpy and torch."""

import numpy as np
import pytest
import torch

from molnar.lab.data.shapes import INSIDE, MARKS, SHAPES

#: Area of each shape in the box [-1, 1] squared, by geometry.
AREAS = {
    "circle": np.pi,
    "square": 1.8**2,
    "triangle": np.sqrt(3.0),
    "hexagon": 1.5 * np.sqrt(3.0),
    "diamond": 2 * 0.75,
    "ring": np.pi * (1 - 0.56**2),
    "cross": 2 * 1.92 * 0.62 - 0.62**2,
}


def grid(side: int = 200) -> tuple[np.ndarray, np.ndarray]:
    axis = (np.arange(side) + 0.5) / side * 3.0 - 1.5
    return np.meshgrid(axis, axis)


@pytest.mark.parametrize("name", AREAS)
def test_area(name: str) -> None:
    x, y = grid(400)
    area = (SHAPES[name](x, y) < 0).sum() * (3.0 / 400) ** 2
    assert area == pytest.approx(AREAS[name], rel=0.01)


@pytest.mark.parametrize("name", SHAPES)
def test_fits_its_box_and_fills_most_of_it(name: str) -> None:
    x, y = grid()
    inside = SHAPES[name](x, y) < 0
    assert np.abs(x[inside]).max() <= 1.0
    assert np.abs(y[inside]).max() <= 1.0
    assert np.abs(y[inside]).max() > 0.8


@pytest.mark.parametrize("name", SHAPES)
def test_distance_never_grows_faster_than_the_step(name: str) -> None:
    x, y = grid()
    step = 3.0 / 200
    distance = SHAPES[name](x, y)
    assert np.abs(np.diff(distance, axis=0)).max() <= step * 1.001
    assert np.abs(np.diff(distance, axis=1)).max() <= step * 1.001


@pytest.mark.parametrize("name", SHAPES)
def test_left_right_symmetry(name: str) -> None:
    x, y = grid()
    same = np.allclose(SHAPES[name](x, y), SHAPES[name](-x, y))
    assert same == (name != "crescent")


def test_up_is_up() -> None:
    def inside(name: str, x: float, y: float) -> bool:
        return bool(SHAPES[name](np.array([x]), np.array([y]))[0] < 0)

    assert not inside("triangle", 0.8, -0.7)
    assert inside("triangle", 0.8, 0.8)
    assert inside("heart", 0.5, -0.6)
    assert not inside("heart", 0.5, 0.6)
    assert inside("star", 0.0, -0.8)
    assert not inside("star", 0.0, 0.8)
    assert inside("crescent", -0.8, 0.0)
    assert not inside("crescent", 0.5, 0.0)
    assert not inside("ring", 0.0, 0.0)


@pytest.mark.parametrize("name", [*SHAPES, *MARKS])
def test_torch_agrees_with_numpy(name: str) -> None:
    x, y = grid(64)
    extra = () if name in SHAPES else (0.2,)
    function = (SHAPES | MARKS)[name]
    expected = function(x, y, *extra)
    got = function(torch.from_numpy(x), torch.from_numpy(y), *extra)
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("name", INSIDE)
def test_the_room_inside_lies_inside(name: str) -> None:
    x, y, size = INSIDE[name]
    half = size  # in the units of the shape's box, whose side is 2
    for dx in (-half, half):
        for dy in (-half, half):
            point = np.array([x + dx]), np.array([y + dy])
            assert SHAPES[name](*point)[0] < 0.02
