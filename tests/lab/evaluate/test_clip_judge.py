"""A CLIP as the judge of likeness: opened from what training leaves behind."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from molnar.base.errors import WeightsError
from molnar.base.weights import save
from molnar.lab.evaluate.clip_judge import clip_describer

torch = pytest.importorskip("torch")


@pytest.fixture
def folder(tmp_path):
    from molnar.clip.model import CLIP, CLIPConfig
    from molnar.clip.vision import VisionConfig

    config = CLIPConfig(
        vision=VisionConfig(image_size=16, channels=(8, 8), width=12), width=12, pooled_width=8
    )
    torch.manual_seed(0)
    state = {key: value.detach().numpy() for key, value in CLIP(config).state_dict().items()}
    save(tmp_path / "model.safetensors", state)
    (tmp_path / "model.json").write_text(json.dumps({"kind": "clip", "config": asdict(config)}))
    return tmp_path


def test_pictures_of_any_size_become_unit_vectors(folder):
    rng = np.random.default_rng(0)
    pictures = [
        rng.integers(0, 256, shape).astype(np.uint8) for shape in [(32, 32, 3), (20, 20, 4)]
    ]
    vectors = clip_describer(folder)(pictures)
    assert vectors.shape == (2, 12)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert abs(vectors[0] - vectors[1]).max() > 1e-4
    assert clip_describer(folder)(pictures[:1])[0] == pytest.approx(vectors[0], abs=1e-5)


def test_a_folder_without_a_clip_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="no CLIP there"):
        clip_describer(tmp_path)
