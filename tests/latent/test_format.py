"""What a latent is, without any network."""

import numpy as np
import pytest

from molnar.base.errors import ConfigError
from molnar.latent.format import LatentFormat


def test_preview_is_the_matrix() -> None:
    rows = tuple((*(1.0 if c == r else 0.0 for c in range(4)), 0.25) for r in range(4))
    latent = np.zeros((1, 4, 2, 2), np.float32)
    latent[0, 1] = 0.5
    preview = LatentFormat(channels=4, preview=rows).preview_of(latent)
    assert preview[0, :, 0, 0].tolist() == [0.25, 0.75, 0.25, 0.25]


def test_preview_must_fit_the_channels() -> None:
    with pytest.raises(ConfigError, match=r"preview.*channels is 8"):
        LatentFormat(channels=8, preview=((0.0,) * 5,) * 4)
    with pytest.raises(ConfigError, match="no preview"):
        LatentFormat(channels=4).preview_of(np.zeros((1, 4, 2, 2)))


def test_sizes_keep_the_area_and_divide_by_a_cell() -> None:
    form = LatentFormat(channels=16)
    assert form.size_of(1.0, 128**2) == (128, 128)
    for ratio in (16 / 9, 3 / 2, 2 / 3, 9 / 16):
        height, width = form.size_of(ratio, 128**2)
        assert height % 32 == width % 32 == 0
        assert 0.8 < height * width / 128**2 < 1.25
        assert (height < width) == (ratio > 1)
    assert form.size_of(100.0, 64.0) == (32, 64)  # never less than one cell
