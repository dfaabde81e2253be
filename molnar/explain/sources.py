"""A picture and a model in, the training drawings it looks most like out, with their licences.

Likeness is one of colour, silhouette and edges of the object in the middle. It shows whom a picture
may owe something to; it proves neither that a drawing was copied nor that none was: in a scene, or
beside another thing, even a copy looks like nothing in the list.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from PIL import Image

from molnar.base.drawings import Drawings, Match
from molnar.base.errors import BundleError
from molnar.base.images import open_picture
from molnar.base.likeness import COPY, Pixels
from molnar.bundle import Bundle

LARGEST_PX = 256  # longest side that is looked at: the descriptor reads 32 x 32 of an object


@dataclass(frozen=True)
class Sources:
    """The drawings nearest to a picture, best first, of `drawings` in all.

    ``ratio`` is the distance to the first over that to the second, 0..1.
    """

    model: str
    drawings: int
    nearest: tuple[Match, ...]
    ratio: float

    @property
    def copied(self) -> bool:
        """Whether the first drawing is so much nearer than the second that it is repeated."""
        return self.ratio < COPY


def drawings_of(bundle: Bundle) -> Drawings:
    """Read the list of the drawings that a model learned from.

    Raises:
        BundleError: The model has none.
        WeightsError: The list cannot be read.
    """
    manifest = bundle.manifest
    if manifest.sources is None:
        raise BundleError(
            f"model {manifest.name!r} lists no drawings that it was trained on; "
            "expected a model made with `molnar data sources`: choose another with -m"
        )
    return Drawings.load(bundle.path(manifest.sources))


def sources(bundle: Bundle, picture: str | os.PathLike[str] | bytes, num: int = 5) -> Sources:
    """Find the training drawings that a picture looks most like.

    Args:
        bundle: The model whose drawings are searched.
        picture: A PNG, JPEG or WebP: a file, or its bytes. Transparency is laid on white.
        num: How many drawings, at least 1.

    Raises:
        DataError: The picture is missing, too large, of another kind, or broken.
        BundleError: The model lists no drawings.
        WeightsError: Its list cannot be read.
    """
    image = _pixels(open_picture(picture))
    known = drawings_of(bundle)
    nearest, ratio = known.nearest(image, num)
    return Sources(bundle.manifest.name, len(known), nearest, ratio)


def _pixels(image: Image.Image) -> Pixels:
    """Turn a picture into uint8 H W 3|4, straight alpha, its longest side at most `LARGEST_PX`."""
    mode = image.mode
    if max(image.size) > LARGEST_PX:
        # In mode RGBa Pillow weighs by alpha: the colour of clear pixels must not bleed in.
        small = image.convert("RGBa") if mode == "RGBA" else image
        scale = LARGEST_PX / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = small.resize(size, Image.Resampling.BOX).convert(mode)
    return np.asarray(image, np.uint8)
