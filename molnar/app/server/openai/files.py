"""The history's PNG in, the file a client asked for out: its format, its size, its record kept."""

from __future__ import annotations

import base64

from PIL import Image, ImageOps

from molnar.app.server.openai.sizes import Size
from molnar.base import metadata
from molnar.base.images import checked

GOOD = 95  # quality of a JPEG; more makes the file larger and nothing better


def encoded(
    png: bytes,
    size: Size | None,
    suffix: str,
    compression: int | None = None,
    opaque: bool = False,
) -> tuple[bytes, Size]:
    """Turn a picture of the history into what was asked for.

    Args:
        png: As drawn, with its record.
        size: Width and height wanted; None = as it is. What stands over is cut off evenly.
        suffix: ".png", ".jpg" or ".webp".
        compression: 0 to 100 as OpenAI has it: 100 is the best; None = our own choice.
        opaque: Lay it on white where it is transparent.

    Returns:
        The file, and its width and height.
    """
    image = checked("the picture", png)
    flatten = opaque and image.mode == "RGBA"
    fits = size is None or size == image.size
    if suffix == ".png" and fits and not flatten:
        return png, image.size
    found = metadata.read(png)
    if flatten:
        image = metadata.flat(image)
    if size is not None and not fits:
        image = _covering(image, size)
    parameters = found.text.get(metadata.PARAMETERS_KEY, "")
    data = metadata.encode(
        image, found.record or {}, parameters, suffix, _quality(suffix, compression)
    )
    return data, image.size


def enlarged(preview: str, size: Size, suffix: str, compression: int | None = None) -> str:
    """Turn a preview into an unfinished picture of the size asked for.

    Args:
        preview: Base64 of a small WebP.
        size: Width and height.
        suffix: Of the format.
        compression: As for `encoded`.

    Returns:
        Base64 of a file that says that a model made it.
    """
    image = checked("the preview", base64.b64decode(preview))
    image = _covering(image.convert("RGBA" if image.mode == "RGBA" else "RGB"), size)
    data = metadata.encode(image, {}, "", suffix, _quality(suffix, compression))
    return base64.b64encode(data).decode("ascii")


def _quality(suffix: str, compression: int | None) -> int | None:
    """Give an encoder's quality; None is the one that `metadata.encode` has of its own."""
    if compression is None or suffix == ".png" or (suffix == ".webp" and compression == 100):
        return None
    return max(1, min(compression, GOOD))


def _covering(image: Image.Image, size: Size) -> Image.Image:
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
