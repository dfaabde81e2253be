import pytest
import torch

from molnar.base.errors import ConfigError
from molnar.clip.model import CLIP, CLIPConfig
from molnar.clip.objective import pair_loss, retrieved
from molnar.clip.vision import VisionConfig

VISION = VisionConfig(image_size=16, channels=(8, 16), width=24)


def tiny() -> CLIP:
    torch.manual_seed(0)
    return CLIP(CLIPConfig(vision=VISION, pooled_width=24, width=24))


def test_features_are_unit_vectors() -> None:
    clip = tiny()
    image = clip.image_features(torch.rand(3, 4, 16, 16))
    text = clip.text_features(torch.randn(5, 24))
    torch.testing.assert_close(image.norm(dim=-1), torch.ones(3))
    torch.testing.assert_close(text.norm(dim=-1), torch.ones(5))
    assert clip.similarity(image, text).shape == (3, 5)
    assert clip.similarity(image, image).diagonal().allclose(torch.ones(3))


def test_the_text_projection_starts_by_keeping_distances() -> None:
    pooled = torch.nn.functional.normalize(torch.randn(6, 24), dim=-1)
    text = tiny().text_features(pooled)
    torch.testing.assert_close(text @ text.T, pooled @ pooled.T, atol=1e-5, rtol=0)


def test_logits_are_scaled_and_shifted_cosines() -> None:
    clip, image, pooled = tiny(), torch.rand(2, 4, 16, 16), torch.randn(3, 24)
    cosines = clip.similarity(clip.image_features(image), clip.text_features(pooled))
    torch.testing.assert_close(clip(image, pooled), 10.0 * cosines - 2.7)


def test_gradients_reach_every_parameter() -> None:
    clip = tiny()
    with torch.no_grad():
        for parameter in clip.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    positives = torch.eye(4, dtype=torch.bool)
    pair_loss(clip(torch.rand(4, 4, 16, 16), torch.randn(4, 24)), positives).backward()
    idle = [name for name, p in clip.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_one_batch_is_overfitted() -> None:
    clip = tiny()
    images, pooled = torch.rand(6, 4, 16, 16) * 2 - 1, torch.randn(6, 24)
    positives = torch.eye(6, dtype=torch.bool)
    optimizer = torch.optim.Adam(clip.parameters(), lr=1e-2)
    for _ in range(30):
        logits = clip(images, pooled)
        loss = pair_loss(logits, positives)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert retrieved(logits.detach(), positives) == 1.0
    assert loss.item() < 0.3


def test_towers_that_do_not_meet_are_named() -> None:
    with pytest.raises(ConfigError, match=r"vision.width 24.*width 32"):
        CLIPConfig(vision=VISION, width=32)
    with pytest.raises(ConfigError, match="scale is 0"):
        CLIPConfig(scale=0)
