"""A picture of a place in, which place it is and where in it something stands out.

Told the place alone, the network can guess the place from a noisy picture, and nothing that is in
it: what it could not guess is the thing.

Source: Couairon et al. 2022, arXiv 2210.11427, section 3.2 (masks from differences of estimates).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from molnar.seeing.judging import Judge
from molnar.seeing.recognising import plan_of
from molnar.seeing.regions import SIDE, Patch, connected
from molnar.seeing.saying import PLACES

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

TIME, SEEDS = 0.8, (0, 1)  # at which things are looked for
UNLIKELY = 3.0  # gap, in medians of the picture, from which a cell is not the place's
TAILS = 0.06  # share of what stands out that is left out of its box, on each side


def place_of(judge: Judge, latent: Floats, picture: Bytes) -> tuple[list[str], Patch | None]:
    """Tell the place of a picture, and what stands out from it.

    Args:
        judge: The model's eye.
        latent: 1 C h w, of the picture.
        picture: uint8 S S 4.

    Returns:
        The places that the model knows, likeliest first, and a patch if anything stands out.
    """
    places = [name for name in PLACES if name in judge.names]
    if not places:
        return [], None
    said = [(PLACES[place], plan_of((), place)) for place in places]
    gaps = np.zeros((len(places), *latent.shape[2:]), np.float32)
    for seed in SEEDS[:1]:
        gaps += ((judge.estimates(latent, said, 0.95, seed) - latent) ** 2).mean(axis=1)
    # Half of the picture is the place's: the rest may be a thing of which nothing was said.
    order = np.argsort(np.median(gaps, axis=(1, 2)), kind="stable")
    best = [places[k] for k in order]
    return best, _standing_out(judge, latent, picture, best[0])


def everything(picture: Bytes) -> Patch:
    """Take a whole picture for one patch."""
    mask = np.ones((SIDE, SIDE), bool)
    return Patch(mask, mask, picture[..., :3].reshape(-1, 3)[::97])


def _standing_out(judge: Judge, latent: Floats, picture: Bytes, place: str) -> Patch | None:
    said = [(PLACES[place], plan_of((), place))]
    gaps = [judge.estimates(latent, said, TIME, seed) - latent for seed in SEEDS]
    gap = np.mean([(one**2).mean(axis=(0, 1)) for one in gaps], axis=0)
    gap /= max(float(np.median(gap)), 1e-9)
    parts = connected(gap > UNLIKELY, 0)
    if not parts:
        return None
    largest = max(parts, key=lambda part: float(gap[part].sum()))
    weight = np.where(largest, np.minimum(gap, 3 * UNLIKELY), 0)
    rows, columns = _core(weight.sum(1)), _core(weight.sum(0))
    cells = np.zeros_like(largest)
    cells[rows, columns] = largest[rows, columns]
    if cells.sum() < 4:
        return None
    size = (SIDE, SIDE)
    mask = np.asarray(Image.fromarray(cells.astype(np.uint8) * 255).resize(size)) > 127
    small = np.asarray(Image.fromarray(picture[..., :3]).resize(size))
    return Patch(mask, mask, small[mask])


def _core(weights: NDArray[np.float64]) -> slice:
    """Cut the thin tails off a row of weights."""
    share = np.cumsum(weights) / weights.sum()
    begin = int(np.searchsorted(share, TAILS))
    end = int(np.searchsorted(share, 1 - TAILS)) + 1
    return slice(begin, end)
