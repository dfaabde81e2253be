import pytest
import torch

from molnar.base.errors import ConfigError
from molnar.clip.vision import Vision, VisionConfig, on_white, shrink

TINY = VisionConfig(image_size=16, channels=(8, 16), width=12)


@pytest.mark.parametrize("side", [16, 64, 100, 8])
def test_pictures_of_any_size_become_one_vector(side: int) -> None:
    assert Vision(TINY)(torch.rand(2, 4, side, side)).shape == (2, 12)


def test_nothing_is_white_and_paint_stays() -> None:
    nothing, red = torch.full((4,), -1.0), torch.tensor([1.0, -1.0, -1.0, 1.0])
    half = torch.tensor([0.0, -1.0, -1.0, 0.0])  # red at alpha 1/2, premultiplied
    image = torch.stack([nothing, red, half])[:, :, None, None]
    wanted = [[1, 1, 1], [1, -1, -1], [1, 0, 0]]
    assert on_white(image)[:, :, 0, 0].tolist() == wanted


def test_shrinking_averages_areas() -> None:
    image = torch.zeros(1, 1, 4, 4)
    image[0, 0, 0, 0] = 4.0
    assert shrink(image, 2)[0, 0].tolist() == [[1, 0], [0, 0]]
    assert shrink(image, 4) is image


def test_places_are_seen() -> None:
    torch.manual_seed(0)
    image = torch.full((1, 4, 16, 16), -1.0)
    image[:, [0, 3], 4:8, 0:4] = 1.0
    vision = Vision(TINY)
    assert (vision(image) - vision(image.flip(-1))).abs().max() > 1e-2


def test_a_size_that_cannot_be_halved_is_named() -> None:
    with pytest.raises(ConfigError, match=r"image_size 60.*channels \(8, 8, 8\)"):
        VisionConfig(image_size=60, channels=(8, 8, 8))
    with pytest.raises(ConfigError, match="channels"):
        VisionConfig(channels=())
