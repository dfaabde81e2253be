"""A latent on its way in, a small picture out in less than a millisecond: no network runs.

Most of what a decoder does is linear, cell by cell: one matrix from the channels of a cell to its
pixels comes within 29 dB of it. The matrix is not stored with a model but fitted, by least squares,
to what the model's own encoder and decoder make of a few drawings of nothing in particular.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from molnar.base.errors import BundleError
from molnar.base.images import on_white, premultiply, resized, to_model
from molnar.base.rng import generator
from molnar.base.types import Parts
from molnar.latent.format import LatentFormat

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIDE = 128  # pixels of the longer side, at most
LARGEST = 6000  # bytes of a preview
QUALITIES = (75, 40, 10)  # of WebP, tried until it is small enough; the first is 1 to 3 kB
EFFORT = 2  # of WebP, 0 to 6: 0.7 ms
KEY = 128  # of the random numbers that the drawings come from
# Opaque drawings decide the colours. Without one that is not, what is clear would come out as
# anything (16 dB); with as many, colours are worse by 2 dB.
OPAQUE, CLEAR = 6, 1
SHAPES = (20, 60)  # in a drawing, from ... up to below
FINER = 2  # pixels drawn for each of a drawing's, each way: smooth edges
RIDGE = 1e-4


class Previewer:
    """A linear stand-in for a decoder.

    Example:
        >>> previewer = Previewer(parts, bundle.manifest.latent)  # doctest: +SKIP
        >>> previewer.preview(step.x0).shape  # doctest: +SKIP
        (128, 128, 3)
    """

    def __init__(self, parts: Parts, latent_format: LatentFormat) -> None:
        """Fit the matrix; this takes about as long as decoding 7 pictures.

        Args:
            parts: Encoder and decoder are used, the decoder alone where there is no encoder.
            latent_format: Says how large a cell is.
        """
        self._cell = latent_format.downscale
        side = SIDE // self._cell
        latents = []
        for number in range(OPAQUE + CLEAR):
            drawn = drawing(number, side * self._cell, number < OPAQUE)
            try:
                latents.append(np.asarray(parts.encode(drawn), np.float32))
            except BundleError:  # that has no encoder: a latent is about normal
                shape = (1, latent_format.channels, side, side)
                rng = generator(KEY, number)
                latents.append(rng.standard_normal(shape, dtype=np.float32))
        given = np.concatenate([_rows(latent) for latent in latents])
        images = [np.asarray(parts.decode(latent), np.float32) for latent in latents]
        wanted = np.concatenate([self._patches(image) for image in images])
        square = given.T @ given + RIDGE * len(given) * np.eye(given.shape[1], dtype=np.float32)
        self._matrix = np.linalg.solve(square, given.T @ wanted).astype(np.float32)

    def preview(self, x0: Any) -> Bytes:
        """Guess what a latent 1 C h w decodes to, on white: uint8 H W 3, at most 128 a side."""
        _, _, rows, columns = x0.shape
        cell, size = self._cell, (rows * self._cell, columns * self._cell)
        flat = _rows(np.asarray(x0, np.float32)) @ self._matrix
        patches = flat.reshape(rows, columns, 4, cell, cell).transpose(2, 0, 3, 1, 4)
        # Clipped before, as decoded pictures are, and after: a colour may outshine its alpha.
        image = on_white(np.clip(patches.reshape(1, 4, *size), -1, 1))[:, :3].clip(-1, 1)
        if max(size) > SIDE:
            scale = SIDE / max(size)
            image = resized(image, *(max(1, round(side * scale)) for side in size))
        shown: Bytes = np.round((image[0].transpose(1, 2, 0) + 1) * 127.5).astype(np.uint8)
        return shown

    def encoded(self, x0: Any) -> bytes:
        """Give the preview of a latent as the bytes of a WebP of at most 6 kB."""
        return encoded(self.preview(x0))

    def _patches(self, image: Floats) -> Floats:
        """Cut an image 1 C H W into the patches of its cells: N C * cell * cell."""
        _, channels, height, width = image.shape
        cell = self._cell
        cells = image.reshape(channels, height // cell, cell, width // cell, cell)
        return cells.transpose(1, 3, 0, 2, 4).reshape(-1, channels * cell * cell)


def encoded(shown: Bytes) -> bytes:
    """Give a small picture, uint8 H W 3, as the bytes of a WebP, of at most 6 kB where it can be.

    Example:
        >>> encoded(np.zeros((64, 64, 3), np.uint8))[8:12]
        b'WEBP'
    """
    image = Image.fromarray(shown)
    for quality in QUALITIES:
        out = io.BytesIO()
        image.save(out, "WEBP", quality=quality, method=EFFORT)
        if out.tell() <= LARGEST:
            break
    return out.getvalue()


def drawing(number: int, side: int, opaque: bool) -> Floats:
    """Draw shapes of all sizes and colours, the same for the same number.

    Args:
        number: From 0.
        side: Pixels.
        opaque: Cover the ground, or leave it clear.

    Returns:
        float32 1 4 side side in [-1, 1], premultiplied.
    """
    rng = generator(KEY, number)
    size = side * FINER
    ground = (*_colour(rng)[:3], 255 if opaque else 0)
    image = Image.new("RGBA", (size, size), ground)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(*SHAPES))):
        x, y = (int(at) for at in rng.integers(0, size, 2))
        wide, high = (int(half) for half in rng.integers(size // 32, size // 4, 2))
        box, colour = (x - wide, y - high, x + wide, y + high), _colour(rng)
        kind = rng.integers(4)
        if kind == 0:
            draw.ellipse(box, fill=colour)
        elif kind == 1:
            draw.rectangle(box, fill=colour)
        elif kind == 2:
            draw.polygon([(x, y - high), (x - wide, y + high), (x + wide, y)], fill=colour)
        else:
            draw.line(box, fill=colour, width=int(rng.integers(1, max(2, size // 32) + 1)))
    fine = premultiply(np.asarray(image)).reshape(side, FINER, side, FINER, 4)
    return to_model(np.round(fine.mean(axis=(1, 3))).astype(np.uint8)[None])


def _colour(rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Choose a colour; one in four is black or white, as lines and grounds often are."""
    if rng.random() < 0.25:
        grey = 255 * int(rng.integers(2))
        return grey, grey, grey, 255
    red, green, blue = (int(part) for part in rng.integers(0, 256, 3))
    return red, green, blue, 255


def _rows(latent: Floats) -> Floats:
    """Give the cells of a latent 1 C h w as rows N C + 1, the last number 1."""
    cells = latent[0].reshape(latent.shape[1], -1).T
    return np.concatenate([cells, np.ones((len(cells), 1), np.float32)], axis=1)
