"""Pictures and a model's decoder and upscaler in, what they lose out; and what a picture costs.

Pictures are drawings that training never shows (with a sticker pack) or held-out combinations of
shapes (without). PSNR is given twice: on white, as people see it, and over premultiplied RGBA,
which also counts the transparency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from molnar.base.images import to_model
from molnar.base.types import Parts
from molnar.lab.data.heldout import drawing_held_out
from molnar.lab.data.palette import lab
from molnar.lab.data.spec import Spec
from molnar.lab.data.stickers import Stickers
from molnar.lab.data.world import World, WorldConfig
from molnar.lab.evaluate.prompts import SEED
from molnar.lab.evaluate.segments import delta_e
from molnar.lab.evaluate.sources import Pixels
from molnar.lab.evaluate.stickers import Describe

NATIVE_PX = 128
EDGE = 0.1  # grey levels per pixel (of 1) above which a pixel belongs to an edge
Model = NDArray[np.float32]  # 1 4 H W in [-1, 1], premultiplied


@dataclass(frozen=True, slots=True)
class Loss:
    """What a part loses, as medians over pictures.

    ``psnr_white`` and ``psnr_rgba`` in dB; ``psnr_edges`` in dB on white over pixels at edges
    alone; ``colour_de`` is the mean CIE76 distance on white (2.3 is just noticeable).
    """

    psnr_white: float
    psnr_rgba: float
    psnr_edges: float
    colour_de: float
    num_pictures: int

    def to_json(self) -> dict[str, float]:
        """Give the figures to three digits."""
        names = ("psnr_white", "psnr_rgba", "psnr_edges", "colour_de", "num_pictures")
        return {name: round(float(getattr(self, name)), 3) for name in names}


def compare(truth: Pixels, got: Pixels) -> tuple[float, float, float, float]:
    """Compare two premultiplied uint8 H W 4 pictures.

    Returns:
        PSNR on white, over RGBA and at edges (dB), and mean dE.
    """
    white, other = _on_white(truth), _on_white(got)
    square = ((white - other) ** 2).mean(-1)
    edges = _edges(white)
    at_edges = float(square[edges].mean()) if edges.any() else float(square.mean())
    rgba = float(((truth.astype(np.float32) - got.astype(np.float32)) ** 2).mean()) / 255**2
    colour = float(delta_e(lab(white * 255), lab(other * 255)).mean())
    return _psnr(float(square.mean())), _psnr(rgba), _psnr(at_edges), colour


def measure(
    pairs: Iterator[tuple[Pixels, Pixels]] | Sequence[tuple[Pixels, Pixels]],
) -> Loss | None:
    """Sum up (truth, got) pairs of premultiplied pictures; None when there are none."""
    rows = np.array([compare(truth, got) for truth, got in pairs])
    if not len(rows):
        return None
    middle = np.median(rows, axis=0)
    white, rgba, edges, colour = (float(value) for value in middle)
    return Loss(white, rgba, edges, colour, len(rows))


def held_out_drawings(
    size: int, num_pictures: int, stickers: Stickers | None = None
) -> list[Callable[[int], Pixels]]:
    """Give pictures that were never trained on, as functions of size: premultiplied uint8 S S 4.

    Args:
        size: smallest side that will be asked for, pixels.
        num_pictures: at most so many.
        stickers: drawings held out; None: held-out combinations of shapes.
    """
    if stickers is not None:
        hidden = [key for key in stickers.drawings if drawing_held_out(*key)]
        picks = hidden[:: max(1, len(hidden) // num_pictures)][:num_pictures]
        return [_raster(stickers, name, style) for name, style in picks]
    world = World(WorldConfig(seed=SEED, split="heldout", size=size))
    kinds = ("single", "two", "counting", "position", "attribution")
    specs = [world.spec(10 * SEED + k, kinds[k % len(kinds)]) for k in range(num_pictures)]
    return [_rendered(world, spec) for spec in specs]


def _raster(stickers: Stickers, name: str, style: str) -> Callable[[int], Pixels]:
    return lambda size: np.asarray(stickers.raster(name, style, size), np.uint8)


def _rendered(world: World, spec: Spec) -> Callable[[int], Pixels]:
    return lambda size: np.asarray(world.render(spec, size).image, np.uint8)


def autoencoder_loss(parts: Parts, pictures: Sequence[Callable[[int], Pixels]]) -> Loss | None:
    """Measure encoder and decoder at the model's native 128 pixels."""

    def pairs() -> Iterator[tuple[Pixels, Pixels]]:
        for picture in pictures:
            truth = picture(NATIVE_PX)
            yield truth, to_pixels(np.asarray(parts.decode(parts.encode(to_model(truth[None])))))

    return measure(pairs())


def upscaler_loss(
    parts: Parts, pictures: Sequence[Callable[[int], Pixels]]
) -> tuple[Loss | None, Loss | None]:
    """Measure the upscaler from exact small pictures, and bicubic interpolation beside it."""
    ours, bicubic = [], []
    for picture in pictures:
        small = picture(NATIVE_PX)
        large = to_pixels(np.asarray(parts.upscale(to_model(small[None]))))
        truth = picture(large.shape[0])
        ours.append((truth, large))
        bicubic.append((truth, _bicubic(small, large.shape[0])))
    return measure(ours), measure(bicubic)


def _bicubic(small: Pixels, size: int) -> Pixels:
    planes = [
        np.asarray(Image.fromarray(small[..., k]).resize((size, size), Image.Resampling.BICUBIC))
        for k in range(4)
    ]
    return np.stack(planes, -1)


def to_pixels(image: Model) -> Pixels:
    """Turn 1 4 H W in [-1, 1] into premultiplied uint8 H W 4."""
    unit = np.clip(image[0] * 0.5 + 0.5, 0, 1).transpose(1, 2, 0)
    return np.asarray((unit * 255).round(), np.uint8)


def _on_white(image: Pixels) -> NDArray[np.float32]:
    unit = image.astype(np.float32) / 255
    return np.asarray(unit[..., :3] + 1 - unit[..., 3:], np.float32)


def _edges(white: NDArray[np.float32]) -> NDArray[np.bool_]:
    grey = white.mean(-1)
    steps = [ndimage.correlate1d(grey, [-0.5, 0, 0.5], axis=axis) for axis in (0, 1)]
    return np.asarray(ndimage.binary_dilation(np.hypot(*steps) > EDGE))


def _psnr(mean_square: float) -> float:
    return float(-10 * np.log10(max(mean_square, 1e-10)))  # 100 dB stands for "equal"


def diversity(pictures: dict[str, list[Pixels]], describe: Describe) -> tuple[float, float] | None:
    """Give how far apart pictures are: of one prompt among seeds, and of different prompts.

    Distances are 1 - cosine of the descriptor; a model that has collapsed has a first number near
    0.

    Args:
        pictures: by prompt.
        describe: pictures -> unit vectors.
    """
    vectors = {prompt: describe(images) for prompt, images in pictures.items() if len(images) > 1}
    if len(vectors) < 2:
        return None
    within = [_mean_distance(table) for table in vectors.values()]
    between = _mean_distance(np.stack([table[0] for table in vectors.values()]))
    return float(np.mean(within)), between


def _mean_distance(vectors: NDArray[np.float32]) -> float:
    upper = np.triu_indices(len(vectors), 1)
    return float((1 - vectors @ vectors.T)[upper].mean())


def cost(seconds: Sequence[float], folder: Path) -> dict[str, Any]:
    """Give seconds per picture (warm: the first is left out) and megabytes of a bundle's folder.

    Seconds are None when no picture was drawn in this run (all were kept from before).
    """
    warm = list(seconds[1:] or seconds)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "seconds_median": round(float(np.median(warm)), 3) if warm else None,
        "seconds_p95": round(float(np.quantile(warm, 0.95)), 3) if warm else None,
        "num_timed": len(warm),
        "megabytes": round(size / 1e6, 2),
    }
