"""How much memory and how many seconds a checkpoint takes, before anything is loaded.

Weights are counted from their files. What is computed on them is estimated: a step of a network
multiplies every weight once for each cell of the latent that it sees, twice with guidance. The
estimate is good within a factor of two, and says so by being rounded.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from molnar.base.errors import MissingExtraError
from molnar.bridge.family import CASCADE, UNET

if TYPE_CHECKING:
    from molnar.bridge.recognising import Found

BYTES = {
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int8": 1,
    "float8": 1,
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
}
READERS = ("text_encoder", "text_encoder_2", "text_encoder_3", "image_encoder", "prior")
CELL = 8  # pixels of a cell of the latent, each way
PATCH = 2  # cells of a token of a transformer, each way
# A U-Net sees most of its weights at a coarser grid than the latent's: Stable Diffusion 1.5 has
# 860 million, 4,096 cells at 512 x 512, and multiplies 0.34 trillion numbers a step, a tenth of it.
SHARE = 0.1
DECODED = 1.25e3  # bytes of memory that decoding takes for a pixel, at float32; measured, SD's VAE
SLICE = 64  # bytes of activations for a pixel and million weights' square root; see `working`
BASE = 700 * 2**20  # bytes of torch, diffusers and transformers themselves


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Bytes of a checkpoint's weights by what they are for, as they lie on the disk."""

    readers: int  # text and image encoders: needed once a prompt
    drawer: int  # what every step runs
    decoder: int  # latents <-> pixels
    dtype: str  # of most of them
    beside: int = 0  # of what draws with it, as many as they would be in this dtype

    @property
    def whole(self) -> int:
        """Bytes of all."""
        return self.readers + self.drawer + self.decoder + self.beside


def parts_of(found: Found) -> Parts:
    """Count a checkpoint's weights by what they are for.

    Args:
        found: From `recognise`. Of a single file the shares are those that are usual.
    """
    if found.layout == "folder":
        sizes: dict[str, int] = {}
        for path in found.weights:
            where = _component(found.path, path)
            sizes[where] = sizes.get(where, 0) + path.stat().st_size
        readers = sum(size for name, size in sizes.items() if name in READERS)
        decoder = sum(
            size for name, size in sizes.items() if name.startswith(("vae", "vq", "movq"))
        )
        drawer = sum(sizes.values()) - readers - decoder
    else:
        readers, decoder = found.bytes * 12 // 100, found.bytes * 8 // 100
        drawer = found.bytes - readers - decoder
    return Parts(readers=readers, drawer=drawer, decoder=decoder, dtype=found.dtype)


def _component(folder: Path, path: Path) -> str:
    try:
        return path.relative_to(folder).parts[0]
    except ValueError:
        return path.parent.name


def parameters(size: int, dtype: str) -> float:
    """Count the weights in so many bytes."""
    return size / BYTES.get(dtype, 2)


def operations(found: Found, height: int, width: int, guided: bool) -> float:
    """Estimate the floating point operations of one step.

    Args:
        found: The checkpoint.
        height: Pixels.
        width: Pixels.
        guided: Each step is computed twice, with the prompt and without.
    """
    parts = parts_of(found)
    count = parameters(parts.drawer, parts.dtype)
    cells = (height / CELL) * (width / CELL)
    design = found.family.design
    seen = cells * SHARE if design in (UNET, CASCADE) else cells / PATCH**2
    return 2 * count * seen * (2 if guided else 1)


def speed(dtype: str = "float32", device: str = "cpu", side: int = 0) -> float:
    """Measure how many operations a second this machine does, on one large product.

    Args:
        dtype: What is computed in.
        device: Where.
        side: Of the product's matrices; 0 = large enough for the device.

    Raises:
        MissingExtraError: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("torch", "hub") from error

    side = side or (1024 if device == "cpu" else 4096)
    a = torch.ones(side, side, dtype=getattr(torch, dtype), device=device)
    times = []
    for _ in range(4):
        begun = time.perf_counter()
        (a @ a)[0, 0].item()  # waits until it is there
        times.append(time.perf_counter() - begun)
    return 2 * side**3 / min(times)


def seconds_of(
    found: Found, steps: int, height: int, width: int, guided: bool, rate: float
) -> Mapping[str, float]:
    """Estimate the seconds of a picture by what they are for.

    Args:
        found: The checkpoint.
        steps: Of the sampler.
        height: Pixels.
        width: Pixels.
        guided: Each step is computed twice.
        rate: Operations a second, from `speed`.
    """
    parts = parts_of(found)
    # Networks reach about two thirds of what one large product reaches.
    rate = rate * 2 / 3
    step = operations(found, height, width, guided) / rate
    reading = 2 * parameters(parts.readers, parts.dtype) * 77 * (2 if guided else 1) / rate
    # A decoder multiplies 1.2 trillion numbers for 512 x 512, whatever the family.
    decoding = 2.5e12 * (height * width / 512**2) / rate
    return {"text": reading, "step": step, "steps": step * steps, "decode": decoding}


def working(parts: Parts, height: int, width: int, width_bytes: int) -> int:
    """Estimate the bytes that are computed with while drawing, beyond the weights.

    Args:
        parts: Of the checkpoint.
        height: Pixels.
        width: Pixels.
        width_bytes: Bytes of a number.
    """
    millions = parameters(parts.drawer, parts.dtype) / 1e6
    return int(height * width * SLICE * millions**0.5 * width_bytes / 4)


def decoding(height: int, width: int, width_bytes: int, tiled: bool) -> int:
    """Estimate the bytes that the decoder computes with, in one piece or in tiles of 512 pixels."""
    pixels = min(height * width, 512 * 512) if tiled else height * width
    return int(pixels * DECODED * width_bytes)
