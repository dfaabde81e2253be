"""A small picture and a text in, how well they fit out: what `best_of` chooses by."""

from __future__ import annotations

import math
from typing import Any

from molnar.base.errors import BundleError
from molnar.base.images import fit, squeeze
from molnar.base.types import Parts, TextEmbedding
from molnar.bundle import Bundle


def rated(parts: Parts, side: int, image: Any, text: TextEmbedding, size: tuple[int, int]) -> float:
    """Rate one picture, without what will be cut off; one that is no square is squeezed into one.

    Args:
        parts: with a CLIP.
        side: of what the CLIP sees, pixels.
        image: as decoded, 1 4 H W in [-1, 1].
        text: of the prompt.
        size: height and width that are asked for; only their ratio counts.

    Returns:
        A cosine, -1 to 1.
    """
    height, width = image.shape[2:]
    scale = min(height / size[0], width / size[1])
    kept = fit(image, round(size[0] * scale), round(size[1] * scale))
    return float(parts.rate(squeeze(kept, side), text)[0])


def rank(cosine: float | None) -> float:
    """Give what to sort by: a picture that could not be rated comes last."""
    return cosine if cosine is not None and math.isfinite(cosine) else -math.inf


def sight(bundle: Bundle) -> int:
    """Give the side, in pixels, of what a bundle's CLIP sees.

    Raises:
        BundleError: it does not say.
    """
    try:
        return int(bundle.part("clip").config["vision"]["image_size"])
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"{bundle.folder}: its CLIP does not say what size it sees; export it again"
        ) from error
