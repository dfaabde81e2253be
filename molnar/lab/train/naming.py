"""Names of things in, the vectors that plans tell them by out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from molnar.plan.paint import VERSION
from molnar.text.embeddings import TextEncoder
from molnar.text.tokens import Tokenizer


@torch.no_grad()
def name_vectors(
    tokenizer: Tokenizer, encoder: TextEncoder, names: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Read every name of a plan by itself, and set the names apart: float32 P, length about 1.

    Sentence vectors of names are all alike ("circle" to "cross" has a cosine of 0.66): what they
    share would have to be unlearned first. See `apart`.
    """
    found: dict[str, NDArray[np.float32]] = {}
    for begin in range(0, len(names), 256):
        some = list(names[begin : begin + 256])
        tokens = tokenizer.encode(some)
        pooled = encoder(torch.from_numpy(tokens.ids), torch.from_numpy(tokens.mask))[1]
        found |= dict(zip(some, pooled.numpy(), strict=True))
    if not found:
        return found
    return dict(zip(found, apart(np.stack(list(found.values()))), strict=True))


def digest(encoder: TextEncoder, names: Iterable[str]) -> str:
    """Name what a network was told plans with: the names, who reads them, and how they are laid.

    The reader's weights count and not the vectors that it gives: those differ in their last bits
    from one machine to the next, and a run may go on elsewhere.
    """
    told = hashlib.sha256("\n".join((str(VERSION), *names)).encode())
    for name, weights in sorted(encoder.state_dict().items()):
        told.update(name.encode() + weights.detach().cpu().float().numpy().tobytes())
    return told.hexdigest()[:16]


def apart(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Subtract the mean of N vectors of P numbers, and make strong directions as strong as others.

    Directions weaker than the median are left weak: they are noise. Mean length is 1.

    Source: Bell and Sejnowski 1997, "The independent components of natural scenes are edge filters"
    (zero-phase whitening), damped.
    """
    centred = vectors - vectors.mean(axis=0)
    _, strengths, axes = np.linalg.svd(centred, full_matrices=False)
    damped = np.sqrt(strengths**2 + np.median(strengths) ** 2)
    found = (centred @ axes.T / damped) @ axes
    return np.asarray(found / np.linalg.norm(found, axis=1).mean(), np.float32)
