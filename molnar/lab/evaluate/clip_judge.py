"""A trained CLIP's folder in, a measuring eye out: pictures -> unit vectors.

It must be trained apart from the model that it measures (another seed, another half of the
drawings); this file cannot know.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from molnar.base.config import from_json
from molnar.base.errors import MissingExtraError, WeightsError
from molnar.base.images import premultiply, to_model
from molnar.base.weights import load
from molnar.lab.evaluate.sources import Pixels
from molnar.lab.evaluate.stickers import Describe, Vectors


def clip_describer(folder: Path) -> Describe:
    """Open ``folder`` (model.json and model.safetensors, as ``molnar train clip`` leaves them).

    Raises:
        WeightsError: the folder holds no CLIP.
        MissingExtraError: PyTorch is not installed.
    """
    try:
        import torch

        from molnar.clip.model import CLIP, CLIPConfig
    except ImportError as error:
        raise MissingExtraError("torch", "train") from error
    try:
        described = json.loads((folder / "model.json").read_bytes())
        config = from_json(CLIPConfig, described["config"])
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{folder}: no CLIP there ({error}); expected model.json of `molnar train clip`"
        ) from error
    model = CLIP(config).eval()
    state = {
        k: torch.from_numpy(np.array(v)) for k, v in load(folder / "model.safetensors").items()
    }
    model.load_state_dict(state)

    def describe(images: Sequence[Pixels]) -> Vectors:
        side = config.vision.image_size
        batch = np.stack([to_model(_fitted(image, side)[None])[0] for image in images])
        with torch.no_grad():
            return model.image_features(torch.from_numpy(batch)).numpy()

    return describe


def _fitted(image: Pixels, side: int) -> Pixels:
    """Bring a picture to premultiplied uint8 ``side side 4``."""
    from PIL import Image

    resized = Image.fromarray(image).convert("RGBA").resize((side, side), Image.Resampling.BOX)
    return premultiply(np.asarray(resized, np.uint8))
