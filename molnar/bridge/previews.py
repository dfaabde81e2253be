"""An estimate of a latent in, a small picture out: by a tiny decoder where there is one.

Where there is none, one matrix stands in place of the checkpoint's decoder.

As `latent/preview.py` does for our own model: what a cell looks like is nearly linear in its
channels. The matrix is fitted to what the checkpoint's own encoder makes of a few drawings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.base.images import resized
from molnar.latent.preview import RIDGE, SIDE, drawing

try:
    import torch
except ImportError as error:
    from molnar.base.errors import MissingExtraError

    raise MissingExtraError("torch", "hub") from error

Floats = NDArray[np.float32]
DRAWINGS = 6
DECODED = 256  # pixels of the longer side of what a tiny decoder shows, at most
WITH_ALPHA = 4  # channels of the pictures that some encoders take
FITTED = 256  # pixels a side of a drawing that the matrix is fitted to


class Preview:
    """A stand-in for a decoder.

    Args:
        matrix: (C + 1) x 3, from the channels of a cell and a one to its colour; None = what is
            drawn is no latent that could be guessed: pictures themselves, or tokens.
        decoder: A `TinyDecoder`, which goes before the matrix.
    """

    def __init__(self, matrix: Floats | None = None, decoder: Any = None) -> None:
        self.matrix, self.decoder = matrix, decoder

    @classmethod
    def of(cls, pipe: Any, decoder: Any = None) -> Preview:
        """Fit the matrix to a pipeline's own encoder; this takes as long as encoding 6 drawings.

        Args:
            pipe: Of the checkpoint.
            decoder: A tiny one, for its latents; then no matrix is needed.
        """
        if decoder is not None:
            return cls(decoder=decoder)
        vae = getattr(pipe, "vae", None)
        if vae is None or not hasattr(vae, "encode"):
            return cls()
        given, wanted = [], []
        for number in range(DRAWINGS):
            image = drawing(number, FITTED, True)[:, :3]
            latent = _latent(vae, image)
            if latent is None:
                return cls()
            given.append(_rows(latent))
            wanted.append(_rows(resized(image, *latent.shape[2:]))[:, :3])
        rows, colours = np.concatenate(given), np.concatenate(wanted)
        square = rows.T @ rows + RIDGE * len(rows) * np.eye(rows.shape[1], dtype=np.float32)
        return cls(np.linalg.solve(square, rows.T @ colours).astype(np.float32))

    def __call__(self, x0: Any) -> NDArray[np.uint8]:
        """Guess a picture: uint8 h w 3; grey where there is nothing to see.

        It has at most 128 pixels a side, or 256 where a tiny decoder shows it.
        """
        x0 = np.asarray(x0, np.float32)
        if x0.ndim != 4:
            return np.full((8, 8, 3), 128, np.uint8)
        if self.decoder is not None and x0.shape[1] == self.decoder.channels:
            return _within(self.decoder.preview(x0)[0], DECODED)
        if x0.shape[1] == 3 and self.matrix is None:
            image = x0
        elif self.matrix is not None and x0.shape[1] == len(self.matrix) - 1:
            rows = _rows(x0) @ self.matrix
            image = rows.reshape(1, *x0.shape[2:], 3).transpose(0, 3, 1, 2)
        else:
            return np.full((*x0.shape[2:], 3), 128, np.uint8)
        image = np.clip(image, -1, 1)
        if max(image.shape[2:]) > SIDE:
            scale = SIDE / max(image.shape[2:])
            image = resized(image, *(max(1, round(side * scale)) for side in image.shape[2:]))
        return np.asarray(np.round((image[0].transpose(1, 2, 0) + 1) * 127.5), np.uint8)


def _within(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Make a picture, uint8 H W 3, as small as it must be."""
    scale = side / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    high, wide = (max(1, round(length * scale)) for length in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((wide, high), Image.Resampling.BOX))


def _latent(vae: Any, image: Floats) -> Floats | None:
    """Encode an image 1 3 H W as its pipeline scales latents: 1 C h w; None if it cannot be."""
    pixels = torch.from_numpy(image).to(vae.device, vae.dtype)
    if vae.config.get("in_channels") == WITH_ALPHA:
        pixels = torch.cat([pixels, torch.ones_like(pixels[:, :1])], dim=1)
    video = "latents_mean" in vae.config and "latents_std" in vae.config and _moving(vae)
    with torch.no_grad():
        out = vae.encode(pixels[:, :, None] if video else pixels)
    code = getattr(out, "latent_dist", None)
    latent = getattr(out, "latent", None) if code is None else code.mode()
    if latent is None:
        return None
    config = vae.config
    if video:
        shape = (1, -1, 1, 1, 1)
        mean, std = (
            torch.tensor(config[name]).view(shape).to(latent)
            for name in ("latents_mean", "latents_std")
        )
        latent = ((latent - mean) / std)[:, :, 0]
    else:
        scale, shift = config.get("scaling_factor") or 1.0, config.get("shift_factor") or 0.0
        latent = (latent - shift) * scale
    return np.asarray(latent.float().cpu().numpy(), np.float32)


def _moving(vae: Any) -> bool:
    """Tell whether an autoencoder is one of videos, of which a picture is one frame."""
    return any(part in type(vae).__name__ for part in ("Wan", "Qwen", "3D", "Video"))


def _rows(latent: Floats) -> Floats:
    """Give the cells of a latent 1 C h w as rows N C + 1, the last number 1."""
    cells = latent[0].reshape(latent.shape[1], -1).T
    return np.concatenate([cells, np.ones((len(cells), 1), np.float32)], axis=1)
