"""A wished size in, what the model draws for it out: its shape, and how often it is enlarged."""

from __future__ import annotations

import math
from dataclasses import dataclass

from molnar.base.request import Request
from molnar.bundle import Manifest
from molnar.latent.format import ratio_of


@dataclass(frozen=True)
class Canvas:
    """How a picture of the asked size comes from what the model can draw.

    Example:
        >>> Canvas(height=128, width=128, enlargements=1, cropped=False).enlargements
        1
    """

    height: int  # pixels the model draws, before any enlargement
    width: int
    enlargements: int  # runs of the upscaler
    cropped: bool  # the model cannot draw this shape: a part of the drawing is cut off


def canvas(request: Request, manifest: Manifest) -> Canvas:
    """Choose what to draw: the nearest shape the model knows, then enlarged to cover."""
    upscaler = manifest.parts.get("upscaler")
    factor = int(upscaler.config.get("scale", 4)) if upscaler else 1
    area = manifest.defaults.height * manifest.defaults.width / factor**2
    wanted = math.log(request.width / request.height)
    ratio = min(
        (ratio_of(text) for text in manifest.aspects), key=lambda r: abs(math.log(r) - wanted)
    )
    height, width = manifest.latent.size_of(ratio, area)
    needed = max(request.height / height, request.width / width)
    enlargements = 0
    while upscaler and needed > factor**enlargements:
        enlargements += 1
    cropped = abs(math.log(width / height) - wanted) > 0.02
    return Canvas(height, width, enlargements, cropped)
