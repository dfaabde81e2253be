"""How near a phrase is to every name: by its centre, its two nearest keys, and what was learned."""

from __future__ import annotations

import numpy as np
import pytest

from molnar.text.nearest import LEARNED, LOUD, WHOLE, Nearest

CENTRES = np.array([[100, 0, 0], [0, 100, 0]], np.int8)


def test_without_keys_nearness_is_the_cosine_with_the_centre() -> None:
    meant = np.array([3.0, 4.0, 0.0])
    assert Nearest(CENTRES).near(meant) == pytest.approx([0.6, 0.8])
    assert Nearest(CENTRES).rank(7 * meant) == pytest.approx([0.6, 0.8])  # length says nothing


def test_the_two_nearest_keys_of_a_name_count_and_the_others_do_not() -> None:
    keys = np.array([[0, 0, 9], [0, 0, 5], [-7, 0, 0], [0, 1, 0]], np.int8)
    near = Nearest(CENTRES, keys, (3, 1)).near(np.array([0.0, 0.0, 2.0]))
    assert near == pytest.approx([1 - WHOLE, 0.0])
    one = Nearest(CENTRES, keys, (3, 1)).near(np.array([0.0, 2.0, 0.0]))
    assert one == pytest.approx([0.0, 1.0])  # a name with a single key


def test_the_classifier_decides_between_names_that_are_as_near() -> None:
    weights, biases = np.array([[0, 0, 0], [0, 0, 2]], np.float16), np.array([0, 0.5], np.float16)
    places = Nearest(CENTRES, weights=weights, biases=biases)
    meant = np.array([1.0, 1.0, 1.0])
    assert places.near(meant)[0] == pytest.approx(places.near(meant)[1])
    gain = places.rank(meant)[1] - places.rank(meant)[0]
    assert gain == pytest.approx(LEARNED * (LOUD * 2 / 3**0.5 + 0.5), rel=1e-3)


@pytest.mark.parametrize(
    "parts",
    [
        {"keys": CENTRES, "counts": (2,)},
        {"keys": CENTRES, "counts": (2, 0)},
        {"keys": CENTRES, "counts": (2, 1)},
        {"weights": np.zeros((2, 3), np.float16)},
        {"weights": np.zeros((2, 2), np.float16), "biases": np.zeros(2, np.float16)},
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"keys|weights"):
        Nearest(CENTRES, **parts)  # type: ignore[arg-type]


def test_the_two_nearest_keys_count_of_every_name_at_once() -> None:
    """As if each name were looked at by itself; of equal cosines both count."""
    rng = np.random.default_rng(4)
    counts = (1, 2, 3, 1, 8, 2)
    keys = np.round(3 * rng.normal(size=(sum(counts), 2))).astype(np.int8) + np.int8(9)
    places = Nearest(np.ones((len(counts), 2), np.int8), keys, counts)
    meant = np.array([1.0, 0.4], np.float32)
    cosines = keys @ meant / np.linalg.norm(keys, axis=1) / np.linalg.norm(meant)
    ends = np.cumsum(counts)
    each = [cosines[end - size : end] for end, size in zip(ends, counts, strict=True)]
    two = [np.sort(own)[-2:].mean() for own in each]
    centre = meant.sum() / np.linalg.norm(meant) / np.sqrt(2)
    assert np.allclose(places.near(meant), WHOLE * centre + (1 - WHOLE) * np.array(two), atol=1e-5)
