"""A folder of trained parts in, which of its decoders counts out."""

from __future__ import annotations

import json
from pathlib import Path

from molnar.base.weights import sha256


def decoder_folder(workspace: Path) -> str:
    """Name the folder of the decoder that counts: "decoder" if it is of this vae, else "vae".

    Args:
        workspace: Holds vae/ and, maybe, decoder/, which names the weights that it began from.
    """
    told, weights = workspace / "decoder" / "model.json", workspace / "vae" / "model.safetensors"
    if not (told.is_file() and weights.is_file()):
        return "vae"
    of = json.loads(told.read_text(encoding="utf-8")).get("data", {}).get("vae")
    return "decoder" if of == sha256(weights) else "vae"
