"""Choosing: what is seen of a picture, and who comes last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molnar.base.errors import BundleError
from molnar.base.types import TextEmbedding
from molnar.bundle import Bundle
from molnar.choosing import rank, rated, sight

TEXT = TextEmbedding(np.zeros((1, 1, 4)), np.zeros((1, 4)), np.ones((1, 1), bool))


class Seeing:
    """Parts that keep what they are shown."""

    def rate(self, image: Any, text: TextEmbedding) -> Any:
        self.seen = image
        return np.array([0.25])


def halves() -> Any:
    """Black, white, white, black: upright stripes, 1 4 16 16."""
    image = np.full((1, 4, 16, 16), -1, np.float32)
    image[..., 4:12] = 1
    return image


@pytest.mark.parametrize(("size", "mean"), [((64, 64), 0.0), ((64, 32), 1.0), ((32, 64), 0.0)])
def test_what_will_be_cut_off_is_not_seen(size: tuple[int, int], mean: float) -> None:
    parts: Any = Seeing()
    assert rated(parts, 8, halves(), TEXT, size) == 0.25
    assert parts.seen.shape == (1, 4, 8, 8)
    assert parts.seen.mean() == pytest.approx(mean, abs=1e-6)


def test_who_cannot_be_rated_comes_last() -> None:
    assert sorted([0.1, None, float("nan"), -0.9, 0.7], key=rank)[2:] == [-0.9, 0.1, 0.7]


def test_a_clip_that_does_not_say_what_it_sees_is_refused(tiny: Path) -> None:
    bundle = Bundle.load(tiny)
    assert sight(bundle) == 16
    parts = dict(bundle.manifest.parts)
    parts["clip"] = replace(parts["clip"], config={"pooled_width": 16})
    broken = Bundle(bundle.folder, replace(bundle.manifest, parts=parts))
    with pytest.raises(BundleError, match="export it again"):
        sight(broken)
