"""Where pictures come from: one callable, (prompt, seed) -> picture, for models and controls."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.base.errors import DataError
from molnar.base.files import write_bytes
from molnar.base.images import open_picture
from molnar.base.request import Request
from molnar.base.rng import NUM_SEEDS
from molnar.pipeline import Pipeline

Pixels = NDArray[np.uint8]
Source = Callable[[str, int], Pixels]  # (prompt, seed) -> uint8 H W 3|4, straight alpha


class Drawn:
    """A pipeline as a source; remembers the seconds that each picture took.

    Every picture is drawn at the model's own steps, guidance and size: what a user gets who only
    types a prompt.
    """

    def __init__(self, pipeline: Pipeline, **fields: Any) -> None:
        """Wrap a pipeline.

        Args:
            pipeline: what draws.
            fields: fields of the request that differ from its defaults, e.g. ``steps=8``.
        """
        self.pipeline = pipeline
        self.fields = fields
        self.seconds: list[float] = []

    def __call__(self, prompt: str, seed: int) -> Pixels:
        """Draw one picture; where it is the best of several, of seeds that no other has."""
        first = seed * int(self.fields.get("best_of", 1)) % NUM_SEEDS
        (picture,) = self.pipeline(Request(prompt=prompt, seed=first, **self.fields))
        self.seconds.append(sum(picture.seconds.values()))
        return picture.image


class Kept:
    """A source whose pictures are kept in a folder, so that a stopped run goes on where it was.

    Args of the constructor: ``folder`` is made if absent; ``identity`` names what draws (a model's
    hash and settings): another identity never sees these files.
    """

    def __init__(self, source: Source, folder: Path, identity: str) -> None:
        """Keep the pictures of ``source`` under ``folder``."""
        self.source = source
        self.folder = folder / hashlib.sha256(identity.encode()).hexdigest()[:16]

    def __call__(self, prompt: str, seed: int) -> Pixels:
        """Read the picture if it was drawn before, else draw and keep it."""
        name = hashlib.sha256(prompt.encode()).hexdigest()[:16]
        path = self.folder / f"{name}-{seed}.png"
        if path.is_file():
            try:
                return np.asarray(open_picture(path), np.uint8)
            except DataError:
                path.unlink()  # half a file from a full disk: drawn again
        image = self.source(prompt, seed)
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG", compress_level=1)
        write_bytes(path, buffer.getvalue(), force=True)
        return image
